"""One exchange judged by the candidate, in its own thread, after it is over: the order and the functions are the live
ones (head, request body, rows, conversation, approval, address, answer, messages).

Guarantees: nothing it does is seen by the exchange; it settles only its own counters; a body that was cut off or did
not fit is judged as far as it was kept, and that is said in the coverage.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import thread_time_ns

from clyra_proxy.activation.wire import ending as row_ending
from clyra_proxy.activation.wire.state import state_of as writes_of
from clyra_proxy.activation.wire.steps import judge_answer, judge_request
from clyra_proxy.approvals.facts import completed
from clyra_proxy.approvals.known import facts_known, statements_of, with_statements
from clyra_proxy.approvals.payload import KEY as PAYLOAD
from clyra_proxy.approvals.payload import payload_of
from clyra_proxy.candidate.compiled import Candidate
from clyra_proxy.candidate.copying import Copy, Part
from clyra_proxy.candidate.ghost import approval_finding, asked_a_person, ghost_of
from clyra_proxy.candidate.inline import InlineRoom, InlineSettling, run_through
from clyra_proxy.candidate.verdict import CandidateVerdict, compared
from clyra_proxy.checks import BodyCheck
from clyra_proxy.egress.dial import inspect_addresses
from clyra_proxy.egress.head import inspect_head, inspect_protocol, inspect_target
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.wire import ending as talk_ending
from clyra_proxy.genai.wire.sessions import begin_messages, judge_message
from clyra_proxy.genai.wire.state import state_of as talk_of
from clyra_proxy.genai.wire.steps import judge_body
from clyra_proxy.genai.wire.streamed import judge_end, judge_messages
from clyra_proxy.policy.compiler import READ_METHODS, TUNNEL
from clyra_proxy.policy.route import Tls
from clyra_proxy.stream.gate import BodyGate, BodyRefused
from clyra_proxy.stream.messages import Conversation
from clyra_proxy.stream.opening import open_gate
from clyra_proxy.verdict.decide import collect_findings, decide
from clyra_proxy.verdict.model import Action, Coverage, Phase, Seen

_ROOM, _SETTLING = InlineRoom(), InlineSettling()
_UNREAD = Coverage(Seen.SKIPPED, "opaque")


def judge(exchange: Exchange, copy: Copy, candidate: Candidate, checks: Sequence[BodyCheck]) -> CandidateVerdict:
    """The candidate's verdict on an exchange that has its own. May raise what a fault raises."""
    live = exchange.verdict
    if live is None:
        raise ValueError("an exchange without a verdict cannot be compared")
    started = thread_time_ns()
    ghost = ghost_of(exchange, candidate)
    judging = _Judging(exchange, ghost, copy, candidate, checks)
    run_through(judging.run())
    asked = Action.APPROVE if asked_a_person(exchange) is not None else Action.ALLOW
    return compared(
        max(live.action, asked),
        decide(ghost),
        blind=judging.blind,
        unasked=candidate.unasked,
        us=(thread_time_ns() - started) // 1000,
    )


