"""What is passed on unread: TLS by policy, other protocols where their rule is not enforced. Everything else is denied.

Guarantees: an opaque connection is an exchange like any other. Its caller is asked for, its destination is judged
before a socket is open, where evidence is required its intent is durable before that too, and when it ends it leaves
one verdict line and one record that say `opaque`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from mitmproxy.connection import Client
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHelloData

from addons.callers import resolve_caller
from addons.egress import CHECK, judge_addresses, judge_claim
from addons.gate import judge
from addons.guard import attempt
from addons.halt import OPAQUE as _OPAQUE
from addons.halt import refuse_unread
from addons.record import intend
from addons.tunnels import opaque_exchange, settle
from clyra_proxy.egress.dial import claims_a_name
from clyra_proxy.egress.head import inspect_protocol, inspect_target
from clyra_proxy.egress.hosts import InvalidHostError, normalise_host
from clyra_proxy.engine.client import state_of
from clyra_proxy.engine.hooks import Dial, Protocol
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.route import EvidenceClass, Tls
from clyra_proxy.verdict.model import Finding, Phase

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime


class Opaque:
    """Judges connections that are not read."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def tls_clienthello(self, data: ClientHelloData) -> None:
        """TLS begins inside a tunnel or a redirected connection: read it, or pass it on by policy."""
        context, client = data.context, data.context.client
        address = context.server.address
        if address is None or client.proxy_mode.type_name == "reverse":
            return  # TLS to the proxy itself
        sni = data.client_hello.sni or ""
        transparent = client.proxy_mode.type_name == "transparent"
        host = sni if transparent and sni else address[0]
        if self._runtime.match(host, address[1], "CONNECT", "/", "").tls is not Tls.PASSTHROUGH:
            return
        if sni and not _same_host(sni, host):
            return  # Read it: the request inside will show the mismatch.
        exchange = opaque_exchange(client, address, self._runtime, scheme="tls", sni=sni)
        attempt(exchange, CHECK, Phase.CONNECT, lambda it: inspect_target(it.destination, it.route, Phase.CONNECT))
        if self._admit(client, exchange):
            data.ignore_connection = True
        else:
            state_of(client).abort("refused by policy")

    def clyra_protocol(self, question: Protocol) -> None:
        """Neither HTTP nor TLS: denied where the rule is enforced, recorded in any case."""
        address = (question.server.address or ("", 0))[:2]
        exchange = opaque_exchange(question.client, address, self._runtime, scheme=question.kind)
        attempt(exchange, CHECK, Phase.CONNECT, lambda it: inspect_protocol(it.route, question.kind))
        question.allow = self._admit(question.client, exchange)

    def _admit(self, client: Client, exchange: Exchange) -> bool:
        """Ask who calls and decide; an admitted exchange ends with its connection, a refused one ends now."""
        attempt(exchange, "identity", Phase.CONNECT, lambda it: self._identify(client, it))
        refuse_unread(exchange, self._runtime.halts.state)
        judge(exchange)
        if exchange.denial is not None:
            settle(exchange, self._runtime)
            return False
        state_of(client).notes[_OPAQUE] = exchange
        return True

    def _identify(self, client: Client, exchange: Exchange) -> list[Finding]:
        resolution = resolve_caller(client, self._runtime)
        exchange.identity = resolution.identity
        return resolution.findings(exchange.route, Phase.CONNECT)

    def clyra_dial(self, dial: Dial) -> Awaitable[None] | None:
        """The connection for what is passed on unread; nothing else dials without a request."""
        exchange: Exchange | None = state_of(dial.client).notes.get(_OPAQUE)
        if dial.flows:
            return None
        if exchange is None:
            dial.refuse("nobody asked for this connection")
            return None
        return self._prepare(dial, exchange)

    async def _prepare(self, dial: Dial, exchange: Exchange) -> None:
        if claims_a_name(exchange.destination):
            await judge_claim(exchange)
        judge_addresses(dial, exchange)
        if exchange.denial is None and exchange.route.evidence is EvidenceClass.REQUIRED:
            await intend(exchange, self._runtime.recorder, Phase.DIAL)
        if exchange.denial is not None:
            dial.refuse("refused by policy")
            settle(exchange, self._runtime)

    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """The upstream could not be reached."""
        exchange: Exchange | None = state_of(data.client).notes.get(_OPAQUE)
        if exchange is not None and not exchange.error:
            exchange.error = data.server.error or "no connection"

    def client_disconnected(self, client: Client) -> None:
        """The end of what was passed on. The process behind it may have been found meanwhile."""
        exchange: Exchange | None = state_of(client).notes.pop(_OPAQUE, None)
        if exchange is not None:
            exchange.identity = resolve_caller(client, self._runtime).identity
            settle(exchange, self._runtime)


def _same_host(one: str, other: str) -> bool:
    try:
        return normalise_host(one) == normalise_host(other)
    except InvalidHostError:
        return False
