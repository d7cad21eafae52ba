"""The BEC packs: facets in many languages (what words are a sign of), and themes that combine facets.

Facets are data of a language, themes are data of the fraud, so that a language is one file and a new fraud is one line
for all languages. Patterns are RE2 (linear time on any text) on words that are parted by single blanks, which keeps
their automata small. Reference: policies/rules/bec/*.yaml.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

import re2  # type: ignore[import-untyped]
from pydantic import Field, StringConstraints

from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.bec.folding import fold, spaced
from clyra_proxy.genai.bec.spotting import GAP, TAIL, Mark, Spotted, Spotter
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.section import Section
from clyra_proxy.policy.shipped import read_data

MEMORY_BYTES = 16 << 20
"""Bound of the automaton of raw patterns, which is built as texts need it."""

ANY = "any"
"""Language of facets that need none."""

Facet = Annotated[str, StringConstraints(pattern=r"^[a-z_]+$")]


class Spelling(StrEnum):
    """How a language is written. raw: patterns see the folded text as it is, punctuation included."""

    WORDS = "words"
    UNSPACED = "unspaced"
    RAW = "raw"


class FacetPack(Section):
    """The facets of one language."""

    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
    about: str
    spelling: Spelling = Spelling.WORDS
    facets: dict[Facet, list[Annotated[str, StringConstraints(min_length=1)]]]


class Theme(Section):
    """What is asked for. class_: word for approvals and reports. longest: sentences of the message at most; 0: any."""

    id: str
    class_: Facet = Field(alias="class")
    score: Annotated[int, Field(ge=1, le=5)]
    near: list[Facet] = Field(min_length=1)
    with_: list[Facet] = Field(default_factory=list, alias="with")
    longest: Annotated[int, Field(ge=0)] = 0


class Weight(Section):
    """How it is asked, or what speaks against fraud. only: themes it counts with; empty: all."""

    id: str
    facet: Facet
    score: Annotated[int, Field(ge=1, le=5)]
    only: list[str] = Field(default_factory=list)


class ThemePack(Section):
    """All themes. threshold: points of a finding.

    second: points for a theme of a second class. classes: most telling first.
    """

    about: str
    threshold: Annotated[int, Field(ge=1)]
    second: Annotated[int, Field(ge=0)]
    classes: list[Facet]
    themes: list[Theme]
    pressures: list[Weight]
    mitigations: list[Weight]


class Lists(Section):
    """Plain lists. freemail: domains anybody gets an address of. around: words that are put around a known name."""

    about: str
    freemail: frozenset[str]
    around: frozenset[str]


class RawSet:
    """The few patterns of the folded text as it is, compiled into one automaton.

    Its first pattern matches everything, because a set that runs out of memory says "nothing" instead of failing.
    """

    def __init__(self, patterns: Iterable[tuple[Mark, str]]) -> None:
        """Raises `re2.error`."""
        options = re2.Options()
        options.max_mem = MEMORY_BYTES
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        self._set.Add("")
        self._marks = [(ANY, "")]
        for mark, source in patterns:
            self._set.Add(source)
            self._marks.append(mark)
        self._set.Compile()

    def match(self, folded: str) -> set[Mark]:
        """What is in a text. Raises OverflowError without memory."""
        found = self._set.Match(folded)
        if not found or 0 not in found:
            raise OverflowError("the BEC patterns ran out of memory")
        return {self._marks[number] for number in found if number}


@dataclass(frozen=True, slots=True)
class Packs:
    """words: patterns of texts written as words. raw: those of Spelling.RAW. facets: all there are."""

    themes: ThemePack
    words: Spotter
    raw: RawSet
    facets: frozenset[str]

    def read(self, folded: str) -> Glance:
        """A folded text, read for its words. Raises OverflowError."""
        return Glance(self.words.read(spaced(folded)), frozenset(self.raw.match(folded)))


@dataclass(frozen=True, slots=True)
class Glance:
    """A text whose words have been read, and what they are said to be in: language -> facets, those of no language
    (ANY) in each, because a word of one may be a piece of code or a name in another."""

    words: Spotted
    raw: frozenset[Mark]

    def allowed(self) -> dict[str, frozenset[str]]:
        """What the words alone allow, which is told sooner."""
        return _by_language(self.words.allowed() | self.raw)

    def shown(self) -> dict[str, frozenset[str]]:
        """What the text shows."""
        return _by_language(self.words.shown() | self.raw)


def _by_language(marks: Iterable[Mark]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {ANY: set()}
    for language, facet in marks:
        found.setdefault(language, set()).add(facet)
    return {language: frozenset(facets | found[ANY]) for language, facets in found.items()}


@lru_cache(maxsize=1)
def load_packs() -> Packs:
    """The shipped packs, compiled. Raises PolicyError."""
    folder = policies_folder() / "rules" / "bec"
    themes = read_data(ThemePack, folder / "themes.yaml")
    packs = [read_data(FacetPack, path) for path in sorted(folder.glob("facets-*.yaml"))]
    try:
        words = Spotter(one for pack in packs if pack.spelling is not Spelling.RAW for one in patterns_of(pack))
        raw = RawSet(one for pack in packs if pack.spelling is Spelling.RAW for one in patterns_of(pack))
    except re2.error as error:
        raise PolicyError("A pattern of the BEC packs is no RE2 expression.", str(error)) from error
    facets = frozenset(facet for pack in packs for facet in pack.facets)
    _check(themes, facets)
    return Packs(themes, words, raw, facets)


def patterns_of(pack: FacetPack) -> Iterator[tuple[Mark, str]]:
    """Each pattern of a pack, as RE2 reads it, with its language and facet."""
    for facet, patterns in pack.facets.items():
        for pattern in patterns:
            yield (pack.language, facet), expand(pattern, pack.spelling)


@lru_cache(maxsize=1)
def load_lists() -> Lists:
    """The shipped lists. Raises PolicyError."""
    return read_data(Lists, policies_folder() / "rules" / "bec" / "lists.yaml")


def expand(pattern: str, spelling: Spelling) -> str:
    """RE2 source of a pack's pattern.

    Folded like texts; `letter*` takes any further letters, ` ~ ` up to four words; hyphens and apostrophes are blanks.
    """
    if spelling is Spelling.RAW:
        return fold(pattern)
    made: list[str] = []
    in_class = False
    source = fold(pattern).strip().replace(" ~ ", " \0").replace(" ~", " \0")
    for position, character in enumerate(source):
        in_class = character == "[" or (in_class and character != "]")
        if character == "*" and position and source[position - 1].isalpha():
            made.append(TAIL)
        elif character == "\0":
            made.append(GAP)
        else:
            made.append(" " if character in "-'" and not in_class else character)
    body = "".join(made)
    return f" (?:{body}) " if spelling is Spelling.WORDS else body


def _check(themes: ThemePack, facets: frozenset[str]) -> None:
    named = {facet for theme in themes.themes for facet in (*theme.near, *theme.with_)}
    named |= {weight.facet for weight in (*themes.pressures, *themes.mitigations)}
    if unordered := {theme.class_ for theme in themes.themes} - set(themes.classes):
        raise PolicyError(f"themes.yaml has no place in `classes` for: {', '.join(sorted(unordered))}.")
    if unknown := named - facets:
        raise PolicyError(f"themes.yaml names facets that no language has: {', '.join(sorted(unknown))}.")
