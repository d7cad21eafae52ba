"""mitmproxy as a library: our own master, an explicit list of its addons, and our own listeners.

Kept of mitmproxy's default addons, each for a reason:
- tlsconfig (as `EngineTls`): certificates and TLS contexts, the part of mitmproxy we build on.
Replaced:
- proxyserver by `listen` and `connection` (SO_REUSEPORT, drain, dialling under our control);
- next_layer by `protocols` (unknown protocols are denied instead of passed);
- errorcheck: starting either works or raises StartupError;
- disable_h2c and update_alt_svc: done in `framing`, before anything leaves, for streamed exchanges too.
Left out: strip_dns_https_records (we do not speak DNS), keepserving and termlog/dumper (output is not ours to print),
and everything that stores, replays or rewrites flows.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from typing import Any

from mitmproxy import master, options

from clyra_proxy.engine import fastpath
from clyra_proxy.engine.connection import ConnectionHandler
from clyra_proxy.engine.dispatch import Dispatch, is_denied
from clyra_proxy.engine.hooks import ClyraProtocolHook, Protocol
from clyra_proxy.engine.listen import Listeners
from clyra_proxy.engine.protocols import ProtocolChoice
from clyra_proxy.engine.settings import EngineSettings, Listener
from clyra_proxy.engine.tls import EngineTls

logger = logging.getLogger(__name__)


class EngineOptions:
    """Addon that declares the options of mitmproxy's proxyserver that its layers read."""

    name = "engineoptions"

    def load(self, loader: Any) -> None:
        for name, kind, default in (
            ("store_streamed_bodies", bool, False),
            ("connection_strategy", str, "lazy"),
            ("stream_large_bodies", str | None, None),
            ("body_size_limit", str | None, None),
            ("keep_host_header", bool, False),
            ("proxy_debug", bool, False),
            ("normalize_outbound_headers", bool, True),
            ("validate_inbound_headers", bool, True),
        ):
            loader.add_option(name, kind, default, "")


class EngineMaster(master.Master):
    """One engine in one process. mitmproxy keeps its master in a global, so at most one runs at a time."""

    def __init__(
        self, settings: EngineSettings, addons: Sequence[object], loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        super().__init__(options.Options(), loop)
        self._legacy_log_events.uninstall()
        self.settings = settings
        self.tls = EngineTls()
        own = [EngineOptions(), self.tls, ProtocolChoice(self._ask_protocol)]
        self.addons.add(*own)
        self.options.update(**_mitmproxy_options(settings))
        # Ours come first: what an addon decides in `next_layer` or `tls_start_*` wins over the defaults.
        self.dispatch = Dispatch([*addons, *own], settings.hook_timeout_s)
        self._listeners = Listeners(self)
        self._exchanges = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._draining = False
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- life ------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load certificates and listen. Raises StartupError."""
        self.tls.load_authority()
        await self._listeners.open(self.settings.listeners)

    async def run(self) -> None:
        """Start, serve until `shutdown`, stop. Raises StartupError."""
        self.should_exit.clear()
        await self.start()
        try:
            await self.should_exit.wait()
        finally:
            await self.stop()

    async def listen_on(self, listener: Listener, lent: socket.socket, *, lasting: bool = True) -> asyncio.Server:
        """Also accept from a bound socket that the caller keeps (workers share what their supervisor opened)."""
        return await self._listeners.borrow(listener, lent, lasting=lasting)

    def say_farewell(self, *, final: bool = False) -> None:
        """Tell every client that we are leaving; `final` closes WebSocket sessions, politely."""
        for handler in list(self._listeners.connections):
            handler.say_farewell(final=final)

    def cut_denied(self) -> int:
        """Let addons look at everything under way again, and stop what they deny now. Returns how many."""
        count = 0
        for handler in list(self._listeners.connections):
            before = {flow.id for flow in handler.state.flows.values() if is_denied(flow)}
            self.dispatch.call("clyra_recheck", handler.client)
            denied = [flow for flow in handler.state.flows.values() if flow.id not in before and is_denied(flow)]
            if denied:
                handler.cut(denied)
            count += len(denied)
        return count

    def idle_connections(self, silent_s: float) -> list[ConnectionHandler]:
        """Client connections with no exchange under way on which nothing has moved for `silent_s` seconds."""
        latest = time.time() - silent_s
        return [
            handler
            for handler in self._listeners.connections
            if not handler.state.flows and handler.timeout_watchdog.last_activity < latest
        ]

    async def stop(self) -> None:
        """Stop listening and end every connection, in flight or not."""
        self.close_listeners()
        serving = dict(self._listeners.connections)
        for handler in serving:
            handler.abort("shutting down")
        if serving:
            await asyncio.wait(serving.values())

    def close_listeners(self) -> None:
        """Accept no more connections. What is connected goes on; HTTP/1 responses now say `Connection: close`."""
        self._draining = True
        self._listeners.close()

    async def drain(self, timeout: float) -> int:  # noqa: ASYNC109 - a bound on the whole, not on one wait
        """Close listeners, wait up to `timeout` seconds for exchanges to end, then cut. Returns how many were cut."""
        self.close_listeners()
        try:
            async with asyncio.timeout(timeout):
                await self._quiet.wait()
        except TimeoutError:
            pass
        cut = self._exchanges
        await self.stop()
        return cut

    def reload_certificates(self) -> None:
        """Read the certificate authority again; new handshakes use it. Raises (old one kept) on a bad file."""
        self.tls.reload()

    # -- state -----------------------------------------------------------------------------------------------------

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """(host, port) of every listening socket, with the ports the kernel chose."""
        return self._listeners.addresses

    def active_exchanges(self) -> int:
        """Exchanges that have begun and not had their `clyra_done` yet."""
        return self._exchanges

    def active_connections(self) -> int:
        """Client connections that are open."""
        return len(self._listeners.connections)

    def is_draining(self) -> bool:
        """Whether listeners are closed and clients are being asked to go elsewhere."""
        return self._draining

    def exchange_began(self) -> None:
        """Called by the HTTP stream when a request head is there."""
        self._exchanges += 1
        self._quiet.clear()

    def exchange_ended(self) -> None:
        """Called by the connection handler, once per exchange."""
        self._exchanges -= 1
        if not self._exchanges:
            self._quiet.set()

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold a reference: the event loop itself only keeps weak ones."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _ask_protocol(self, question: Protocol) -> None:
        self.dispatch.run(ClyraProtocolHook(question))


def build_master(
    settings: EngineSettings, addons: Sequence[object], loop: asyncio.AbstractEventLoop | None = None
) -> EngineMaster:
    """The engine with these addons, in this order. Nothing listens until `start` or `run`.

    Must be called with `loop` running (default: the running one). Raises StartupError when mitmproxy is not the
    version the engine was written for.
    """
    fastpath.install()
    return EngineMaster(settings, addons, loop)


def _mitmproxy_options(settings: EngineSettings) -> dict[str, Any]:
    return {
        "confdir": str(settings.confdir),
        "connection_strategy": "lazy",
        "http2": settings.http2,
        "keep_host_header": settings.keep_host_header,
        "rawtcp": False,
        "request_client_cert": settings.client_certificate,
        "tcp_timeout": int(settings.idle_timeout_s),
        "ssl_insecure": settings.upstream_insecure,
        "ssl_verify_upstream_trusted_ca": str(settings.upstream_trust) if settings.upstream_trust else None,
        "upstream_cert": False,
    }
