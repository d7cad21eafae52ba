"""Who is calling, under which trace, and which policy judges them: the first addon an exchange meets.

Identity belongs to the client connection: it is established from the CONNECT request or the first request, from the
certificate of the TLS connection to the proxy, or from the process behind a loopback port, and is remembered as long
as nothing about it changes. Proxy credentials end here (RFC 9110 section 11.7.2: they are for this hop); the trace
goes on with our span as the parent (W3C Trace Context).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow

from addons.callers import PROCESS, resolve_caller
from addons.exchanges import begin, exchange_of
from addons.guard import attempt
from addons.tunnels import refuse_tunnel
from clyra_proxy.activation import attribution
from clyra_proxy.approvals import call as approvals
from clyra_proxy.engine.client import state_of
from clyra_proxy.exchange import Exchange
from clyra_proxy.identity.process import Process
from clyra_proxy.identity.trace import trace_of
from clyra_proxy.verdict.model import Finding, Phase
from clyra_proxy.verdict.rules import RULES

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime

_LOOPBACK = ("127.", "::1", "::ffff:127.")
_FOR_US = frozenset(name.encode() for name in (*approvals.OWN_HEADERS, *attribution.OWN_HEADERS))
_REPLACED = _FOR_US | {b"proxy-authorization", b"proxy-connection", b"traceparent", b"tracestate"}
"""Fields that end here, or go on in our own words."""


class Identify:
    """Begins every exchange."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._searches: set[asyncio.Task[None]] = set()

    def client_connected(self, client: Client) -> None:
        """Start looking for the process behind a connection of this machine; nothing waits for the answer.

        A redirected connection counts, whatever its addresses: a client elsewhere is simply not found.
        """
        if not client.peername or not client.sockname:
            return
        if client.proxy_mode.type_name == "transparent" or client.peername[0].startswith(_LOOPBACK):
            search = asyncio.get_running_loop().create_task(self._find_process(client))
            self._searches.add(search)
            search.add_done_callback(self._searches.discard)

    def http_connect(self, flow: HTTPFlow) -> None:
        """A tunnel is asked for: refuse callers that policy does not want before anything is opened."""
        resolution = resolve_caller(flow.client_conn, self._runtime, flow.request.headers)
        if resolution.problem:
            exchange = begin(flow, self._runtime)
            exchange.identity = resolution.identity
            exchange.findings.extend(resolution.findings(exchange.route, Phase.CONNECT))
            refuse_tunnel(flow, exchange, self._runtime)

    def requestheaders(self, flow: HTTPFlow) -> None:
        exchange = begin(flow, self._runtime)
        attempt(exchange, "identity", Phase.REQUEST_HEAD, lambda _: self._identify(flow, exchange))
        exchange.trace = trace = trace_of(exchange.request)
        headers = flow.request.headers
        kept = [field for field in headers.fields if field[0].lower() not in _REPLACED]
        kept.append((b"traceparent", trace.traceparent.encode("ascii")))
        if trace.state:
            kept.append((b"tracestate", trace.state.encode("ascii")))
        headers.fields = tuple(kept)

    def clyra_done(self, flow: HTTPFlow) -> None:
        """The process behind the connection may have been found meanwhile."""
        exchange = exchange_of(flow)
        if exchange is not None and exchange.identity.auth == "none":
            exchange.identity = resolve_caller(flow.client_conn, self._runtime, flow.request.headers).identity

    def _identify(self, flow: HTTPFlow, exchange: Exchange) -> list[Finding | None]:
        try:
            resolution = resolve_caller(flow.client_conn, self._runtime, flow.request.headers)
        except Exception as error:
            if not self._runtime.policy.current.document.identity.required:
                raise
            # Nobody may pass as nobody where callers must be known, whatever mode the route is in.
            detail = {"why": type(error).__name__}
            return [RULES["identity.rejected"].finding(exchange.route, Phase.REQUEST_HEAD, error=True, detail=detail)]
        exchange.identity = resolution.identity
        return [*resolution.findings(exchange.route, Phase.REQUEST_HEAD)]

    async def _find_process(self, client: Client) -> None:
        callers = self._runtime.policy.current.callers
        process: Process | None = await callers.find_process(client.peername[:2], client.sockname[:2])
        if process is not None:
            state_of(client).notes[PROCESS] = process
