"""Judging one text: views, rules, windows, score.

Guarantees: `assess` is pure and safe to call from several threads; its time is linear in the text; equal texts of
equal provenance get equal answers. Scores of rules that match within one window add up, as in the OWASP Core Rule
Set; a long text is as bad as its worst window, so a short attack in a long document is not diluted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from clyra_proxy.genai.injection.assessment import Assessment, Found, rule_of
from clyra_proxy.genai.injection.matching import RuleSet
from clyra_proxy.genai.injection.packs import View, load_packs, rules_folder
from clyra_proxy.genai.injection.views import views_of
from clyra_proxy.genai.model import Provenance

WINDOW = 1000
"""Bytes of a view in which scores add up."""
THRESHOLD = 5.0


class Detector:
    """Rules of one paranoia level, compiled."""

    def __init__(self, *, level: int = 1, threshold: float = THRESHOLD, folder: Path | None = None) -> None:
        """level: 1 to 4. threshold: points from which a text is flagged. folder: of the packs; default: shipped."""
        self.level, self.threshold = level, threshold
        rules = [rule for rule in load_packs(folder or rules_folder()).rules if rule.level <= level]
        self._sets = {view: RuleSet([rule for rule in rules if view in rule.views]) for view in View}

    def assess(self, text: str, provenance: Provenance = Provenance.UNKNOWN) -> Assessment:
        """Judge a text. Never raises on any text."""
        begun = time.perf_counter()
        found = [
            Found(hit.rule, view, hit.rule.worth(provenance), hit.start)
            for view, content in views_of(text)
            for hit in self._sets[view].hits(content.encode("utf-8", "replace"))
        ]
        judged = self._judged(found, provenance)
        return replace(judged, ms=(time.perf_counter() - begun) * 1000)

    def _judged(self, found: list[Found], provenance: Provenance) -> Assessment:
        worst = worst_window(found)
        if not worst:
            return Assessment(level=self.level)
        heaviest = max(worst, key=lambda item: item.worth)
        score = float(sum(item.worth for item in worst))
        hidden = all(item.view in (View.DECODED, View.DESPACED, View.FOLDED) for item in worst)
        return Assessment(
            score=score,
            flagged=score >= self.threshold,
            category=heaviest.rule.category,
            rule=rule_of(heaviest.rule.category, provenance, hidden=hidden),
            patterns=tuple(item.rule.id for item in sorted(worst, key=lambda item: -item.worth)),
            spans=len(found),
            level=self.level,
        )


def worst_window(found: Iterable[Found]) -> list[Found]:
    """The heaviest set of rules (each once) whose matches begin within WINDOW of one another, in one view or more."""
    places = sorted((item for item in found if item.worth > 0), key=lambda item: item.start)
    best: list[Found] = []
    best_score = low = score = 0
    counts: dict[str, int] = {}
    for high, item in enumerate(places):
        counts[item.rule.id] = counts.get(item.rule.id, 0) + 1
        score += item.worth if counts[item.rule.id] == 1 else 0
        while item.start - places[low].start > WINDOW:
            left = places[low]
            counts[left.rule.id] -= 1
            score -= left.worth if counts[left.rule.id] == 0 else 0
            low += 1
        if score > best_score:
            best_score = score
            best = list({entry.rule.id: entry for entry in reversed(places[low : high + 1])}.values())
    return best
