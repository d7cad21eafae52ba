"""What every denial says, before it is put into a protocol's words: who refused, by which rule, where, and what helps.

Guarantee: nothing in it comes from a body but a JSON pointer and the numbers on the allow-list `_SHOWN_DETAILS`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from clyra_proxy.verdict import outcome
from clyra_proxy.verdict.model import Finding, Phase, Verdict
from clyra_proxy.verdict.outcome import Outcome
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.verdict.rules import BY_REASON

_SHOWN_DETAILS = ("schema_pointer", "row", "limit", "observed", "keyword", "offset")
_LONGEST_SHOWN = 512
_RESPONSE_PHASES = frozenset({Phase.RESPONSE_HEAD, Phase.RESPONSE_BODY})


@dataclass(frozen=True, slots=True)
class Refusal:
    """The facts of a denial. message: one sentence for people, the same in every protocol."""

    verdict: Verdict
    rule: str
    reason: Reason
    outcome: Outcome
    title: str
    message: str
    shown: dict[str, str | int]

    @property
    def members(self) -> dict[str, object]:
        """The machine-readable part, the same in every shape."""
        retry_after = self.outcome.retry_after
        members: dict[str, object] = {
            "code": self.reason.value,
            "rule": self.rule,
            "verdict": self.verdict.id,
            "retry": "no" if retry_after is None else "later",
        }
        if retry_after is not None:
            members["retry_after"] = retry_after
        members.update(self.shown)
        return members


def refusal_of(verdict: Verdict) -> Refusal:
    """The facts of the finding that decided."""
    finding = verdict.deciding
    reason = finding.reason if finding is not None else Reason.CHECK_ERROR
    in_response = finding is not None and finding.phase in _RESPONSE_PHASES
    shown = _shown(finding) if finding is not None else {}
    rule = finding.rule if finding is not None else "check.error"
    title = BY_REASON[reason].description
    subject = "The response was refused" if in_response else "The request was refused"
    return Refusal(
        verdict=verdict,
        rule=rule,
        reason=reason,
        outcome=_outcome(finding, reason, in_response=in_response),
        title=title,
        message=f"{subject} by Clyra: {title} Rule {rule}{_place(shown)}, verdict {verdict.id}.",
        shown=shown,
    )


def _outcome(finding: Finding | None, reason: Reason, *, in_response: bool) -> Outcome:
    """What the reason means on the wire; a check that knows when asking again helps says so itself."""
    usual = outcome.of(reason, in_response=in_response)
    later = finding.detail.get("retry_after") if finding is not None else None
    if isinstance(later, int) and later > 0:
        return replace(usual, status=429 if usual.status < 500 else usual.status, retry_after=later, close_code=1013)
    return usual


def _shown(finding: Finding) -> dict[str, str | int]:
    shown: dict[str, str | int] = {}
    if finding.path:
        shown["pointer"] = finding.path[:_LONGEST_SHOWN]
    for name in _SHOWN_DETAILS:
        if (value := finding.detail.get(name)) is not None:
            shown[name] = value[:_LONGEST_SHOWN] if isinstance(value, str) else value
    return shown


def _place(shown: dict[str, str | int]) -> str:
    row, pointer = shown.get("row"), shown.get("pointer")
    return (f", row {row}" if row is not None else "") + (f", at {pointer}" if pointer is not None else "")
