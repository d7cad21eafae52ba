"""Splits by whole families of sources: what is tested was written by nobody who was trained on.

Rule: a fold's training rows share no family with its test rows, and hold no unverified source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.detection.corpus import Row, trainable


@dataclass(frozen=True, slots=True)
class Fold:
    """name: the families held out. train and test: rows."""

    name: str
    train: tuple[Row, ...]
    test: tuple[Row, ...]


def hold_out(rows: Sequence[Row], families: frozenset[str]) -> Fold:
    """One fold: everything of these families is tested, everything else that may be trained on trains."""
    test = tuple(row for row in rows if row.family in families)
    train = tuple(row for row in trainable(rows) if row.family not in families)
    return Fold("+".join(sorted(families)), train, test)


def grouped_folds(rows: Sequence[Row], count: int) -> Iterator[Fold]:
    """At most `count` folds over all families: the largest attack families alone, the rest dealt out evenly.

    `count` = 0 gives one fold a family. Deterministic.
    """
    attacks = Counter(row.family for row in rows if row.label)
    sizes = Counter(row.family for row in rows)
    families = sorted(sizes, key=lambda family: (-attacks[family], -sizes[family], family))
    if not count:
        yield from (hold_out(rows, frozenset({family})) for family in families)
        return
    groups: list[set[str]] = [set() for _ in range(count)]
    weights = [0] * count
    for family in families:
        place = weights.index(min(weights))
        groups[place].add(family)
        weights[place] += sizes[family]
    yield from (hold_out(rows, frozenset(group)) for group in groups if group)
