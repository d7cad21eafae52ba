"""Whether what was seen in shadow is enough to enforce: a list of conditions, each with its figure and its limit.

The harm that is bounded is an exchange that would have been stopped and that nobody has called right to stop. Its share
is told by the exact upper bound, so with nothing seen it takes `log(1 - confidence) / log(1 - limit)` exchanges to say
anything (299 for one percent at 95 %). Defaults are declared here and in docs/shadow.md and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from clyra_proxy.shadow.counting import Stops
from clyra_proxy.shadow.ledger import Reviews
from clyra_proxy.shadow.rates import upper_bound
from clyra_proxy.shadow.report import CandidateCounts, RuleCounts

CANDIDATE = "candidate"
"""What a review names as its rule when it is about what the candidate decides otherwise."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked for. max_block_rate: of exchanges, 0 to 1. max_unreviewed: would-blocks nobody has looked at."""

    min_exchanges: int = 1000
    min_days: float = 7.0
    max_block_rate: float = 0.01
    max_unreviewed: int = 0
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Window:
    """The log since the policy at hand came into force. changed: another one was in force in between."""

    exchanges: int
    changed: bool
    lost: int


@dataclass(frozen=True, slots=True)
class Condition:
    """name: a word. figure, limit: as they are told. passed: whether it holds."""

    name: str
    figure: float | int | str
    limit: float | int | str
    passed: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Gate:
    """The conditions for one rule, or for the candidate."""

    name: str
    conditions: tuple[Condition, ...]

    @property
    def passed(self) -> bool:
        return all(condition.passed for condition in self.conditions)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "passed": self.passed,
            "conditions": [condition.as_json() for condition in self.conditions],
        }


def gate_of_rule(
    name: str, counts: RuleCounts, window: Window, reviews: Reviews, limits: Limits, errors: Iterable[str]
) -> Gate:
    """errors: contradictions of the policy as it would be. Lines that may hide a finding count as if they did."""
    judged = _reviewed(counts.would, reviews, name)
    harm = judged.unreviewed + judged.wrong + counts.unknown + counts.failed
    return Gate(
        name,
        (
            *_enough(counts.seen, counts.span.days, limits),
            *_harmless(harm, counts.seen, judged, limits),
            *_sound(window, errors),
        ),
    )


def gate_of_candidate(
    counts: CandidateCounts, window: Window, reviews: Reviews, limits: Limits, errors: Iterable[str]
) -> Gate:
    """What it would no longer stop has to be looked at as much as what it would; what it could not judge fails it."""
    stricter = _reviewed(counts.stricter, reviews, CANDIDATE)
    looser = _reviewed(counts.looser, reviews, CANDIDATE)
    seen = counts.compared + counts.failed
    unasked = ", ".join(sorted(counts.unasked)) or "nothing"
    return Gate(
        CANDIDATE,
        (
            *_enough(counts.compared, counts.span.days, limits),
            *_harmless(stricter.unreviewed + stricter.wrong + counts.failed, seen, stricter, limits),
            Condition(
                "looser unreviewed",
                looser.unreviewed + looser.wrong,
                limits.max_unreviewed,
                looser.unreviewed + looser.wrong <= limits.max_unreviewed,
            ),
            Condition("not asked", unasked, "nothing", not counts.unasked),
            *_sound(window, errors),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    right: int
    wrong: int
    unreviewed: int


def _reviewed(stops: Stops, reviews: Reviews, rule: str) -> _Judged:
    """How people judged the exchanges; those whose ids are not kept any more are unreviewed."""
    words = [reviews.of(verdict, rule) for verdict in stops.ids]
    right = sum(word is not None and word.right for word in words)
    wrong = sum(word is not None and not word.right for word in words)
    return _Judged(right, wrong, stops.count - right - wrong)


def _enough(seen: int, days: float, limits: Limits) -> tuple[Condition, ...]:
    return (
        Condition("exchanges", seen, limits.min_exchanges, seen >= limits.min_exchanges),
        Condition("days", round(days, 2), limits.min_days, days >= limits.min_days),
    )


def _harmless(harm: int, seen: int, judged: _Judged, limits: Limits) -> tuple[Condition, ...]:
    bound = upper_bound(min(harm, seen), seen, limits.confidence)
    return (
        Condition("block rate, upper bound", round(bound, 6), limits.max_block_rate, bound < limits.max_block_rate),
        Condition("unreviewed", judged.unreviewed, limits.max_unreviewed, judged.unreviewed <= limits.max_unreviewed),
    )


def _sound(window: Window, errors: Iterable[str]) -> tuple[Condition, ...]:
    found = tuple(errors)
    return (
        Condition("policy unchanged", "changed" if window.changed else "unchanged", "unchanged", not window.changed),
        Condition("lost lines", window.lost, 0, window.lost == 0),
        Condition("policy check", f"{len(found)} errors" if found else "clean", "clean", not found),
    )