class _Judging:
    """The steps. blind: a body that went through was not seen to its end."""

    def __init__(
        self, exchange: Exchange, ghost: Exchange, copy: Copy, candidate: Candidate, checks: Sequence[BodyCheck]
    ) -> None:
        self._live = exchange
        self._ghost = ghost
        self._copy = copy
        self._candidate = candidate
        self._checks = checks
        self.blind = False

    async def run(self) -> None:
        """Each step adds findings to the ghost; the first that stops it ends it, as it would on the wire."""
        try:
            await self._judge()
        finally:
            self._settle()

    async def _judge(self) -> None:
        if self._unread():
            return
        ghost = self._ghost
        ghost.findings.extend(inspect_head(ghost))
        gate = open_gate(ghost, Phase.REQUEST_BODY, self._checks)
        if self._stopped() or not await self._request(gate):
            return
        self._approval()
        self._dial()
        if self._stopped() or self._live.response is None:
            return
        await self._answer()
        if ghost.websocket and not self._stopped():
            await self._messages()

    # -- what is not read --------------------------------------------------------------------------------------------

    def _unread(self) -> bool:
        """Tunnels, and what either policy passes on unread: their ends are all there is to judge."""
        ghost, tls = self._ghost, self._ghost.destination.scheme in ("tls", "https", "wss")
        passed_on = tls and ghost.route.tls is Tls.PASSTHROUGH
        if not (ghost.destination.opaque or passed_on or ghost.request.method == TUNNEL):
            return False
        was_opaque = ghost.destination.opaque
        ghost.destination.opaque = passed_on
        if was_opaque and not tls:
            ghost.findings.extend(inspect_protocol(ghost.route, ghost.destination.scheme))
        else:
            ghost.findings.extend(inspect_target(ghost.destination, ghost.route, Phase.CONNECT))
        if was_opaque or passed_on:
            ghost.request_coverage = ghost.response_coverage = _UNREAD
            self.blind = was_opaque and tls and not passed_on  # the candidate would have read it
        self._dial()
        return True

    # -- the request -------------------------------------------------------------------------------------------------

    async def _request(self, gate: BodyGate) -> bool:
        """Judge the request's body; false when it goes no further."""
        ghost, part = self._ghost, self._copy.request
        if not self._show(gate, part):
            return False
        if part.missing or not (part.whole or self._has_no_body()):
            self._miss(part, Phase.REQUEST_BODY)
            return not self._stopped()
        if (writes := writes_of(ghost)) is not None:
            await judge_request(ghost, writes, _ROOM)
        talk = talk_of(ghost)
        if talk is not None and talk.request_body is not None and not self._stopped():
            ghost.request_rewrite = await judge_body(ghost, talk, _ROOM, Phase.REQUEST_BODY)
            talk.started = True
        return not self._stopped()

    def _has_no_body(self) -> bool:
        """Whether there was none to see: also of a read that was refused before its body was asked for."""
        tally, request = self._live.request_body, self._ghost.request
        reads = request.method in READ_METHODS and self._ghost.request_body.declared <= 0
        return (
            not tally.seen
            and not self._copy.request.chunks
            and (self._live.denial is None or (reads and request.get("transfer-encoding") is None))
        )

    def _approval(self) -> None:
        ghost = self._ghost
        held = any(finding.holds for finding in collect_findings(ghost))
        payload = payload_of(ghost) if PAYLOAD in ghost.extensions else None
        if payload is None and not held:
            return
        approvals = self._candidate.policy.approvals
        known = with_statements(facts_known(ghost), statements_of(ghost, approvals))
        facts = completed(known, ghost.request, payload or b"")
        needed = approvals.requirement(ghost, payload or b"", collect_findings(ghost), facts)
        finding = approval_finding(self._live, ghost, needed) if needed is not None else None
        ghost.findings.extend([] if finding is None else [finding])

    def _dial(self) -> None:
        """The address that was dialled, or that the live policy refused to dial."""
        live, ghost = self._live, self._ghost
        addresses = [live.destination.address] if live.destination.address else []
        refused = live.verdict.findings if live.verdict is not None and not addresses else ()
        addresses += [
            str(one.detail["address"]) for one in refused if "address" in one.detail and one.check == "egress"
        ]
        ghost.findings.extend(inspect_addresses(ghost.route, addresses))

    # -- the answer --------------------------------------------------------------------------------------------------

    async def _answer(self) -> None:
        ghost, part = self._ghost, self._copy.response
        ghost.response = self._live.response
        gate = open_gate(ghost, Phase.RESPONSE_BODY, self._checks)
        if ghost.websocket or not await self._stream(gate, part):
            return
        if part.missing or not part.whole:
            self._miss(part, Phase.RESPONSE_BODY)
            return
        if (writes := writes_of(ghost)) is not None:
            await judge_answer(ghost, writes, _ROOM)
        if (talk := talk_of(ghost)) is not None:
            if talk.stream is not None:
                await judge_end(ghost, talk, talk.stream, _ROOM)
            else:
                ghost.response_rewrite = await judge_body(ghost, talk, _ROOM, Phase.RESPONSE_BODY)

    async def _stream(self, gate: BodyGate, part: Part) -> bool:
        """Show the answer to its gate; messages inside of a stream are judged as they come."""
        ghost = self._ghost
        try:
            for chunk in part.chunks:
                gate.feed(chunk)
                while ghost.pending:
                    ghost.pending = False
                    if (talk := talk_of(ghost)) is not None and talk.stream is not None:
                        await judge_messages(ghost, talk, talk.stream, _ROOM)
                    if self._stopped():
                        return False
                    gate.resume()
        except BodyRefused:
            return False
        return self._show_end(gate, part)

    async def _messages(self) -> None:
        ghost, copy = self._ghost, self._copy
        conversation = Conversation(ghost, self._checks)
        begin_messages(ghost)
        talk = talk_of(ghost)
        try:
            for one in copy.messages:
                conversation.inspect(one.content, from_client=one.from_client, text=one.text)
                if talk is not None and talk.messages is not None:
                    await judge_message(ghost, talk, _ROOM, one.content, from_client=one.from_client, text=one.text)
                if self._stopped():
                    break
        except BodyRefused:
            pass
        conversation.close()
        for part, phase in ((copy.request, Phase.REQUEST_BODY), (copy.response, Phase.RESPONSE_BODY)):
            if part.missing:
                self._miss(part, phase)

    # -- bodies ------------------------------------------------------------------------------------------------------

    def _show(self, gate: BodyGate, part: Part) -> bool:
        """Show what was kept to its gate; false when the gate refuses it."""
        try:
            for chunk in part.chunks:
                gate.feed(chunk)
        except BodyRefused:
            return False
        return self._show_end(gate, part)

    def _show_end(self, gate: BodyGate, part: Part) -> bool:
        if part.missing or (part.chunks and not part.whole):
            gate.abort()
            return True
        try:
            gate.finish()
        except BodyRefused:
            return False
        return True

    def _miss(self, part: Part, phase: Phase) -> None:
        """Say that the rest of a body was not seen: it was refused on the way, broke off, or was not kept."""
        why = part.missing or ("refused" if self._live.denial is not None else "incomplete")
        coverage = Coverage(Seen.SKIPPED, why)
        if phase is Phase.REQUEST_BODY:
            self._ghost.request_coverage = coverage
        else:
            self._ghost.response_coverage = coverage
        self.blind = True

    def _stopped(self) -> bool:
        return any(finding.stops for finding in collect_findings(self._ghost))

    def _settle(self) -> None:
        """The candidate's own counters learn how its exchange ended."""
        ghost = self._ghost
        if (writes := writes_of(ghost)) is not None:
            row_ending.settle(ghost, writes, _ROOM, _SETTLING)
        if (talk := talk_of(ghost)) is not None:
            ghost.findings.extend(talk.contained)
            talk_ending.settle(ghost, talk, _ROOM)
