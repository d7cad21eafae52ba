"""How much a message looks like business e-mail compromise: facets of sentences, themes, pressures, an anomaly score.

The model is that of the OWASP Core Rule Set: no sign is proof, signs add up, and a threshold makes a finding. Long
texts are looked at in windows the size of a long mail, so that a lure inside a large document is not diluted and two
unrelated passages do not add up. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from clyra_proxy.genai.bec.folding import fold
from clyra_proxy.genai.bec.packs import ANY, Packs, Theme, load_packs

BLOCK = 12
"""Sentences of a block; a window is two of them, the length of a long mail."""

LEAST = 3
MOST_TOLD = 4
"""Themes, and pressures, that a finding names."""
SECOND_LEAST = 3
"""Points of a theme from which it counts as a second one."""
LONGEST_SENTENCE = 600
SHORTEST_SENTENCE = 24
OVERLAP = 80
"""Characters a piece of an endless sentence shares with the next."""
LIKELY = 3
"""Points above the threshold from which the level is `likely`."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|[\n。！？؟;；]+")
_STOP = re.compile(r"(?<=[.!?])\s+")

type Facets = Mapping[str, frozenset[str]]
"""Language -> facets found."""


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

    A window is two blocks of sentences. Blocks are looked at whole first, for what their words allow: only where that
    could add up to enough are their patterns run, and only where those do are sentences looked at one by one. Raises
    OverflowError when the patterns ran out of memory.
    """
    packs = load_packs()
    sentences = list(_sentences(fold(text)))
    blocks = [sentences[start : start + BLOCK] for start in range(0, len(sentences), BLOCK)]
    glances = [packs.read("\n".join(block)) for block in blocks]
    allowed = [glance.allowed() for glance in glances]
    whole = cache(lambda number: glances[number].shown())
    single = cache(lambda number: [packs.read(sentence).shown() for sentence in blocks[number]])
    best = Assessment(threshold=packs.themes.threshold)
    for first in range(max(len(blocks) - 1, min(len(blocks), 1))):
        both = range(first, min(first + 2, len(blocks)))
        if not _promising([allowed[number] for number in both], least):
            continue
        for language in _promising([whole(number) for number in both], least):
            window = [found.get(language, found[ANY]) for number in both for found in single(number)]
            if (scored := _score(window, len(sentences), packs)).score > best.score:
                best = scored
    return best


def _promising(blocks: Sequence[Facets], least: int) -> list[str]:
    """The languages in which these blocks together could reach `least` points."""
    languages = {language for block in blocks for language in block}
    shown = [(one, tuple([block.get(one) or block[ANY] for block in blocks])) for one in languages]
    return [language for language, together in shown if _most(together) >= least]


@lru_cache(maxsize=8192)
def _most(blocks: tuple[frozenset[str], ...]) -> int:
    """The most points a text of blocks with these facets can have, wherever they stand."""
    pack, everywhere = load_packs().themes, frozenset[str]().union(*blocks)
    themes = [
        theme for theme in pack.themes if everywhere.issuperset(theme.near) and everywhere.issuperset(theme.with_)
    ]
    if not themes:
        return 0
    pressures = sum(one.score for one in pack.pressures if one.facet in everywhere)
    return max(theme.score for theme in themes) + pack.second + pressures


def _sentences(folded: str) -> Iterator[str]:
    """Sentences, very short ones joined to the one before, so that a text of full stops costs no more than another."""
    short = ""
    for sentence in _ended(folded):
        for part in _parts(sentence) if len(sentence) > LONGEST_SENTENCE else (sentence,):
            piece = part.strip()
            if not piece:
                continue
            short = f"{short} {piece}" if short else piece
            if len(short) >= SHORTEST_SENTENCE:
                yield short
                short = ""
    if len(short) > 1:
        yield short


def _parts(sentence: str) -> Iterator[str]:
    """An endless sentence in pieces, each with the beginning of the next."""
    for start in range(0, len(sentence), LONGEST_SENTENCE):
        yield sentence[start : start + LONGEST_SENTENCE + OVERLAP]


def _ended(folded: str) -> Iterator[str]:
    """A text cut where sentences and lines end."""
    if not folded.isascii():
        yield from _SENTENCE_END.split(folded)
        return
    for line in folded.replace(";", "\n").split("\n"):
        if "." in line or "!" in line or "?" in line:
            yield from _STOP.split(line)
        else:
            yield line


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
    told = sorted(themes, key=lambda theme: -theme.score)[:MOST_TOLD]
    ids = (*(theme.id for theme in told), *(one.id for one in pressures[:MOST_TOLD]))
    return Assessment(max(score, 0), pack.threshold, telling, ids)


def _holds(theme: Theme, window: Sequence[frozenset[str]], everywhere: frozenset[str]) -> bool:
    if not everywhere.issuperset(theme.with_) or not everywhere.issuperset(theme.near):
        return False
    if any(facets.issuperset(theme.near) for facets in window):
        return True
    return any((one | other).issuperset(theme.near) for one, other in pairwise(window))
