"""Which patterns may match a text, and where: by the words that they need, all looked for in one pass.

Guarantees: no match is lost (but see `needs` for words longer than OPEN letters); time linear in the text: one pass of
an Aho-Corasick automaton in blocks, then arithmetic on one bit a segment. What is left for the patterns themselves is
a small part of the text, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import ahocorasick_rs

from clyra_proxy.genai.injection.hay import SEGMENT, Hay, hay_of
from clyra_proxy.genai.injection.needs import Every, Need, Words

_BLOCK = 1 << 14
_SHORT = 18
"""Segments of a text that is faster searched whole than in places."""
_RUN = re.compile("1+")

type Marks = int
"""One bit a segment of a hay, the first one lowest."""
type Places = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Scan:
    """One text, read for words. marks: where each word is, by its number in the lexicon."""

    hay: Hay
    marks: Mapping[int, Marks]


class Lexicon:
    """The words that patterns need, and an automaton for them."""

    def __init__(self, needs: Iterable[Need]) -> None:
        known = sorted({word for need in needs for word in _words_of(need)})
        self._plain = _Automaton([word for word in known if word.isascii()], 0)
        self._foreign = _Automaton([word for word in known if not word.isascii()], self._plain.size)
        self.numbers = self._plain.numbers | self._foreign.numbers

    def scan(self, content: bytes) -> Scan:
        """All words of a text in UTF-8."""
        hay = hay_of(content)
        marks = self._plain.marks(hay.plain)
        if hay.foreign is not None:
            marks |= self._foreign.marks(hay.foreign)
        if not hay.placed:
            marks = dict.fromkeys(marks, 1)
        return Scan(hay, marks)


class _Automaton:
    """Finds words in a hay. first: the number of the first one."""

    def __init__(self, words: Sequence[str], first: int) -> None:
        self.size = len(words)
        self.numbers = {word: number for number, word in enumerate(words, first)}
        self._first = first
        self._longest = max((len(word.encode()) for word in words), default=0)
        self._automaton = ahocorasick_rs.BytesAhoCorasick([word.encode() for word in words]) if words else None

    def marks(self, hay: bytes) -> dict[int, Marks]:
        """In blocks: a mark is made with few bits and set in its place once."""
        found: dict[int, Marks] = {}
        if self._automaton is None:
            return found
        for begin in range(0, len(hay), _BLOCK):
            block = hay[begin : begin + _BLOCK + self._longest] if len(hay) > _BLOCK else hay
            marks: dict[int, Marks] = {}
            for number, start, _ in self._automaton.find_matches_as_indexes(block, overlapping=True):
                marks[number] = marks.get(number, 0) | 1 << start // SEGMENT
            shift = begin // SEGMENT
            for number, mark in marks.items():
                number += self._first
                found[number] = found.get(number, 0) | mark << shift
        return found


@dataclass(frozen=True, slots=True)
class _Plan:
    """A need of one pattern, ready to be asked. leaf: number of its words, -1 when it has parts.

    reach: segments that its parts are within; 0 when one of them is enough.
    """

    leaf: int
    reach: int = 0
    parts: tuple[_Plan, ...] = ()


class Sieve:
    """The needs of some patterns, by the number of each, ready to be asked."""

    def __init__(self, lexicon: Lexicon, needs: Mapping[int, tuple[Need, int]]) -> None:
        """needs: of each pattern, and the bytes that a match of it may have."""
        numbers = lexicon.numbers
        self._leaves: dict[Words, int] = {}
        self._plans = {pattern: (self._plan(need), 1 + reach // SEGMENT) for pattern, (need, reach) in needs.items()}
        self._words = [frozenset(numbers[word] for word in words.any) for words in self._leaves]
        asked: dict[int, set[int]] = {}
        asking: dict[int, list[int]] = {}
        for pattern, (need, _) in needs.items():
            for words in _rarest(need):
                asking.setdefault(self._leaves[words], []).append(pattern)
        for leaf, patterns in asking.items():
            for number in self._words[leaf]:
                asked.setdefault(number, set()).update(patterns)
        self._asking = {number: frozenset(patterns) for number, patterns in asked.items()}

    def _plan(self, need: Need) -> _Plan:
        if isinstance(need, Words):
            return _Plan(self._leaves.setdefault(need, len(self._leaves)))
        parts = tuple(self._plan(part) for part in sorted(need.parts, key=lambda part: -part.rarity))
        return _Plan(-1, 1 + need.reach // SEGMENT if isinstance(need, Every) else 0, parts)

    def places(self, scan: Scan) -> Iterator[tuple[int, Places]]:
        """The patterns that may match, in order, with the places where (bytes of the text)."""
        asking, known, starts = self._asking, _Known(self._words, scan.marks), scan.hay.starts
        whole = [(0, starts[-1])] if len(starts) <= _SHORT else None
        for pattern in sorted(set().union(*(asking[number] for number in scan.marks.keys() & asking.keys()))):
            plan, reach = self._plans[pattern]
            if marks := known.met(plan):
                yield pattern, whole or list(_places(_spread(marks, reach), starts))


class _Known:
    """Where needs are met in one text, each asked once. words: numbers of the words of each leaf."""

    def __init__(self, words: Sequence[frozenset[int]], marks: Mapping[int, Marks]) -> None:
        self._words, self._marks, self._present = words, marks, frozenset(marks)
        self._leaves: dict[int, Marks] = {}

    def met(self, plan: _Plan) -> Marks:
        """Where the need is met; where the rarest of its words is, when it is of several."""
        if plan.leaf >= 0:
            return self._leaf(plan.leaf)
        first, *others = plan.parts
        marks = self.met(first)
        for part in others:
            if not plan.reach:
                marks |= self.met(part)
            elif marks:
                marks &= _spread(self.met(part), plan.reach)
        return marks

    def _leaf(self, leaf: int) -> Marks:
        marks = self._leaves.get(leaf, -1)
        if marks < 0:
            marks = 0
            for number in self._words[leaf] & self._present:
                marks |= self._marks[number]
            self._leaves[leaf] = marks
        return marks


def _spread(marks: Marks, reach: int) -> Marks:
    """The marks and the segments around them; room before the first one, so that nothing falls off on the way."""
    room, done = reach, 0
    marks <<= room
    while done < reach and marks:
        step = min(2 * done + 1, reach - done)
        marks |= marks << step | marks >> step
        done += step
    return marks >> room


def _places(marks: Marks, starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    last = len(starts) - 1
    for run in _RUN.finditer(format(marks, "b")[::-1]):
        if run.start() < last:
            yield starts[run.start()], starts[min(run.end(), last)]


def _leaves(need: Need) -> Iterator[Words]:
    if isinstance(need, Words):
        yield need
    else:
        for part in need.parts:
            yield from _leaves(part)


def _words_of(need: Need) -> Iterator[str]:
    for words in _leaves(need):
        yield from words.any


def _rarest(need: Need) -> Iterator[Words]:
    """Words of which at least one kind must occur."""
    if isinstance(need, Words):
        yield need
    elif isinstance(need, Every):
        yield from _rarest(max(need.parts, key=lambda part: part.rarity))
    else:
        for part in need.parts:
            yield from _rarest(part)
