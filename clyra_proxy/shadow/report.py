"""What each rule would have done, and what the candidate would: one pass over verdict lines, nothing estimated.

A rule saw an exchange when the check it belongs to ran, or when it found something; rules without a check of their own
(egress, identity, approvals) see all. What an exception covered, what failed and what acted already is counted apart
and never as what the rule would have stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clyra_proxy.shadow.counting import Span, Stops
from clyra_proxy.verdict.model import Action
from clyra_proxy.verdict.rules import RULES, SPEAKS_FOR

_CHECKS = ("schema", "genai", "activation")
"""Checks whose time stands in a line when they looked."""


@dataclass(slots=True)
class RuleCounts:
    """enforced: exchanges where it acted already. suppressed: covered by an exception in all its findings.

    changed: would have been redacted. failed: its check failed. unknown: lines with more findings than are written,
    none of those written being its own.
    """

    seen: int = 0
    would: Stops = field(default_factory=Stops)
    changed: int = 0
    enforced: int = 0
    suppressed: int = 0
    failed: int = 0
    unknown: int = 0
    span: Span = field(default_factory=Span)

    def told(self, confidence: float) -> dict[str, Any]:
        """As JSON values."""
        return {
            "seen": self.seen,
            "would_block": self.would.told(self.seen, confidence),
            "would_change": self.changed,
            "enforced_already": self.enforced,
            "suppressed": self.suppressed,
            "failed": self.failed,
            "unknown": self.unknown,
            "days": round(self.span.days, 2),
        }


@dataclass(slots=True)
class CandidateCounts:
    """Of one candidate. stricter, looser: exchanges it decides otherwise. rules: of the stricter ones."""

    agree: int = 0
    unseen: int = 0
    failed: int = 0
    stricter: Stops = field(default_factory=Stops)
    looser: Stops = field(default_factory=Stops)
    rules: Counter[str] = field(default_factory=Counter)
    live_rules: Counter[str] = field(default_factory=Counter)
    unasked: set[str] = field(default_factory=set)
    span: Span = field(default_factory=Span)

    @property
    def compared(self) -> int:
        return self.agree + self.stricter.count + self.looser.count

    def told(self, confidence: float) -> dict[str, Any]:
        """As JSON values; shares are of the compared exchanges."""
        return {
            "compared": self.compared,
            "agree": self.agree,
            "unseen": self.unseen,
            "failed": self.failed,
            "stricter": self.stricter.told(self.compared, confidence),
            "looser": self.looser.told(self.compared, confidence),
            "stricter_rules": dict(self.rules.most_common()),
            "looser_rules": dict(self.live_rules.most_common()),
            "unasked": sorted(self.unasked),
            "days": round(self.span.days, 2),
        }


@dataclass(slots=True)
class ShadowReport:
    """names: rules and families that are counted even when they find nothing. policies: hash -> exchanges.

    lost: lines that could not be written, as the log declares.
    """

    names: tuple[str, ...] = ()
    exchanges: int = 0
    lost: int = 0
    checks: Counter[str] = field(default_factory=Counter)
    rules: dict[str, RuleCounts] = field(default_factory=dict)
    candidates: dict[str, CandidateCounts] = field(default_factory=dict)
    policies: dict[str, int] = field(default_factory=dict)
    span: Span = field(default_factory=Span)
    _truncated: Counter[str] = field(default_factory=Counter)
    _check_spans: dict[str, Span] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any]) -> None:
        """Count one line of the verdict log."""
        ours = event["unmapped"]["clyra"]
        moment = int(event.get("time", 0))
        self.exchanges += 1
        self.span.take(moment)
        policy = str(ours.get("policy_sha256", ""))
        self.policies[policy] = self.policies.get(policy, 0) + 1
        ran = {check for check in _CHECKS if check in ours.get("check_us", {})}
        for check in ran:
            self.checks[check] += 1
            self._check_spans.setdefault(check, Span()).take(moment)
        findings = ours.get("findings", ())
        truncated = ours.get("findings_total", 0) > len(findings)
        destination = str(event.get("dst_endpoint", {}).get("hostname", ""))
        for name, own in self._grouped(findings).items():
            counts = self.rules.setdefault(name, RuleCounts())
            if (check := check_of(name)) and check not in ran:
                counts.seen += 1  # it found something without its check having been timed: on a head, say
                counts.span.take(moment)
            _count(counts, own, ours, destination)
            counts.unknown -= truncated
        if truncated:
            self._truncated["all"] += 1
        if (said := ours.get("candidate")) is not None:
            counted = self.candidates.setdefault(str(said.get("policy_sha256", "")), CandidateCounts())
            _compare(counted, said, ours, destination, moment)

    def _grouped(self, findings: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
        """Findings by rule, and by family where the family was asked for."""
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for one in findings:
            rule = str(one.get("rule", ""))
            for name in {rule, rule.partition(".")[0]}:
                if name == rule or name in self.names:
                    groups.setdefault(name, []).append(one)
        return groups

    def counts(self, name: str) -> RuleCounts:
        """Of one rule or family, with all the exchanges it saw."""
        found = self.rules.get(name, RuleCounts())
        check = check_of(name)
        span = Span(found.span.first_ms, found.span.last_ms)
        seen_by_check = self._check_spans.get(check) if check else self.span
        for moment in (seen_by_check.first_ms, seen_by_check.last_ms) if seen_by_check is not None else ():
            if moment:
                span.take(moment)
        return RuleCounts(
            found.seen + (self.checks[check] if check else self.exchanges),
            found.would,
            found.changed,
            found.enforced,
            found.suppressed,
            found.failed,
            found.unknown + self._truncated["all"],
            span,
        )

    def told(self, confidence: float) -> dict[str, Any]:
        """As JSON values, the rule that would stop most first."""
        names = {*self.rules, *self.names}
        ordered = sorted(((name, self.counts(name)) for name in names), key=lambda one: (-one[1].would.count, one[0]))
        return {
            "exchanges": self.exchanges,
            "first_ms": self.span.first_ms,
            "last_ms": self.span.last_ms,
            "lost_lines": self.lost,
            "confidence": confidence,
            "policies": self.policies,
            "rules": {name: counts.told(confidence) for name, counts in ordered},
            "candidates": {sha256: one.told(confidence) for sha256, one in self.candidates.items()},
        }


def check_of(name: str) -> str:
    """The check whose time tells that a rule or family was looked at; "" for one that sees every exchange."""
    family = RULES[name].family if name in RULES else name.partition(".")[0]
    return next((check for check in _CHECKS if family in SPEAKS_FOR.get(check, frozenset({check}))), "")


def _count(counts: RuleCounts, findings: list[Mapping[str, Any]], ours: Mapping[str, Any], destination: str) -> None:
    sound = [one for one in findings if not one.get("error")]
    active = [one for one in sound if "exception" not in one.get("detail", {})]
    if not active:
        counts.suppressed += bool(sound)
        counts.failed += not sound
        return
    if any(one.get("mode") == "enforce" for one in active):
        counts.enforced += 1
        return
    action = max(Action[str(one["action"]).upper()] for one in active)
    counts.changed += action is Action.REDACT
    if action >= Action.APPROVE:
        counts.would.take(str(ours.get("verdict", "")), str(ours.get("agent", "")), destination)


def _compare(
    counts: CandidateCounts, said: Mapping[str, Any], ours: Mapping[str, Any], destination: str, moment: int
) -> None:
    counts.span.take(moment)
    counts.unasked.update(map(str, said.get("unasked", ())))
    where = (str(ours.get("verdict", "")), str(ours.get("agent", "")), destination)
    match said.get("relation"):
        case "agree":
            counts.agree += 1
        case "stricter":
            counts.stricter.take(*where)
            counts.rules.update(map(str, said.get("rules", ())))
        case "looser":
            counts.looser.take(*where)
            counts.live_rules[str(ours.get("rule", ""))] += 1
        case "unseen":
            counts.unseen += 1
        case _:
            counts.failed += 1
