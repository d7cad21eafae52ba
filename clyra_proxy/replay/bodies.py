"""Bodies judged again: read anew where they were disclosed or empty, else left unjudged, or taken by their findings.

The gate and the sessions are those of the data path, so any split of a body gives the same verdict. A body that was
cut off when it was refused counts only if it is refused again at the same place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clyra_proxy.checks import BodyCheck
from clyra_proxy.exchange import Exchange
from clyra_proxy.replay.policies import Comparison
from clyra_proxy.replay.reasons import NotReplayable as Why
from clyra_proxy.replay.reasons import Unreplayable
from clyra_proxy.replay.recorded import Recorded
from clyra_proxy.stream.gate import BodyGate, BodyRefused
from clyra_proxy.stream.opening import open_gate, open_sessions
from clyra_proxy.verdict.decide import collect_findings
from clyra_proxy.verdict.model import Action, Finding, Phase
from clyra_proxy.verdict.rules import RULES

_COMPRESSED: Final = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
"""How gzip (RFC 1952) and Zstandard (RFC 8878) begin."""


def is_stopped(exchange: Exchange) -> bool:
    """Whether what was found so far keeps the exchange from going on, as `addons.gate` would have it."""
    return any(finding.enforced and finding.action >= Action.APPROVE for finding in collect_findings(exchange))


def take_over(exchange: Exchange, fact: Mapping[str, Any]) -> None:
    """Add a recorded finding in the mode that the exchange's route gives its rule."""
    finding = RULES[fact["rule"]].finding(
        exchange.route,
        Phase(fact["phase"]),
        check=fact["check"],
        path=fact.get("path", ""),
        action=Action[str(fact["action"]).upper()],
    )
    exchange.findings.extend([] if finding is None else [finding])


@dataclass(slots=True)
class Bodies:
    """The bodies of one exchange. on_findings: recorded findings stood in for at least one of them."""

    exchange: Exchange
    recorded: Recorded
    policies: Comparison
    checks: Sequence[BodyCheck]
    assume: bool
    on_findings: bool = False

    def open(self, phase: Phase) -> BodyGate | None:
        """A gate when a check wants to look at the body; it sets the tally from the head, as on the wire."""
        checks = [check for check in self.checks if check.on_error is not Action.ALLOW]
        gate = open_gate(self.exchange, phase, checks)
        watches, _ = open_sessions(self.exchange, phase, checks)
        if watches:
            return gate
        self._judge_length(phase)
        return None

    def judge(self, gate: BodyGate, side: str, phase: Phase) -> None:
        """Show the body to its checks. side: `req` or `res`. Raises Unreplayable."""
        recorded, body = self.recorded, self.recorded.body(side)
        refused_in = {finding["phase"] for finding in recorded.findings if recorded.refused}
        cut_here, cut_later = phase.value in refused_in, side == "req" and Phase.RESPONSE_BODY.value in refused_in
        if recorded.refused and not cut_here and not cut_later:
            raise Unreplayable(Why.REFUSED_THEN)
        if body is None:
            self.take_findings(phase, Why.BODY_NOT_DISCLOSED)
            return
        if recorded.ending.get("result") == "failed":
            raise Unreplayable(Why.EXCHANGE_FAILED)
        if (side == "req" and recorded.coded) or body.startswith(_COMPRESSED):
            raise Unreplayable(Why.CODING_UNKNOWN)
        refusal = _refusal(gate, body)
        if cut_here and (refusal is None or not self._was_recorded(refusal)):
            raise Unreplayable(Why.BODY_INCOMPLETE)

    def take_findings(self, phase: Phase, otherwise: Why) -> None:
        """Let what checks found then stand for a body, if the caller allows it and the same rules applied."""
        if not self.assume or not self.policies.same_content():
            raise Unreplayable(otherwise)
        self.on_findings = True
        facts = [fact for fact in self.recorded.findings if fact["phase"] == phase.value]
        for fact in facts:
            take_over(self.exchange, fact)
        cut = self.recorded.refused and any(f["mode"] == "enforce" and f["action"] == "block" for f in facts)
        if cut and not is_stopped(self.exchange):
            raise Unreplayable(Why.BODY_INCOMPLETE)

    def _judge_length(self, phase: Phase) -> None:
        """Nobody reads the body; its length alone is judged."""
        exchange = self.exchange
        flow = self.recorded.request if phase is Phase.REQUEST_BODY else self.recorded.response
        limits = exchange.route.limits
        told = any(finding.rule == "body.too_large" for finding in exchange.findings)
        if limits is not None and int(flow.get("len", 0)) > limits.max_body and not told:
            finding = RULES["body.too_large"].finding(exchange.route, phase, check="body")
            exchange.findings.extend([] if finding is None else [finding])

    def _was_recorded(self, finding: Finding) -> bool:
        """Whether a refusal in a body that was cut off is the one that cut it off."""
        facts = self.recorded.findings
        return any(fact["rule"] == finding.rule and fact.get("path", "") == finding.path for fact in facts)


def _refusal(gate: BodyGate, body: bytes) -> Finding | None:
    """What the checks refuse the body for; the finding is in the exchange too."""
    try:
        if body:
            gate.feed(body)
        gate.finish()
    except BodyRefused as refused:
        return refused.finding
    return None
