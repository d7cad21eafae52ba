"""Needs a human? A request that a finding or the policy's actions hold waits for a person, and is bound to his word.

After all checks of the request and before anything of it left (`clyra_approve`): ask, wait, answer 202 or refuse. Right
before the first byte leaves (`clyra_release`, ahead of the intent) the approval is used up; what is not used up does
not leave. After the answer a receipt is queued. Decisions live in `clyra_proxy.approvals`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.callers import resolve_caller
from addons.exchanges import exchange_of
from addons.gate import deny, judge
from clyra_proxy.approvals.answer import pending_answer
from clyra_proxy.approvals.classification import CompiledApprovals
from clyra_proxy.approvals.facts import ActionFacts
from clyra_proxy.approvals.known import facts_known, statements_of, with_statements
from clyra_proxy.approvals.outcome import STATE, Outcome, Standing
from clyra_proxy.approvals.payload import KEY, payload_of
from clyra_proxy.evidence.event import ROWS, SQL
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.decide import collect_findings
from clyra_proxy.verdict.model import Phase
from clyra_proxy.verdict.rules import RULES

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime


class Approve:
    """Asks people."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._late = runtime.approvals

    def clyra_approve(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """The request is judged and nothing has left; may wait as long as policy says."""
        exchange = exchange_of(flow)
        if exchange is None or exchange.denial is not None:
            return None
        held = _held(exchange)
        if KEY not in exchange.extensions and not held:
            return None
        if exchange.identity.auth == "none":  # the process behind the connection may have been found meanwhile
            exchange.identity = resolve_caller(flow.client_conn, self._runtime, flow.request.headers).identity
        if self._runtime.policy.current.approvals.idle and not held:
            return None  # nothing can ask, and most workers never need a gate
        return self._ask(exchange)

    async def _ask(self, exchange: Exchange) -> None:
        payload = payload_of(exchange)
        findings = collect_findings(exchange)
        if payload is None or self._late is None:
            if _held(exchange):
                self._refuse(exchange, Outcome(Standing.UNREACHABLE, code="payload unknown"))
            return
        approvals = self._runtime.policy.current.approvals
        gate = await self._late.made()
        outcome = await gate.decide(exchange, payload, findings, approvals, await _facts(exchange, approvals))
        if not outcome.goes_on:
            self._refuse(exchange, outcome)
        elif (finding := outcome.finding(exchange.route)) is not None:
            exchange.findings.append(finding)

    def clyra_release(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """Comes before the intent is written. What is held and was not granted stops here, whatever went wrong."""
        exchange = exchange_of(flow)
        if exchange is None or exchange.denial is not None:
            return None
        outcome = exchange.extensions.get(STATE)
        if isinstance(outcome, Outcome) and outcome.standing is Standing.GRANTED:
            return self._spend(exchange)
        if _held(exchange) and not (isinstance(outcome, Outcome) and outcome.standing is Standing.CONSUMED):
            self._refuse(exchange, Outcome(Standing.UNREACHABLE, code="not asked"))
        return None

    async def _spend(self, exchange: Exchange) -> None:
        payload = payload_of(exchange)
        if self._late is None or payload is None:
            self._refuse(exchange, Outcome(Standing.UNREACHABLE, code="payload unknown"))
            return
        gate = await self._late.made()
        spent = await gate.consume(exchange, payload, self._runtime.policy.current.approvals)
        if not spent.goes_on:
            self._refuse(exchange, spent)

    def clyra_done(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        gate = self._late.known if self._late is not None else None
        if exchange is None or gate is None:
            return
        rows = exchange.extensions.get(ROWS, {})  # what is left of the batch once it was settled
        taken = rows.get("forwarded", 0) - rows.get("refused", 0)
        query = exchange.extensions.get(SQL, {}).get("query_id", "")
        gate.receipt(exchange, self._runtime.recorder, rows=taken, query_id=query)
        exchange.extensions.pop(KEY, None)

    @staticmethod
    def _refuse(exchange: Exchange, outcome: Outcome) -> None:
        finding = outcome.finding(exchange.route)
        if finding is None:
            finding = RULES["approval.unreachable"].finding(exchange.route, Phase.REQUEST_BODY, error=True)
        if finding is not None:
            exchange.findings.append(finding)
        judge(exchange)
        deny(exchange)
        if outcome.standing is Standing.PENDING and exchange.denial is not None:
            exchange.denial = pending_answer(exchange.denial, outcome, exchange)


def _held(exchange: Exchange) -> bool:
    """Whether an enforced finding asks for a person."""
    return any(finding.holds for finding in collect_findings(exchange))


async def _facts(exchange: Exchange, approvals: CompiledApprovals) -> ActionFacts:
    facts = facts_known(exchange)
    statements = statements_of(exchange, approvals)
    return await asyncio.to_thread(with_statements, facts, statements) if statements else facts
