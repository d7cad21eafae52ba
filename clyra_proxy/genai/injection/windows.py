"""The window of a text in which rules weigh most: a long text is as bad as its worst place, and no worse."""

from __future__ import annotations

from collections.abc import Iterable

from clyra_proxy.genai.injection.assessment import Found

WINDOW = 1000
"""Bytes of the plain view in which scores add up."""


def worst_window(found: Iterable[Found]) -> list[Found]:
    """The heaviest set of rules (each once) whose matches begin within WINDOW of one another, in one view or more."""
    places = sorted((item for item in found if item.worth > 0), key=lambda item: item.start)
    best: list[Found] = []
    low = 0
    best_score = score = 0.0
    counts: dict[tuple[str, float], int] = {}
    for high, item in enumerate(places):
        counts[item.kind] = counts.get(item.kind, 0) + 1
        score += item.worth if counts[item.kind] == 1 else 0.0
        while item.start - places[low].start > WINDOW:
            left = places[low]
            counts[left.kind] -= 1
            score -= left.worth if counts[left.kind] == 0 else 0.0
            low += 1
        if score > best_score:
            best_score = score
            best = list({entry.kind: entry for entry in reversed(places[low : high + 1])}.values())
    return best
