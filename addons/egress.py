"""May we talk to it at all: allow-list, one name for one host, checked addresses, nothing unread by accident.

Asked at four moments, each before the step it guards: when a tunnel is opened, when a request head is complete, when
TLS says hello (passed through unread only where policy says so, and then recorded as opaque), and when a name has
been resolved and no socket is open yet.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow
from mitmproxy.tls import ClientHelloData

from addons.exchanges import begin, exchange_of
from addons.gate import judge
from addons.guard import attempt
from addons.tunnels import opaque_exchange, refuse_tunnel, settle
from clyra_proxy.egress.dial import approve_dial
from clyra_proxy.egress.head import inspect_head, inspect_protocol, inspect_target
from clyra_proxy.egress.hosts import InvalidHostError, normalise_host
from clyra_proxy.egress.names import named_host
from clyra_proxy.engine.client import state_of
from clyra_proxy.engine.hooks import Dial, Protocol
from clyra_proxy.errors import EvidenceError
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.route import EvidenceClass, Tls
from clyra_proxy.verdict.model import Action, Phase
from clyra_proxy.verdict.rules import RULES

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime

_CHECK = "egress"


class Egress:
    """Judges destinations."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def http_connect(self, flow: HTTPFlow) -> None:
        """A tunnel to an unwanted destination is refused before it is opened; others are judged by their requests."""
        if flow.response is not None:
            return
        exchange = begin(flow, self._runtime)
        attempt(exchange, _CHECK, Phase.CONNECT, lambda it: inspect_target(it.destination, it.route, Phase.CONNECT))
        if any(finding.enforced and finding.action is Action.BLOCK for finding in exchange.findings):
            refuse_tunnel(flow, exchange, self._runtime)

    def requestheaders(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None:
            attempt(exchange, _CHECK, Phase.REQUEST_HEAD, inspect_head)

    def tls_clienthello(self, data: ClientHelloData) -> Awaitable[None] | None:
        """TLS begins inside a tunnel or a redirected connection: read it, or pass it through by policy."""
        context = data.context
        address = context.server.address
        if address is None:
            return None
        sni = data.client_hello.sni or ""
        transparent = context.client.proxy_mode.type_name == "transparent"
        host = sni if transparent and sni else address[0]
        if self._runtime.match(host, address[1], "CONNECT", "/", "").tls is not Tls.PASSTHROUGH:
            return None
        if sni and not _same_host(sni, host):
            return None  # read it: the request inside will show the mismatch
        exchange = opaque_exchange(context.client, host, address[1], self._runtime, scheme="tls", sni=sni)
        exchange.destination.transparent = transparent
        return self._pass_through(data, exchange)

    async def _pass_through(self, data: ClientHelloData, exchange: Exchange) -> None:
        attempt(exchange, _CHECK, Phase.CONNECT, lambda it: inspect_target(it.destination, it.route, Phase.CONNECT))
        if exchange.route.evidence is EvidenceClass.REQUIRED:
            try:
                await self._runtime.recorder.intent(exchange)
            except EvidenceError as error:
                unavailable = RULES["evidence.unavailable"].finding(
                    exchange.route, Phase.CONNECT, detail={"why": error.what}
                )
                exchange.findings.extend([] if unavailable is None else [unavailable])
        judge(exchange)
        if exchange.denial is None:
            data.ignore_connection = True
        else:
            state_of(data.context.client).abort("refused by policy")
        settle(exchange, self._runtime)

    def clyra_protocol(self, question: Protocol) -> None:
        """Neither HTTP nor TLS: denied where the rule is enforced, recorded in any case."""
        host, port = (question.server.address or ("", 0))[:2]
        exchange = opaque_exchange(question.client, host, port, self._runtime, scheme=question.kind)
        attempt(exchange, _CHECK, Phase.CONNECT, lambda it: inspect_protocol(it.route, question.kind))
        judge(exchange)
        question.allow = exchange.denial is None
        settle(exchange, self._runtime)

    def clyra_dial(self, dial: Dial) -> Awaitable[None] | None:
        """Every address the name resolved to is judged by every exchange that waits for the connection."""
        exchanges = [exchange for flow in dial.flows if (exchange := exchange_of(flow)) is not None]
        if not exchanges:
            exchanges = [opaque_exchange(dial.client, dial.host, dial.port, self._runtime, scheme="tls")]
        if any(_is_claim(exchange) for exchange in exchanges):
            return self._judge_claims(dial, exchanges)
        for exchange in exchanges:
            self._judge_addresses(dial, exchange, None)
        return None

    async def _judge_claims(self, dial: Dial, exchanges: list[Exchange]) -> None:
        """Redirected plain HTTP: the Host field counts only if its name resolves to where the client really went."""
        for exchange in exchanges:
            named = await _resolve(named_host(exchange.destination), dial.port) if _is_claim(exchange) else None
            self._judge_addresses(dial, exchange, named)

    def _judge_addresses(self, dial: Dial, exchange: Exchange, named: tuple[str, ...] | None) -> None:
        before = len(exchange.findings)
        attempt(
            exchange,
            _CHECK,
            Phase.DIAL,
            lambda it: approve_dial(it.destination, it.route, dial.addresses, named_addresses=named).findings,
        )
        judge(exchange)
        if exchange.denial is not None:
            dial.refuse("refused by policy")
        elif not dial.error:
            dial.approve(*dial.addresses)
            exchange.destination.address = dial.addresses[0]
        if len(exchange.findings) > before and exchange.destination.opaque:
            settle(exchange, self._runtime)


def _is_claim(exchange: Exchange) -> bool:
    destination = exchange.destination
    return destination.transparent and destination.scheme == "http" and named_host(destination) != destination.host


def _same_host(one: str, other: str) -> bool:
    try:
        return normalise_host(one) == normalise_host(other)
    except InvalidHostError:
        return False


async def _resolve(host: str, port: int) -> tuple[str, ...]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(str(entry[4][0]) for entry in found)
