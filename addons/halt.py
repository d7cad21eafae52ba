"""The kill switch on the data path: what is halted is refused before it leaves, and cut when it is on its way.

While nothing is halted this is one look at an empty table. A halt that cannot be judged counts as one that holds. The
self-test of a starting worker passes, or a proxy that was halted could never come back to say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of
from addons.gate import judge
from clyra_proxy.enforcement.halt.calls import tools_called
from clyra_proxy.enforcement.halt.desk import PASSED, HaltDesk
from clyra_proxy.enforcement.halt.model import Halt as Halted
from clyra_proxy.enforcement.halt.signals import is_halted, subject_of
from clyra_proxy.enforcement.halt.state import HaltState
from clyra_proxy.engine.client import state_of
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.model import Phase
from clyra_proxy.verdict.protocol import Protocol, spoken_in
from clyra_proxy.verdict.rules import RULES

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime

_RULE = RULES["halt.active"]
_DEFERRED = "halt_deferred"
OPAQUE = "opaque"
"""Note on a connection: the exchange of what it carries unread (`addons.opaque`)."""


class Halt:
    """Refuses what is halted."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._desk: HaltDesk = runtime.halts

    def requestheaders(self, flow: HTTPFlow) -> None:
        if self._desk.state.table and (exchange := exchange_of(flow)) is not None:
            try:
                self._ask(exchange, Phase.REQUEST_HEAD)
            except Exception as error:  # noqa: BLE001 - a halt that cannot be judged holds, whatever the route's mode
                detail = {"why": type(error).__name__}
                finding = _RULE.finding(exchange.route, Phase.REQUEST_HEAD, check="halt", error=True, detail=detail)
                exchange.findings.extend([] if finding is None else [finding])

    def request(self, flow: HTTPFlow) -> None:
        """A JSON-RPC call is refused here, when its id is known and nothing of it has left."""
        self._refuse_deferred(flow)

    def clyra_release(self, flow: HTTPFlow) -> None:
        """The same for a body that would leave before it is whole."""
        self._refuse_deferred(flow)

    def _refuse_deferred(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        halt = None if exchange is None else exchange.extensions.pop(_DEFERRED, None)
        if exchange is not None and halt is not None:
            refuse(exchange, halt, Phase.REQUEST_BODY)
            judge(exchange)

    def clyra_recheck(self, client: Client) -> None:
        """Halts have changed: stop what is on its way and must not be."""
        state = state_of(client)
        for flow in state.flows.values():
            if (exchange := exchange_of(flow)) is not None:
                self._stop_midway(exchange)
        opaque: Exchange | None = state.notes.get(OPAQUE)
        if opaque is not None and self._stop_midway(opaque):
            state.abort("halted")

    def clyra_done(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None and not self._is_selftest(exchange):
            self._desk.ended(exchange)

    def _ask(self, exchange: Exchange, phase: Phase) -> None:
        if self._is_selftest(exchange):
            return
        subject = subject_of(exchange)
        halt = self._desk.state.active(subject)
        if halt is not None and _answers_by_id(exchange):
            exchange.extensions[_DEFERRED] = halt
        elif halt is not None:
            refuse(exchange, halt, phase)
        elif passing := self._desk.state.enter(subject, exchange.id):
            exchange.extensions[PASSED] = passing

    def _stop_midway(self, exchange: Exchange) -> bool:
        if exchange.denial is not None or exchange.finished or self._is_selftest(exchange):
            return False
        halt = self._desk.state.holds(subject_of(exchange, tools_called(exchange)))
        if halt is None or is_halted(exchange):
            return False
        refuse(exchange, halt, Phase.REQUEST_BODY if exchange.response is None else Phase.RESPONSE_BODY)
        judge(exchange)
        return True

    def _is_selftest(self, exchange: Exchange) -> bool:
        selftest = self._runtime.selftest
        return selftest is not None and selftest.owns(exchange.route)


def refuse_unread(exchange: Exchange, state: HaltState) -> None:
    """A connection that nobody reads: a half-open halt stops it too, because it is no trial of anything."""
    if state.table and (halt := state.standing(subject_of(exchange))) is not None:
        refuse(exchange, halt, Phase.CONNECT)


def _answers_by_id(exchange: Exchange) -> bool:
    """Whether the client can only match a refusal that repeats the id of its call, which is in the body."""
    protocol = spoken_in(exchange)
    return protocol in (Protocol.MCP, Protocol.A2A) and exchange.request.method == "POST"


def refuse(exchange: Exchange, halt: Halted, phase: Phase) -> None:
    """Add the finding. The reason a person gave is not the caller's business; the scope is."""
    detail = {"scope": halt.place.scope.value, "halt": halt.id, "cause": halt.cause.value}
    finding = _RULE.finding(exchange.route, phase, check="halt", detail=detail)
    exchange.findings.extend([] if finding is None else [finding])
