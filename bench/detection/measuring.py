"""Counts, intervals and curves: what a list of scores says, without any opinion.

Rule: a rate is never given without its count and its 95 % Wilson interval (Wilson 1927), which stays honest for no
false positive in n. A threshold in a curve is a value of the scores, chosen on the benign rows named with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from bench.detection.corpus import Row
from clyra_proxy.shadow.rates import interval

BENIGN_GROUPS = ("ordinary", "multilingual", "hard_negative")
ATTACK_GROUPS = ("direct", "jailbreak", "indirect", "exfil", "encoded", "multilingual")


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` of `total`, with its interval."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        return self.hits / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson score interval; (0, 1) when nothing was counted."""
        return interval(self.hits, self.total)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:7.2%}  [{low:.2%}, {high:.2%}]  {self.hits}/{self.total}"


@dataclass(frozen=True, slots=True)
class Scored:
    """A row with what a detector said: score (higher is worse) and whether it would act on it."""

    row: Row
    score: float
    flagged: bool


def rates(scored: Iterable[Scored]) -> dict[tuple[int, str], Rate]:
    """Flagged of total by (label, group), with a total of each label under the group `all`.

    The total of benign rows counts ordinary and multilingual ones; hard negatives are a population of their own.
    """
    hits: dict[tuple[int, str], list[int]] = {}
    for one in scored:
        groups = [one.row.group]
        if one.row.label or one.row.group != "hard_negative":
            groups.append("all")
        for group in groups:
            cell = hits.setdefault((one.row.label, group), [0, 0])
            cell[0] += one.flagged
            cell[1] += 1
    return {key: Rate(cell[0], cell[1]) for key, cell in hits.items()}


def rates_by_source(scored: Iterable[Scored]) -> dict[tuple[int, str, str], Rate]:
    """Flagged of total by (label, source, group)."""
    hits: dict[tuple[int, str, str], list[int]] = {}
    for one in scored:
        cell = hits.setdefault((one.row.label, one.row.source, one.row.group), [0, 0])
        cell[0] += one.flagged
        cell[1] += 1
    return {key: Rate(cell[0], cell[1]) for key, cell in sorted(hits.items())}


def threshold_at(scored: Sequence[Scored], rate: float, groups: frozenset[str]) -> float:
    """The lowest score at which at most `rate` of the benign rows of these groups are at or above it."""
    scores = sorted((one.score for one in scored if not one.row.label and one.row.group in groups), reverse=True)
    allowed = int(rate * len(scores))
    if allowed >= len(scores):
        return -inf
    above = [score for score in scores[: allowed + 1] if score > scores[allowed]]
    return min(above) if above else scores[allowed] + 1e-9


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One operating point: recall over attacks, false positives over ordinary and multilingual, and hard negatives."""

    threshold: float
    recall: Rate
    ordinary: Rate
    hard: Rate


def operating_curve(scored: Sequence[Scored], at: Sequence[float]) -> list[CurvePoint]:
    """The points whose thresholds leave the given rates of ordinary and multilingual benign rows flagged."""
    points = []
    for rate in at:
        threshold = threshold_at(scored, rate, frozenset({"ordinary", "multilingual"}))
        moved = rates(Scored(one.row, one.score, one.score >= threshold) for one in scored)
        none = Rate(0, 0)
        points.append(
            CurvePoint(
                threshold,
                moved.get((1, "all"), none),
                moved.get((0, "all"), none),
                moved.get((0, "hard_negative"), none),
            )
        )
    return points
