"""What a scan finds: where something stands that should not leave, and what it is.

Rule: a leak knows its place and its kind, never its text; who needs the text (a redaction) cuts it out of what was
scanned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """What a leak is about; decides its rule."""

    SECRET = "secret"  # noqa: S105
    PII = "pii"
    CANARY = "canary"
    LINK = "link"
    PLACEHOLDER = "placeholder"  # stands for a value of this session; undone in answers, no finding


@dataclass(frozen=True, slots=True)
class Leak:
    """Characters `start` to `end` of the text. kind: `email`, `card`, ...; for a secret, `secret`. pattern: id of the
    format. view: how it was hidden, `plain` when it was not. weight: the heavier of two that overlap stays."""

    family: Family
    kind: str
    pattern: str
    start: int
    end: int
    weight: int = 0
    view: str = "plain"


def without_overlaps(leaks: Iterable[Leak]) -> list[Leak]:
    """The heaviest of those that overlap, then the longest, then the first; in the order of the text."""
    kept: list[Leak] = []
    cluster: list[Leak] = []
    reach = -1
    for leak in sorted(leaks, key=lambda leak: (leak.start, -leak.end)):
        if leak.start >= reach and cluster:
            kept += _best(cluster)
            cluster = []
        cluster.append(leak)
        reach = max(reach, leak.end)
    kept += _best(cluster)
    return kept


def _best(cluster: list[Leak]) -> list[Leak]:
    if len(cluster) < 2:
        return cluster
    taken: list[Leak] = []
    for leak in sorted(cluster, key=lambda leak: (-leak.weight, leak.start - leak.end, leak.start, leak.pattern)):
        if all(leak.end <= other.start or leak.start >= other.end for other in taken):
            taken.append(leak)
        if len(taken) >= 64:
            break
    return sorted(taken, key=lambda leak: leak.start)
