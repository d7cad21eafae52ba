"""Which patterns may match a text, and where: by the words that they need, all looked for in one pass.

Guarantees: no match is lost (but see `needs` for words longer than OPEN letters); time linear in the text: one pass of
an Aho-Corasick automaton in blocks, then arithmetic on one bit a segment. What is left for the patterns themselves is
a small part of the text, or nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import ahocorasick_rs

from clyra_proxy.genai.injection.hay import SEGMENT, Hay, hay_of
from clyra_proxy.genai.injection.needs import Either, Every, Need, Words

_BLOCK = 1 << 14
_SHORT = 18
"""Segments of a text that is faster searched from the first place to the last than in each."""

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
        if len(hay) <= _BLOCK:
            return self._marked(hay)
        found: defaultdict[int, Marks] = defaultdict(int)
        for begin in range(0, len(hay), _BLOCK):
            for number, mark in self._marked(hay[begin : begin + _BLOCK + self._longest]).items():
                found[number] |= mark << begin // SEGMENT
        return found

    def _marked(self, block: bytes) -> dict[int, Marks]:
        marks: defaultdict[int, Marks] = defaultdict(int)
        if self._automaton is not None:
            for number, start, _ in self._automaton.find_matches_as_indexes(block, overlapping=True):
                marks[number] |= 1 << start // SEGMENT
        if not self._first:
            return marks
        return {number + self._first: mark for number, mark in marks.items()}


@dataclass(frozen=True, slots=True)
class _Plan:
    """A need of one pattern, ready to be asked. leaf: number of its words, -1 when it has parts.

    reach: segments that its parts are within; 0 when one of them is enough. in_order: each stands at or after the one
    before. leaves: all of them must be there, whatever else.
    """

    leaf: int
    reach: int = 0
    parts: tuple[_Plan, ...] = ()
    in_order: bool = False
    leaves: frozenset[int] = frozenset()


class Sieve:
    """The needs of some patterns, by the number of each, ready to be asked."""

    def __init__(self, lexicon: Lexicon, needs: Mapping[int, tuple[Need, int]]) -> None:
        """needs: of each pattern, and the bytes that a match of it may have."""
        leaves: dict[Words, int] = {}
        self._plans = {pattern: (_plan(need, leaves), 1 + reach // SEGMENT) for pattern, (need, reach) in needs.items()}
        holding: dict[int, list[int]] = {}
        for words, leaf in leaves.items():
            for word in words.any:
                holding.setdefault(lexicon.numbers[word], []).append(leaf)
        self._holding = {number: tuple(known) for number, known in holding.items()}
        asking: dict[int, list[int]] = {}
        for pattern, (need, _) in needs.items():
            for words in _rarest(need):
                asking.setdefault(leaves[words], []).append(pattern)
        self._asking = {leaf: frozenset(patterns) for leaf, patterns in asking.items()}

    def places(self, scan: Scan) -> Iterator[tuple[int, Places]]:
        """The patterns that may match, in order, with the places where (bytes of the text)."""
        known: dict[int, Marks] = {}
        for number in scan.marks.keys() & self._holding.keys():
            mark = scan.marks[number]
            for leaf in self._holding[number]:
                known[leaf] = known.get(leaf, 0) | mark
        asking, plans, starts = self._asking, self._plans, scan.hay.starts
        for pattern in sorted(set().union(*[asking[leaf] for leaf in known.keys() & asking.keys()])):
            plan, reach = plans[pattern]
            if plan.leaves <= known.keys() and (marks := _met(plan, known)):
                yield pattern, _around(marks, reach, starts)


def _plan(need: Need, leaves: dict[Words, int]) -> _Plan:
    """leaves: numbers of the words, known ones and new ones."""
    if isinstance(need, Words):
        leaf = leaves.setdefault(need, len(leaves))
        return _Plan(leaf, leaves=frozenset([leaf]))
    if isinstance(need, Either):
        return _Plan(-1, parts=tuple(_plan(part, leaves) for part in need.parts))
    ordered = need.parts if need.in_order else sorted(need.parts, key=lambda part: -part.rarity)
    parts = tuple(_plan(part, leaves) for part in ordered)
    known = frozenset[int]().union(*(part.leaves for part in parts))
    return _Plan(-1, 1 + need.reach // SEGMENT, parts, need.in_order, known)


def _met(plan: _Plan, known: Mapping[int, Marks]) -> Marks:
    """Where the need is met: where its last part is, or its rarest when they are in no order."""
    if plan.leaf >= 0:
        return known.get(plan.leaf, 0)
    marks = 0
    for number, part in enumerate(plan.parts):
        there = known.get(part.leaf, 0) if part.leaf >= 0 else _met(part, known)
        if not plan.reach:
            marks |= there
        elif not there:
            return 0
        elif not number:
            marks = there
        else:
            marks = _after(marks, plan.reach) & there if plan.in_order else marks & _spread(there, plan.reach)
    return marks


def _after(marks: Marks, reach: int) -> Marks:
    """The marks and the segments after them."""
    done = 0
    while done < reach:
        step = min(done + 1, reach - done)
        marks |= marks << step
        done += step
    return marks


def _spread(marks: Marks, reach: int) -> Marks:
    """The marks and the segments around them; room before the first one, so that nothing falls off on the way."""
    return _after(marks, 2 * reach) >> reach


def _around(marks: Marks, reach: int, starts: Sequence[int]) -> Places:
    """The places that so many segments around the marks are; one for all of them in a short text."""
    last = len(starts) - 1
    if last > _SHORT:
        return list(_places(_spread(marks, reach), starts))
    first, end = (marks & -marks).bit_length() - 1 - reach, marks.bit_length() + reach
    return [(starts[max(0, first)], starts[min(last, end)])]


def _places(marks: Marks, starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    last, at = len(starts) - 1, 0
    while marks:
        gap = (marks & -marks).bit_length() - 1
        at += gap
        if at >= last:
            return
        marks >>= gap
        run = (~marks & (marks + 1)).bit_length() - 1
        yield starts[at], starts[min(at + run, last)]
        marks >>= run
        at += run


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
