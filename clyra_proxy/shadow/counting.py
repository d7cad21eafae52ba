"""Counts of one rule, or of the candidate: exchanges it saw, exchanges it would have stopped, whose, and which.

Counts are exchanges, not findings. Names and samples are bounded, so a log of any length takes the same memory; what is
counted for a decision (`stops`) keeps every verdict id up to `MOST_IDS`, and says when there were more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from clyra_proxy.shadow.rates import interval

MOST_SAMPLES = 5
MOST_NAMED = 5
MOST_NAMES = 10_000
MOST_IDS = 100_000
OTHERS = "(others)"


def count_name(names: Counter[str], name: str) -> None:
    """Count a name; beyond `MOST_NAMES` different ones the rest is counted together."""
    names[name if name in names or len(names) < MOST_NAMES else OTHERS] += 1


@dataclass(slots=True)
class Span:
    """From the first exchange to the last, milliseconds since the epoch; 0 before the first."""

    first_ms: int = 0
    last_ms: int = 0

    def take(self, moment: int) -> None:
        self.first_ms = min(self.first_ms or moment, moment)
        self.last_ms = max(self.last_ms, moment)

    @property
    def days(self) -> float:
        return (self.last_ms - self.first_ms) / 86_400_000


@dataclass(slots=True)
class Stops:
    """Exchanges that would have been stopped. ids: of their verdicts, newest first as the log is read."""

    count: int = 0
    ids: list[str] = field(default_factory=list)
    agents: Counter[str] = field(default_factory=Counter)
    destinations: Counter[str] = field(default_factory=Counter)

    def take(self, verdict: str, agent: str, destination: str) -> None:
        self.count += 1
        if len(self.ids) < MOST_IDS:
            self.ids.append(verdict)
        count_name(self.agents, agent)
        count_name(self.destinations, destination)

    def told(self, of: int, confidence: float) -> dict[str, Any]:
        """As JSON values; the share is of `of` exchanges."""
        low, high = interval(self.count, of, confidence)
        return {
            "exchanges": self.count,
            "share": round(self.count / of, 6) if of else 0.0,
            "share_low": round(low, 6),
            "share_high": round(high, 6),
            "agents": len(self.agents),
            "destinations": len(self.destinations),
            "top_agents": dict(self.agents.most_common(MOST_NAMED)),
            "top_destinations": dict(self.destinations.most_common(MOST_NAMED)),
            "samples": self.ids[:MOST_SAMPLES],
        }
