"""Policy engines: asked beside the built-in rules, when all that the checks find of a request has been found.

Once an exchange: after the request's body (`request`), or before the first byte leaves where the body is not waited for
(`clyra_release`). What is refused already is not asked about, and no answer frees anything. In shadow the request is
not held; it is asked about all the same. Decisions live in `clyra_proxy.enforcement.engines`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.callers import resolve_caller
from addons.exchanges import exchange_of
from addons.gate import judge
from clyra_proxy.approvals.payload import payload_of
from clyra_proxy.enforcement.engines.asked import Told
from clyra_proxy.enforcement.engines.body import EngineState, state_of
from clyra_proxy.enforcement.engines.gathering import question_of
from clyra_proxy.exchange import Exchange
from clyra_proxy.services.failure import Cause, ServiceFailure
from clyra_proxy.telemetry.metrics import SEPARATOR
from clyra_proxy.verdict.model import Mode

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime


class Engines:
    """Asks them."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._metrics = runtime.metrics

    def request(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """The request's body is here whole."""
        exchange, state = self._ours(flow)
        return None if exchange is None or state is None else self._ask(flow, exchange, state)

    def clyra_release(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """It leaves before it is whole; in shadow that is no reason to wait."""
        exchange, state = self._ours(flow)
        if exchange is None or state is None or state.mode is not Mode.ENFORCE:
            return None
        return self._ask(flow, exchange, state)

    def _ours(self, flow: HTTPFlow) -> tuple[Exchange | None, EngineState | None]:
        """The exchange of a flow, with its state when somebody must still be asked about it."""
        compiled = self._runtime.policy.current.engines
        exchange = exchange_of(flow)
        if compiled is None or exchange is None or exchange.denial is not None:
            return None, None
        if self._runtime.is_selftest(exchange.route):
            return None, None
        state = state_of(exchange, compiled)
        return exchange, None if state is None or state.asked else state

    async def _ask(self, flow: HTTPFlow, exchange: Exchange, state: EngineState) -> None:
        state.asked = True
        if exchange.identity.auth == "none":  # the process behind the connection may have been found meanwhile
            exchange.identity = resolve_caller(flow.client_conn, self._runtime, flow.request.headers).identity
        told = await self._answers(exchange, state)
        for one in told:
            self._metrics.add("clyra_engine_answers_total", f"{one.kind}{SEPARATOR}{one.word}")
            self._metrics.observe("clyra_engine_seconds", one.seconds, one.kind)
        exchange.findings.extend(one.finding for one in told if one.finding is not None)
        judge(exchange)

    async def _answers(self, exchange: Exchange, state: EngineState) -> Sequence[Told]:
        compiled, route = state.compiled, exchange.route
        if state.unknown:
            return compiled.refuse_all(state.engines, Cause.TOO_LARGE, route)
        approvals = self._runtime.policy.current.approvals
        try:
            question = question_of(exchange, approvals, payload_of(exchange) or b"")
        except ServiceFailure as failure:
            return compiled.refuse_all(state.engines, failure.cause, route)
        return await compiled.ask(state.engines, question, state.body(exchange), route)
