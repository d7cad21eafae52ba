"""Who is calling, under which trace, and which policy judges them: the first addon an exchange meets.

Identity belongs to the client connection: it is established from the CONNECT request or the first request, from the
certificate of the TLS connection to the proxy, or from the process behind a loopback port, and is remembered as long
as nothing about it changes. Proxy credentials end here (RFC 9110 section 11.7.1: they are for this hop); the trace
goes on with our span as the parent (W3C Trace Context).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cryptography.x509 import Certificate
from mitmproxy.connection import Client
from mitmproxy.http import Headers, HTTPFlow

from addons.exchanges import begin, exchange_of
from addons.guard import attempt
from addons.tunnels import refuse_tunnel
from clyra_proxy.engine.client import ClientState, state_of
from clyra_proxy.exchange import Exchange, Identity
from clyra_proxy.identity.process import Process
from clyra_proxy.identity.proxy_auth import read_credentials
from clyra_proxy.identity.resolve import Caller, Resolution
from clyra_proxy.identity.trace import trace_of
from clyra_proxy.verdict.model import Finding, Phase

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime

_PROCESS = "process"
_RESOLVED = "resolution"
_LOOPBACK = ("127.", "::1", "::ffff:127.")
_HOP_FIELDS = ("proxy-authorization", "proxy-connection")


class Identify:
    """Begins every exchange."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._searches: set[asyncio.Task[None]] = set()

    def client_connected(self, client: Client) -> None:
        """Start looking for the process behind a loopback connection; nothing waits for the answer."""
        if client.peername and client.sockname and client.peername[0].startswith(_LOOPBACK):
            search = asyncio.get_running_loop().create_task(self._find_process(client))
            self._searches.add(search)
            search.add_done_callback(self._searches.discard)

    def http_connect(self, flow: HTTPFlow) -> None:
        """A tunnel is asked for: refuse callers that policy does not want before anything is opened."""
        resolution = self._resolve(flow.client_conn, flow.request.headers)
        if resolution.problem:
            exchange = begin(flow, self._runtime)
            exchange.identity = resolution.identity
            exchange.findings.extend(resolution.findings(exchange.route, Phase.CONNECT))
            refuse_tunnel(flow, exchange, self._runtime)

    def requestheaders(self, flow: HTTPFlow) -> None:
        exchange = begin(flow, self._runtime)
        attempt(exchange, "identity", Phase.REQUEST_HEAD, lambda _: self._identify(flow, exchange))
        headers = flow.request.headers
        for name in _HOP_FIELDS:
            if name in headers:
                del headers[name]
        exchange.trace = trace = trace_of(exchange.request)
        headers["traceparent"] = trace.traceparent
        if trace.state:
            headers["tracestate"] = trace.state
        elif "tracestate" in headers:
            del headers["tracestate"]

    def clyra_done(self, flow: HTTPFlow) -> None:
        """The process behind the connection may have been found meanwhile."""
        exchange = exchange_of(flow)
        if exchange is not None and exchange.identity.auth == "none":
            state = state_of(flow.client_conn)
            exchange.identity = self._resolve(flow.client_conn, state.connect_headers or flow.request.headers).identity

    def _identify(self, flow: HTTPFlow, exchange: Exchange) -> list[Finding]:
        state = state_of(flow.client_conn)
        resolution = self._resolve(flow.client_conn, state.connect_headers or flow.request.headers)
        exchange.identity = resolution.identity
        return resolution.findings(exchange.route, Phase.REQUEST_HEAD)

    def _resolve(self, client: Client, headers: Headers) -> Resolution:
        """The caller behind a connection. Raises what a broken resolver raises; the guard declares the outcome."""
        state = state_of(client)
        callers = self._runtime.policy.current.callers
        shown = (callers, headers.get("proxy-authorization", ""), state.notes.get(_PROCESS))
        known = state.notes.get(_RESOLVED)
        if known is not None and known[0] == shown:
            resolution: Resolution = known[1]
            return resolution
        resolution = self._vouched(shown[1]) or callers.resolve(
            Caller(shown[1], _certificates(client, state), shown[2])
        )
        state.notes[_RESOLVED] = (shown, resolution)
        return resolution

    def _vouched(self, authorization: str) -> Resolution | None:
        """The start-up self-test is let in by its own secret, whatever policy asks of callers."""
        selftest = self._runtime.selftest
        credentials = read_credentials(authorization) if selftest is not None and authorization else None
        if selftest is None or credentials is None or not selftest.vouches(credentials.agent, credentials.token):
            return None
        return Resolution(Identity(agent=credentials.agent, auth="proxy"))

    async def _find_process(self, client: Client) -> None:
        callers = self._runtime.policy.current.callers
        process: Process | None = await callers.find_process(client.peername[:2], client.sockname[:2])
        if process is not None:
            state_of(client).notes[_PROCESS] = process


def _certificates(client: Client, state: ClientState) -> tuple[Certificate, ...]:
    """The chain of the TLS connection to the proxy itself, leaf first."""
    shown = state.outer_certificates or tuple(client.certificate_list)
    return tuple(certificate.to_cryptography() for certificate in shown)
