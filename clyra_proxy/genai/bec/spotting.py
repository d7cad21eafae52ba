"""Which facets a text shows, found by words: one automaton for all packs, and patterns only where words are not all.

Rule: the same facets as running every pattern of the packs with RE2. Most patterns are alternatives of plain words, and
for those the automaton's hits are the answer; the others are run only where words stand that any match of them has.
An Aho-Corasick automaton is made once, so the first text costs as much as the thousandth; RE2's own automata are made
as texts come, and those of a thousand patterns together are never finished.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ahocorasick_rs
import re2  # type: ignore[import-untyped]

from clyra_proxy.genai.injection.needs import Either, Every, Need, Words
from clyra_proxy.genai.injection.syntax import piece_of

GAP = "(?:[^ ]+ ){0,4}"
"""Up to four words."""
TAIL = "[^ ]*"
"""The rest of a word."""
_GAP, _TAIL = "\ue000", "\ue001"
"""Stand for them while a pattern is taken apart."""
_OPEN = re.compile(f"[{_GAP}{_TAIL}]")
_HYPHEN = re.compile(r"\[(?:- | -)\]")
_UNDERSTOOD = re.compile(rf"(?:[\w ()\[\]|?*+:{{}},.{_GAP}{_TAIL}]|\[(?:a-z|0-9)+-?\]|\[\^[^\w\[\]]+\])*")
"""The syntax of which every plain string is one that a text of words can hold: no marks stand for themselves."""
_MEMORY = 4 << 20

type Mark = tuple[str, str]
"""(language, facet)."""
type Way = tuple[frozenset[str], ...]
"""What a match needs: of each set of words one."""


@dataclass(slots=True, eq=False)
class _Pattern:
    """A pattern that words alone do not decide."""

    mark: Mark
    source: str
    match: Any = field(default=None)

    def occurs(self, data: bytes) -> bool:
        """Compiled when it is first run: most never are."""
        if self.match is None:
            self.match = _compiled(self.source)
        return bool(self.match(re2._Anchor.UNANCHORED, data, 0, len(data))[0][0] >= 0)


type _Asking = tuple[_Pattern, tuple[frozenset[int], ...]]
"""A pattern that a word may be the beginning of, and the other words that it then needs, by number."""


def _compiled(source: str) -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.never_capture = True
    options.log_errors = False
    return re2.compile(source, options)._regexp.Match


@dataclass(frozen=True, slots=True)
class Spotted:
    """A text that has been read. told: what its words show; undecided: patterns that its words allow."""

    data: bytes
    told: frozenset[Mark]
    undecided: tuple[_Pattern, ...]

    def allowed(self) -> set[Mark]:
        """All that the words allow: what is shown, and more."""
        return {*self.told, *(pattern.mark for pattern in self.undecided)}

    def shown(self) -> set[Mark]:
        """What the text shows: patterns are run as far as nothing else has told what they tell."""
        found = set(self.told)
        for pattern in self.undecided:
            if pattern.mark not in found and pattern.occurs(self.data):
                found.add(pattern.mark)
        return found


class Spotter:
    """Patterns for texts that are words, with single blanks between and around them, and nothing else."""

    def __init__(self, patterns: Iterable[tuple[Mark, str]]) -> None:
        """Raises `re2.error` for a pattern that is not understood and that RE2 does not take either."""
        literals: dict[str, set[Mark]] = {}
        open_: list[tuple[Mark, str, list[Way]]] = []
        for mark, source in patterns:
            plain, ways = _taken_apart(source)
            for literal in plain:
                literals.setdefault(literal, set()).add(mark)
            if ways:
                open_.append((mark, source, ways))
        words = sorted({*literals, *(word for _, _, ways in open_ for way in ways for part in way for word in part)})
        numbers = {word: number for number, word in enumerate(words)}
        self._automaton = ahocorasick_rs.BytesAhoCorasick([word.encode() for word in words])
        self._told = {numbers[word]: tuple(marks) for word, marks in literals.items()}
        self._asking: dict[int, list[_Asking]] = {}
        self._always: list[_Pattern] = []
        for mark, source, ways in open_:
            pattern = _Pattern(mark, source)
            if not all(ways):
                pattern.match = _compiled(source)
                self._always.append(pattern)
                continue
            for way in ways:
                first, *others = sorted((frozenset(numbers[word] for word in part) for part in way), key=len)
                for number in first:
                    self._asking.setdefault(number, []).append((pattern, tuple(others)))

    def read(self, words: str) -> Spotted:
        """A text of words, read for what its words tell."""
        data = words.encode("utf-8", "replace")
        present = frozenset(hit[0] for hit in self._automaton.find_matches_as_indexes(data, overlapping=True))
        told, asking = self._told, self._asking
        found = {mark for number in present & told.keys() for mark in told[number]}
        found.update(pattern.mark for pattern in self._always if pattern.occurs(data))
        undecided = {
            pattern: None
            for number in present & asking.keys()
            for pattern, others in asking[number]
            if pattern.mark not in found and not any(map(present.isdisjoint, others))
        }
        return Spotted(data, frozenset(found), tuple(undecided))

    def match(self, words: str) -> set[Mark]:
        """Everything that a text of words shows."""
        return self.read(words).shown()


def _taken_apart(source: str) -> tuple[list[str], list[Way]]:
    """The strings of which each is a match by itself, and the ways of what else matches."""
    marked = _HYPHEN.sub(" ", source.replace(GAP, _GAP).replace(TAIL, _TAIL))
    piece = piece_of(marked) if _UNDERSTOOD.fullmatch(marked) else None
    if piece is None:
        return [], [()]
    if piece.exact is None:
        return [], list(_ways_of(piece.needs))
    plain: list[str] = []
    ways: list[Way] = []
    for string in piece.exact:
        closed = string[:-2] if string.endswith(f"{_TAIL} ") else string  # a text of words ends with a blank
        if _OPEN.search(closed):
            ways.append(tuple(frozenset([part]) for part in _parts(closed)))
        else:
            plain.append(closed)
    return plain, ways


def _ways_of(need: Need | None) -> Iterator[Way]:
    if isinstance(need, Words):
        parts = [max(_parts(word), key=len, default="") for word in need.any]
        yield (frozenset(parts),) if all(parts) else ()
    elif isinstance(need, Every):
        ways = [list(_ways_of(part)) for part in need.parts]
        yield tuple(words for way in ways if len(way) == 1 for words in way[0])
    elif isinstance(need, Either):
        for part in need.parts:
            yield from _ways_of(part)
    else:
        yield ()


def _parts(string: str) -> list[str]:
    """What stands between the gaps and the rests of words; a blank stands before what follows a gap."""
    return [part for part in _OPEN.split(string.replace(_GAP, f"{_GAP} ")) if part.strip()]
