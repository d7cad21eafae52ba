"""What the data path calls when an action may need a person: decide, consume, receipt.

Rules. (1) Nothing blocks the event loop: asking is async, waiting is one task for all (`waiting`). (2) Only a token
that the recorder says is used up, durably and for exactly this call, releases anything; a recorder that cannot be asked
is `unreachable`, and nothing is released. (3) A sender that comes back with `Clyra-Approval` must make the very same
request; one that comes back without it joins its own waiting packet. (4) Actions of class A cost one pass over the
policy's rules and ask nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from clyra_proxy.approvals.backlog import Backlog, Gauges
from clyra_proxy.approvals.call import HEADER, Call, call_of
from clyra_proxy.approvals.classification import CompiledApprovals, Requirement
from clyra_proxy.approvals.desk import Desk, DeskError, DeskRefusal, place_of
from clyra_proxy.approvals.facts import ActionFacts, completed
from clyra_proxy.approvals.outcome import STATE, Outcome, Standing
from clyra_proxy.approvals.packet import packet_document, summary
from clyra_proxy.approvals.receipts import appr_of, receipt_event
from clyra_proxy.approvals.waiting import WAITING, State, Waiters
from clyra_proxy.errors import PolicyError
from clyra_proxy.evidence.event import APPROVAL
from clyra_proxy.exchange import Exchange
from clyra_proxy.home import Home
from clyra_proxy.state.store import StateError
from clyra_proxy.verdict.model import Finding, Mode

if TYPE_CHECKING:
    from clyra_proxy.evidence.commitment import SubjectKey
    from clyra_proxy.policy.approvals import ApprovalsRecorder
    from clyra_proxy.state.store import StateStore

_NOTHING_KNOWN = ActionFacts()
REUSED = "E_APPROVAL_REUSED"
_STANDINGS = {
    "granted": Standing.GRANTED,
    "refused": Standing.REFUSED,
    "expired": Standing.EXPIRED,
    "superseded": Standing.SUPERSEDED,
    "unreachable": Standing.UNREACHABLE,
}


class Journal(Protocol):
    """The part of the evidence client that receipts need: an event is queued, never waited for."""

    def note(self, line: bytes) -> None: ...

    def subject_key(self, tenant: str) -> SubjectKey: ...


class Meter(Gauges, Protocol):
    """The part of the worker's metrics that counts approvals."""

    def add(self, name: str, labels: str = "", amount: float = 1) -> None: ...

    def observe(self, name: str, value: float, labels: str = "") -> None: ...


