"""Listening sockets: accept a client, decide what it may believe we are (explicit, reverse, transparent), serve it.

Replaces mitmproxy's proxyserver addon, because that one can neither share a port between processes (SO_REUSEPORT)
nor stop accepting while what is running goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mitmproxy import platform
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.mode_specs import ProxyMode

from clyra_proxy.engine.connection import ConnectionHandler
from clyra_proxy.engine.mirrored import ANY_UPSTREAM
from clyra_proxy.engine.settings import Listener, Mode
from clyra_proxy.errors import StartupError

if TYPE_CHECKING:
    from clyra_proxy.engine.master import EngineMaster

logger = logging.getLogger(__name__)


class Listeners:
    """All listening sockets of one engine and the connections accepted from them."""

    def __init__(self, engine: EngineMaster) -> None:
        self._engine = engine
        self._servers: list[asyncio.Server] = []
        self.addresses: tuple[tuple[str, int], ...] = ()
        self.connections: dict[ConnectionHandler, asyncio.Task[None]] = {}

    async def open(self, wanted: Sequence[Listener]) -> None:
        """Bind every listener. Raises StartupError (nothing stays bound) when one cannot be."""
        for listener in wanted:
            mode = proxy_mode(listener)
            try:
                server = await asyncio.start_server(
                    self._acceptor(listener, mode),
                    listener.host,
                    listener.port,
                    backlog=self._engine.settings.backlog,
                    reuse_port=self._engine.settings.reuse_port or None,
                )
            except OSError as error:
                self.close()
                raise StartupError(
                    f"Cannot listen on {listener.host}:{listener.port}.",
                    f"The system says: {os.strerror(error.errno) if error.errno else error}.",
                    "Stop what uses that port, or choose another with --port.",
                ) from error
            self._servers.append(server)
            self.addresses += tuple(bound.getsockname()[:2] for bound in server.sockets)

    async def borrow(self, listener: Listener, lent: socket.socket, *, lasting: bool) -> asyncio.Server:
        """Accept from a bound socket that somebody else owns; closing the server ends our share of it only.

        lasting: the address is one of ours for good (requests to it are refused as requests to ourselves).
        """
        mode = proxy_mode(listener)
        server = await asyncio.start_server(
            self._acceptor(listener, mode), sock=lent.dup(), backlog=self._engine.settings.backlog
        )
        self._servers.append(server)
        address = lent.getsockname()[:2]
        if lasting and address not in self.addresses:
            self.addresses += (address,)
        return server

    def close(self) -> None:
        """Stop accepting; connections that exist go on."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()

    def _acceptor(self, listener: Listener, mode: ProxyMode) -> Accept:
        return Accept(self._engine, listener, mode, self.connections)


class Accept:
    """The callback of one listening socket."""

    def __init__(
        self,
        engine: EngineMaster,
        listener: Listener,
        mode: ProxyMode,
        connections: dict[ConnectionHandler, asyncio.Task[None]],
    ) -> None:
        self._engine = engine
        self._mode = listener.mode
        self._proxy_mode = mode
        self._connections = connections

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            handler = ConnectionHandler(self._engine, reader, writer, self._proxy_mode)
            handler.state.takes_copies = self._mode is Mode.MIRROR
            handler.layer = self._top_layer(handler, writer)
        except Exception as error:  # noqa: BLE001 - a client that cannot be served must not hurt the others
            logger.warning("A client was not served: %s.", type(error).__name__)
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio calls us in a task of our own
        self._connections[handler] = task
        try:
            await handler.handle_client()
        finally:
            del self._connections[handler]

    def _top_layer(self, handler: ConnectionHandler, writer: asyncio.StreamWriter) -> Layer:
        context = handler.layer.context
        if self._mode in (Mode.REVERSE, Mode.MIRROR):
            return modes.ReverseProxy(context)
        if self._mode is Mode.EXPLICIT:
            return modes.HttpProxy(context)
        accepted: socket.socket = writer.get_extra_info("socket")
        if platform.original_addr is None:
            raise OSError("no original destination on this platform")
        original = platform.original_addr(accepted)
        context.client.sockname = original
        context.server.address = original
        return modes.TransparentProxy(context)


def proxy_mode(listener: Listener) -> ProxyMode:
    """mitmproxy's words for a listener. Raises StartupError for an upstream URL that is none."""
    try:
        if listener.mode is Mode.REVERSE:
            return ProxyMode.parse(f"reverse:{listener.upstream}")
        if listener.mode is Mode.MIRROR:
            return ProxyMode.parse(f"reverse:{listener.upstream or ANY_UPSTREAM}")
        if listener.mode is Mode.TRANSPARENT:
            platform.init_transparent_mode()
            return ProxyMode.parse("transparent")
        return ProxyMode.parse("regular")
    except (ValueError, OSError) as error:
        raise StartupError(
            f"Cannot run in {listener.mode} mode.",
            f"{error}.",
            "Give reverse mode an upstream such as https://api.example.com; transparent mode needs Linux.",
        ) from error
