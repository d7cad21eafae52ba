"""What enforcing each GenAI rule would have done to traffic that already passed, from the verdict log.

Rule: every number is a count of lines; a share is told with its 95 % interval (Wilson), because three blocks in forty
exchanges say little. What an exception covered is counted apart and never as harm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clyra_proxy.genai.exceptions import COVERABLE
from clyra_proxy.shadow.rates import interval
from clyra_proxy.verdict.model import Action

CHECK = "genai"
MOST_SAMPLES = 5
MOST_NAMED = 5


@dataclass(slots=True)
class Tally:
    """What one rule, or all together, did and would do. Counts are exchanges, not findings.

    by_action: the strictest action this rule asked for. stopped: asked for approve or block. changed: for redact.
    enforced: exchanges where it was in enforce mode already. suppressed: covered by an exception in all findings.
    """

    exchanges: int = 0
    stopped: int = 0
    changed: int = 0
    enforced: int = 0
    suppressed: int = 0
    by_action: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    patterns: Counter[str] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)

    def told(self, judged: int) -> dict[str, Any]:
        """As JSON values; shares are of `judged` exchanges."""
        low, high = interval(self.stopped, judged)
        return {
            "exchanges": self.exchanges,
            "would_stop": self.stopped,
            "would_change": self.changed,
            "share": round(self.stopped / judged, 6) if judged else 0.0,
            "share_low": round(low, 6),
            "share_high": round(high, 6),
            "enforced_already": self.enforced,
            "suppressed": self.suppressed,
            "by_action": dict(self.by_action),
            "agents": dict(self.agents.most_common(MOST_NAMED)),
            "routes": dict(self.routes.most_common(MOST_NAMED)),
            "patterns": dict(self.patterns.most_common(MOST_NAMED)),
            "samples": self.samples,
        }


@dataclass(slots=True)
class Impact:
    """judged: exchanges the GenAI checks looked at. truncated: lines that had more findings than were written."""

    judged: int = 0
    truncated: int = 0
    first_ms: int = 0
    last_ms: int = 0
    total: Tally = field(default_factory=Tally)
    rules: dict[str, Tally] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any]) -> None:
        """Count one line of the verdict log."""
        ours = event["unmapped"]["clyra"]
        findings = [one for one in ours.get("findings", ()) if one["rule"] in COVERABLE]
        if CHECK not in ours.get("check_us", {}) and not findings:
            return
        self.judged += 1
        self.truncated += ours.get("findings_total", 0) > len(ours.get("findings", ()))
        moment = int(event.get("time", 0))
        self.first_ms = min(self.first_ms or moment, moment)
        self.last_ms = max(self.last_ms, moment)
        for rule in {one["rule"] for one in findings}:
            _count(self.rules.setdefault(rule, Tally()), [one for one in findings if one["rule"] == rule], ours)
        if findings:
            _count(self.total, findings, ours)

    def told(self) -> dict[str, Any]:
        """As JSON values, the rule that would stop most first."""
        ordered = sorted(self.rules.items(), key=lambda one: (-one[1].stopped, -one[1].exchanges, one[0]))
        return {
            "judged": self.judged,
            "truncated": self.truncated,
            "first_ms": self.first_ms,
            "last_ms": self.last_ms,
            "total": self.total.told(self.judged),
            "rules": {rule: tally.told(self.judged) for rule, tally in ordered},
        }


def _count(tally: Tally, findings: list[Mapping[str, Any]], ours: Mapping[str, Any]) -> None:
    active = [one for one in findings if "exception" not in one.get("detail", {})]
    if not active:
        tally.suppressed += 1
        return
    action = max(Action[str(one["action"]).upper()] for one in active)
    tally.exchanges += 1
    tally.stopped += action >= Action.APPROVE
    tally.changed += action is Action.REDACT
    tally.enforced += any(one.get("mode") == "enforce" for one in active)
    tally.by_action[action.word] += 1
    tally.agents[str(ours.get("agent", ""))] += 1
    tally.routes[str(ours.get("route", ""))] += 1
    tally.patterns.update({word for one in active for word in str(one.get("detail", {}).get("patterns", "")).split(",")
                           if word})  # fmt: skip
    if len(tally.samples) < MOST_SAMPLES:
        tally.samples.append(str(ours.get("verdict", "")))