@dataclass(slots=True)
class ApprovalGate:
    """One worker's approvals. shared: a store that replicas share, asked before the recorder; None without one."""

    home: Home
    base_dir: Path
    meter: Meter | None = None
    shared: StateStore | None = None
    backlog: Backlog = field(default_factory=Backlog)
    _desks: dict[str, tuple[Desk, Waiters]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.meter is not None:
            self.backlog.show(self.meter)

    async def decide(
        self,
        exchange: Exchange,
        payload: bytes,
        findings: Sequence[Finding],
        approvals: CompiledApprovals,
        facts: ActionFacts = _NOTHING_KNOWN,
    ) -> Outcome:
        """What a request may do, after waiting for a person as long as policy allows; kept in the exchange too.

        payload: the whole decoded body as it will be sent. findings: of all checks. approvals: of the exchange's
        policy. facts: what other rooms know of the action. Never raises but for cancellation.
        """
        if approvals.idle and not findings:  # nothing can ask, so the payload need not be looked at
            return _keep(exchange, Outcome(Standing.FREE))
        facts = completed(facts, exchange.request, payload)
        needed = approvals.requirement(exchange, payload, findings, facts)
        if needed is None:
            return _keep(exchange, Outcome(Standing.FREE))
        if not needed.asked_by and not _is_enforced(exchange, needed):
            return _keep(exchange, Outcome(Standing.SHADOW, requirement=needed))
        if needed.forbidden:
            return _keep(exchange, Outcome(Standing.FORBIDDEN, requirement=needed))
        call = call_of(exchange, payload, approvals.settings, facts.tool, facts.rows)
        if claimed := exchange.request.get(HEADER):
            document: dict[str, Any] = {**call.claims(), "id": claimed[:64]}
        else:
            lines = await asyncio.to_thread(summary, exchange, call, needed, facts, payload)
            document = packet_document(exchange, call, needed, lines, findings, approvals.settings)
        outcome = await self._ask(document, needed, call, approvals)
        self._count(outcome)
        return _keep(exchange, outcome)

    async def consume(self, exchange: Exchange, payload: bytes, approvals: CompiledApprovals) -> Outcome:
        """Use the approval up, right before the request leaves. payload: exactly what leaves, decoded.

        An exchange that needs none gets its outcome back unchanged. Only CONSUMED, FREE and SHADOW may go on.
        """
        outcome: Outcome = exchange.extensions.get(STATE) or Outcome(Standing.FREE)
        if outcome.standing is not Standing.GRANTED or outcome.call is None:
            return outcome
        call = call_of(
            exchange, payload, approvals.settings, outcome.call.act.get("tool", ""), outcome.call.act.get("rows", 0)
        )
        spent = await self._spend(exchange, outcome, call, approvals)
        self._count(spent)
        if spent.standing is Standing.CONSUMED and self._desk(approvals)[0].place.local:
            exchange.extensions[APPROVAL] = appr_of(spent)
        return _keep(exchange, spent)

    def receipt(
        self, exchange: Exchange, journal: Journal, body: bytes | None = None, *, rows: int = 0, query_id: str = ""
    ) -> None:
        """Queue the receipt of an action that was released under an approval; nothing for any other exchange."""
        outcome = exchange.extensions.get(STATE)
        if isinstance(outcome, Outcome) and outcome.standing is Standing.CONSUMED:
            key = journal.subject_key(exchange.identity.tenant)
            journal.note(receipt_event(exchange, outcome, key, body, rows=rows, query_id=query_id))

    async def close(self) -> None:
        await self.backlog.close()
        for desk, waiters in self._desks.values():
            await waiters.close()
            await desk.close()
        self._desks.clear()

    async def _ask(
        self, document: dict[str, Any], needed: Requirement, call: Call, approvals: CompiledApprovals
    ) -> Outcome:
        began = time.monotonic()
        try:
            desk, waiters = self._desk(approvals)
            self.backlog.watch(desk)
            state = await desk.open(document)
            if state.get("state") == WAITING and waiters.count < approvals.settings.waiting:
                changed = await waiters.wait(str(state["id"]), approvals.settings.wait_seconds)
                state = state if changed is None else {**state, **changed}
        except DeskRefusal as refusal:
            return Outcome(Standing.INVALID, code=refusal.code, requirement=needed, call=call)
        except (DeskError, PolicyError, KeyError) as error:
            why = error.why if isinstance(error, DeskError) else type(error).__name__
            return Outcome(Standing.UNREACHABLE, code=why[:64], requirement=needed, call=call)
        return _outcome(state, needed, call, approvals, time.monotonic() - began)

    async def _spend(self, exchange: Exchange, outcome: Outcome, call: Call, approvals: CompiledApprovals) -> Outcome:
        attempt = secrets.token_hex(16)
        document = {**call.claims(), "id": outcome.id, "token": outcome.token}
        document |= {"exchange": exchange.id, "attempt": attempt}
        if exchange.trace is not None:
            trace = exchange.trace
            document["trace"] = {"trace_id": trace.trace_id, "span_id": trace.span_id, "flags": trace.flags}
        try:
            if self.shared is not None and not await asyncio.to_thread(self._claim, outcome.id, attempt):
                return replace(outcome, standing=Standing.INVALID, code=REUSED, token="")
            answer = await self._desk(approvals)[0].consume(document)
            certificates = tuple(str(one) for one in answer["certificates"])
        except DeskRefusal as refusal:
            await self._give_back(outcome.id, refusal.code)
            return replace(outcome, standing=Standing.INVALID, code=refusal.code, token="")
        except (DeskError, PolicyError, StateError, KeyError, TypeError) as error:
            return replace(outcome, standing=Standing.UNREACHABLE, code=type(error).__name__, token="")
        if not certificates:
            return replace(outcome, standing=Standing.UNREACHABLE, code="no certificate", token="")
        return replace(outcome, standing=Standing.CONSUMED, certificates=certificates, call=call, token="")

    def _claim(self, packet: str, attempt: str) -> bool:
        """Whether this attempt is the first one of all replicas. Raises StateError."""
        assert self.shared is not None  # noqa: S101 - asked only then
        return self.shared.put_new(f"approval:{packet}", attempt, time.time(), 7 * 86_400) == attempt

    async def _give_back(self, packet: str, code: str) -> None:
        """A clear no spent nothing, so the claim goes too; the recorder still lets only one attempt through."""
        if self.shared is not None and code != REUSED:
            with contextlib.suppress(StateError):
                await asyncio.to_thread(self.shared.delete, f"approval:{packet}")

    def _desk(self, approvals: CompiledApprovals) -> tuple[Desk, Waiters]:
        """The recorder that this policy names. Raises PolicyError for TLS files that have gone since it was loaded."""
        name = _name_of(approvals.settings.recorder)
        if name not in self._desks:
            desk = Desk(place_of(self.home, approvals.settings.recorder, self.base_dir))
            self._desks[name] = desk, Waiters(desk)
        return self._desks[name]

    def _count(self, outcome: Outcome) -> None:
        if self.meter is not None:
            self.meter.add("clyra_approvals_total", outcome.standing.value)
            if outcome.waited_s:
                self.meter.observe("clyra_approval_wait_seconds", outcome.waited_s)


def _name_of(recorder: ApprovalsRecorder | None) -> str:
    return "" if recorder is None else recorder.model_dump_json()


def _is_enforced(exchange: Exchange, needed: Requirement) -> bool:
    rule = "approval.forbidden" if needed.forbidden else "approval.required"
    return exchange.route.mode_of(rule) is Mode.ENFORCE


def _keep(exchange: Exchange, outcome: Outcome) -> Outcome:
    exchange.extensions[STATE] = outcome
    return outcome


def _outcome(state: State, needed: Requirement, call: Call, approvals: CompiledApprovals, waited: float) -> Outcome:
    """What the recorder's word means here; a state nobody knows is unreachable."""
    packet = str(state.get("id", ""))[:64]
    if state.get("state") == WAITING:
        retry = approvals.settings.retry_after_seconds
        return Outcome(Standing.PENDING, packet, retry, requirement=needed, call=call, waited_s=waited)
    standing = _STANDINGS.get(str(state.get("state")), Standing.UNREACHABLE)
    if state.get("state") == "consumed":
        return Outcome(Standing.INVALID, packet, code=REUSED, requirement=needed, call=call)
    token = str(state.get("token", ""))
    if standing is Standing.GRANTED and not token:
        standing = Standing.UNREACHABLE
    return Outcome(standing, packet, token=token, requirement=needed, call=call, waited_s=waited)
