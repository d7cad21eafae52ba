"""What the candidate made of an exchange, beside what was done: its decision, its rules, and how the two compare.

Two decisions differ when different things would happen; a mark lets an exchange pass as an allow does. What the
candidate could not see or ask is part of its verdict: `unseen` is no agreement. Metadata only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from clyra_proxy.evidence.event import decision_word
from clyra_proxy.exchange import Exchange
from clyra_proxy.telemetry.verdict_line import CANDIDATE
from clyra_proxy.verdict.model import Action, Coverage, Finding, Seen, Verdict

MOST_RULES = 16
_NOTHING = Coverage(Seen.NONE)
RECORD_TYPE = "pef.shadow_diff"


class Relation(StrEnum):
    """The candidate's decision against the one in force."""

    AGREE = "agree"
    STRICTER = "stricter"
    LOOSER = "looser"
    UNSEEN = "unseen"  # it had no objection, and did not see all
    FAILED = "failed"  # it has no decision


@dataclass(frozen=True, slots=True)
class CandidateVerdict:
    """rules: that ask for its action, in order. unasked: what it would ask outside and did not.

    us: microseconds of its thread. why: of a failure, in a word, "" otherwise.
    """

    policy_sha256: str
    relation: Relation
    action: Action = Action.ALLOW
    would_action: Action = Action.ALLOW
    decision: str = ""
    rules: tuple[str, ...] = ()
    reason: str = ""
    request_coverage: Coverage = _NOTHING
    response_coverage: Coverage = _NOTHING
    unasked: tuple[str, ...] = ()
    us: int = 0
    why: str = ""

    @property
    def differs(self) -> bool:
        return self.relation in (Relation.STRICTER, Relation.LOOSER)

    def as_json(self) -> dict[str, Any]:
        """As the verdict log has it."""
        told: dict[str, Any] = {"policy_sha256": self.policy_sha256, "relation": self.relation, "differs": self.differs}
        if self.relation is Relation.FAILED:
            return told | {"why": self.why}
        return told | {
            "decision": self.decision,
            "action": self.action.word,
            "would_action": self.would_action.word,
            "rules": list(self.rules),
            "reason": self.reason,
            "request_coverage": str(self.request_coverage),
            "response_coverage": str(self.response_coverage),
            "unasked": list(self.unasked),
            "us": self.us,
        }


def failed(policy_sha256: str, why: str) -> CandidateVerdict:
    """It has no decision. why: a word, never content."""
    return CandidateVerdict(policy_sha256, Relation.FAILED, why=why)


def compared(live: Action, own: Verdict, *, blind: bool, unasked: Iterable[str] = (), us: int = 0) -> CandidateVerdict:
    """live: what was done. own: the candidate's decision. blind: it did not see all of a body that went through."""
    deciding = own.deciding if own.action > Action.ALLOW else None
    return CandidateVerdict(
        own.policy_sha256,
        _relation(live, own.action, blind=blind),
        own.action,
        own.would_action,
        own.decision.value,
        _rules(own.findings, own.action),
        deciding.reason.value if deciding is not None else "",
        own.request_coverage,
        own.response_coverage,
        tuple(unasked),
        us,
    )


def _relation(live: Action, own: Action, *, blind: bool) -> Relation:
    live, own = max(live, Action.MARK), max(own, Action.MARK)
    if own > live:
        return Relation.STRICTER
    if blind and live < Action.APPROVE and own < Action.APPROVE:
        return Relation.UNSEEN
    return Relation.LOOSER if own < live else Relation.AGREE


def _rules(findings: Iterable[Finding], action: Action) -> tuple[str, ...]:
    asking = (one.rule for one in findings if one.enforced and one.action is action and action > Action.ALLOW)
    return tuple(dict.fromkeys(asking))[:MOST_RULES]


def verdict_of(exchange: Exchange) -> CandidateVerdict | None:
    """What the candidate said of an exchange, None without one or before."""
    found = exchange.extensions.get(CANDIDATE)
    return found if isinstance(found, CandidateVerdict) else None


def diff_event(exchange: Exchange, candidate: CandidateVerdict, percent: float) -> bytes:
    """The record of an exchange that the candidate decides otherwise (`pef.shadow_diff`), encoded."""
    live = exchange.verdict
    assert live is not None  # noqa: S101 - it was compared with it
    deciding = live.deciding
    data = {
        "exchange": exchange.id,
        "kind": "policy",
        "same": not candidate.differs,
        "live": {
            "policy_sha256": live.policy_sha256,
            "decision": decision_word(live.action),
            "action": live.action.word,
            "rule": deciding.rule if deciding is not None else "",
            "reason": deciding.reason.value if deciding is not None else "none",
        },
        "shadow": {
            "policy_sha256": candidate.policy_sha256,
            "decision": decision_word(candidate.action),
            "action": candidate.action.word,
            "rule": candidate.rules[0] if candidate.rules else "",
            "reason": candidate.reason or "none",
            "us": candidate.us,
        },
        "sampled_bp": round(percent * 100),
    }
    return orjson.dumps({"typ": RECORD_TYPE, "data": data})
