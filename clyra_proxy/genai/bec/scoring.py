"""How much a message looks like business e-mail compromise: facets of sentences, themes, pressures, an anomaly score.

The model is that of the OWASP Core Rule Set: no sign is proof, signs add up, and a threshold makes a finding. Long
texts are looked at in windows the size of a long mail, so that a lure inside a large document is not diluted and two
unrelated passages do not add up. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clyra_proxy.genai.bec.folding import fold
from clyra_proxy.genai.bec.packs import ANY, Packs, Theme, ThemePack, load_packs

WINDOW_SENTENCES = 24
LEAST = 3
SECOND_LEAST = 3
"""Points of a theme from which it counts as a second one."""
LONGEST_SENTENCE = 600
LIKELY = 3
"""Points above the threshold from which the level is `likely`."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|[\n。！？؟;；]+")


@dataclass(frozen=True, slots=True)
class Assessment:
    """score: anomaly points; threshold: what makes a finding. bec_class: of the strongest theme, "" without one."""

    score: int = 0
    threshold: int = 5
    bec_class: str = ""
    patterns: tuple[str, ...] = ()

    @property
    def suspected(self) -> bool:
        return self.score >= self.threshold

    @property
    def level(self) -> str:
        """`none`, `suspected` or `likely`."""
        if not self.suspected:
            return "none"
        return "likely" if self.score >= self.threshold + LIKELY else "suspected"


def assess(text: str, least: int = LEAST) -> Assessment:
    """The strongest window of a text; nothing for one that cannot reach `least` points, which is told quickly.

    Raises OverflowError when the patterns ran out of memory.
    """
    packs = load_packs()
    best = Assessment(threshold=packs.themes.threshold)
    folded = fold(text)
    everywhere = packs.match(folded)
    languages = [one for one, facets in everywhere.items() if _most(facets, packs.themes) >= least]
    if not languages:
        return best
    matched = [packs.match(sentence) for sentence in _sentences(folded)]
    for language in languages:
        facets = [found.get(language, found[ANY]) for found in matched]
        for window in _windows(facets):
            if (found := _score(window, len(facets), packs)).score > best.score:
                best = found
    return best


def _most(everywhere: frozenset[str], pack: ThemePack) -> int:
    """The most points a text with these facets can have, wherever they stand."""
    themes = [theme for theme in pack.themes if everywhere.issuperset((*theme.near, *theme.with_))]
    if not themes:
        return 0
    pressures = sum(one.score for one in pack.pressures if one.facet in everywhere)
    return max(theme.score for theme in themes) + pack.second + pressures


def _sentences(folded: str) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(folded):
        for start in range(0, len(sentence), LONGEST_SENTENCE):
            piece = sentence[start : start + LONGEST_SENTENCE + 80].strip()
            if len(piece) > 1:
                yield piece


def _windows(facets: Sequence[frozenset[str]]) -> Iterator[Sequence[frozenset[str]]]:
    for start in range(0, max(len(facets) - WINDOW_SENTENCES // 2, 1), WINDOW_SENTENCES // 2):
        yield facets[start : start + WINDOW_SENTENCES]


def _score(window: Sequence[frozenset[str]], sentences: int, packs: Packs) -> Assessment:
    everywhere = frozenset[str]().union(*window)
    pack = packs.themes
    possible = (theme for theme in pack.themes if not theme.longest or sentences <= theme.longest)
    themes = [theme for theme in possible if _holds(theme, window, everywhere)]
    if not themes:
        return Assessment(threshold=pack.threshold)
    strongest = max(theme.score for theme in themes)
    telling = min((theme.class_ for theme in themes if theme.score >= strongest - 1), key=pack.classes.index)
    present = {theme.id for theme in themes}
    pressures = [one for one in pack.pressures if one.facet in everywhere and (not one.only or present & {*one.only})]
    mitigations = [one for one in pack.mitigations if one.facet in everywhere]
    of_weight = {theme.class_ for theme in themes if theme.score >= SECOND_LEAST}
    score = strongest + (pack.second if len(of_weight) > 1 else 0)
    score += sum(one.score for one in pressures) - sum(one.score for one in mitigations)
    ids = (*(theme.id for theme in themes), *(one.id for one in pressures))
    return Assessment(max(score, 0), pack.threshold, telling, ids)


def _holds(theme: Theme, window: Sequence[frozenset[str]], everywhere: frozenset[str]) -> bool:
    if not everywhere.issuperset(theme.with_) or not everywhere.issuperset(theme.near):
        return False
    if any(facets.issuperset(theme.near) for facets in window):
        return True
    return any((one | other).issuperset(theme.near) for one, other in pairwise(window))
