"""May we talk to it at all: allow-list, one name for one host, checked addresses, a certificate that verifies.

Asked at the moment before each step it guards: when a tunnel is opened, when a request head is complete, when a
request is about to leave on a connection that was redirected to us, when a name has been resolved and no socket is
open yet, and when the upstream has shown its certificate. What is passed on unread has an addon of its own
(`addons.opaque`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from mitmproxy.connection import Server
from mitmproxy.http import HTTPFlow
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from addons.callers import resolve_caller
from addons.exchanges import begin, exchange_of
from addons.gate import judge
from addons.guard import attempt
from addons.tunnels import refuse_tunnel
from clyra_proxy.egress.dial import claims_a_name, inspect_addresses, inspect_claim
from clyra_proxy.egress.head import inspect_head, inspect_target
from clyra_proxy.egress.names import named_host
from clyra_proxy.engine.client import state_of
from clyra_proxy.engine.hooks import Dial
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.model import Action, Phase
from clyra_proxy.verdict.rules import RULES

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime

CHECK = "egress"
_BOUND = "bound_names"
"""Note on a connection: names that were found to resolve to its original address."""


class Egress:
    """Judges destinations."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def http_connect(self, flow: HTTPFlow) -> None:
        """A tunnel to an unwanted destination is refused before it is opened; others are judged by their requests."""
        if flow.response is not None:
            return
        exchange = begin(flow, self._runtime)
        exchange.identity = resolve_caller(flow.client_conn, self._runtime, flow.request.headers).identity
        attempt(exchange, CHECK, Phase.CONNECT, lambda it: inspect_target(it.destination, it.route, Phase.CONNECT))
        if any(finding.enforced and finding.action is Action.BLOCK for finding in exchange.findings):
            refuse_tunnel(flow, exchange, self._runtime)

    def requestheaders(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None:
            attempt(exchange, CHECK, Phase.REQUEST_HEAD, inspect_head)

    def clyra_release(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """Redirected plain HTTP: every request's Host field must name the address, also on a connection in use."""
        exchange = exchange_of(flow)
        if exchange is None or exchange.denial is not None or not claims_a_name(exchange.destination):
            return None
        known: set[str] = state_of(flow.client_conn).notes.setdefault(_BOUND, set())
        return None if named_host(exchange.destination) in known else self._bind_name(exchange, known)

    async def _bind_name(self, exchange: Exchange, known: set[str]) -> None:
        await judge_claim(exchange)
        if exchange.denial is None:
            known.add(named_host(exchange.destination))

    def clyra_dial(self, dial: Dial) -> None:
        """Every address the name resolved to is judged by every exchange that waits for the connection."""
        for exchange in [exchange for flow in dial.flows if (exchange := exchange_of(flow)) is not None]:
            judge_addresses(dial, exchange)

    def tls_failed_server(self, data: TlsData) -> None:
        """The handshake with an upstream failed: a certificate that does not verify is a finding, the rest an error."""
        upstream = data.conn
        if not isinstance(upstream, Server) or data.ssl_conn is None or _verification(data.ssl_conn) == 0:
            return
        for flow in state_of(data.context.client).dialling:
            exchange = exchange_of(flow)
            if exchange is None or (flow.request.host, flow.request.port) != upstream.address:
                continue
            detail = {"why": (upstream.error or "").removeprefix("Certificate verify failed: ")}
            finding = RULES["egress.tls_unverified"].finding(exchange.route, Phase.DIAL, detail=detail)
            exchange.findings.extend([] if finding is None else [finding])
            judge(exchange)


def judge_addresses(dial: Dial, exchange: Exchange) -> None:
    """Approve or refuse the dial as far as this exchange is concerned."""
    attempt(
        exchange,
        CHECK,
        Phase.DIAL,
        lambda it: inspect_addresses(it.route, dial.addresses, own_listener=dial.own_listener),
    )
    judge(exchange)
    if exchange.denial is not None:
        dial.refuse("refused by policy")
    elif not dial.error:
        dial.approve(*dial.addresses)
        exchange.destination.address = dial.addresses[0]


async def judge_claim(exchange: Exchange) -> None:
    """A name that only the client vouches for is resolved, and must lead to where the client really went."""
    destination = exchange.destination
    named = await _resolve(named_host(destination), destination.port)
    attempt(exchange, CHECK, Phase.DIAL, lambda it: inspect_claim(it.destination, it.route, named))
    judge(exchange)


async def _resolve(host: str, port: int) -> tuple[str, ...]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(str(entry[4][0]).partition("%")[0] for entry in found)


def _verification(connection: SSL.Connection) -> int:
    """OpenSSL's verdict on the peer's chain and name; 0 is X509_V_OK."""
    return int(SSL._lib.SSL_get_verify_result(connection._ssl))  # type: ignore[attr-defined]
