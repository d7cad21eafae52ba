"""Which texts a pattern describes, compared: is every text of one also one of others, and if not, which is not.

Path patterns (`*` within a segment, `**` as any number of segments) and name patterns (`*`, `?`) become small automata
whose letters are those of the patterns and one that is in none of them; a breadth-first walk over sets of states finds
the shortest text. Exact, and fast enough for policies (regular-expression libraries build minimal automata over all
of Unicode, which these patterns do not need).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from clyra_proxy.policy.paths import normalise_path

ANY, SEGMENT = "any", "segment"
"""Arrows that every letter takes, and every letter but the slash."""
_FRESH = "xyzqwvjk0123456789"
MOST_STEPS = 200_000
"""Sets of states looked at; past that two patterns count as not comparable, and nothing is said of them."""


@dataclass(frozen=True, slots=True)
class Language:
    """An automaton. arrows[state]: (letter or kind, next state). skips[state]: states reached without a letter."""

    arrows: tuple[tuple[tuple[str, int], ...], ...]
    skips: tuple[tuple[int, ...], ...]
    end: int
    letters: frozenset[str]

    def start(self) -> frozenset[int]:
        return self.closed({0})

    def closed(self, states: Iterable[int]) -> frozenset[int]:
        """With all that is reached without a letter."""
        found, waiting = set(states), list(states)
        while waiting:
            for state in self.skips[waiting.pop()]:
                if state not in found:
                    found.add(state)
                    waiting.append(state)
        return frozenset(found)

    def step(self, states: frozenset[int], letter: str) -> frozenset[int]:
        """Where a letter leads."""
        reached = {
            target
            for state in states
            for kind, target in self.arrows[state]
            if kind in (letter, ANY) or (kind == SEGMENT and letter != "/")
        }
        return self.closed(reached)


@dataclass(slots=True)
class _Builder:
    arrows: list[list[tuple[str, int]]] = field(default_factory=lambda: [[]])
    skips: list[list[int]] = field(default_factory=lambda: [[]])

    def letter(self, kind: str) -> None:
        self.arrows[-1].append((kind, len(self.arrows)))
        self._new()

    def loop(self, kind: str) -> None:
        self.arrows[-1].append((kind, len(self.arrows) - 1))

    def segments(self) -> None:
        """Any number of segments: `(/[^/]*)*`."""
        start = len(self.arrows) - 1
        self.letter("/")
        self.loop(SEGMENT)
        self.skips[-1].append(start)
        self.skips[start].append(len(self.arrows))
        self._new()

    def _new(self) -> None:
        self.arrows.append([])
        self.skips.append([])

    def made(self, letters: str) -> Language:
        return Language(
            tuple(map(tuple, self.arrows)), tuple(map(tuple, self.skips)), len(self.arrows) - 1, frozenset(letters)
        )


def path_language(pattern: str) -> Language:
    """The normalised paths a path pattern matches (`clyra_proxy.policy.paths`)."""
    builder = _Builder()
    normal = normalise_path(pattern)
    for segment in normal[1:].split("/"):
        if segment == "**":
            builder.segments()
            continue
        builder.letter("/")
        for letter in segment:
            builder.loop(SEGMENT) if letter == "*" else builder.letter(letter)
    return builder.made(normal.replace("*", ""))


def name_language(pattern: str) -> Language:
    """The names a name pattern matches: `*` any run of characters, `?` one."""
    builder = _Builder()
    for letter in pattern:
        if letter == "*":
            builder.loop(ANY)
        else:
            builder.letter(ANY if letter == "?" else letter)
    return builder.made(pattern.replace("*", "").replace("?", ""))


def name_languages(patterns: Sequence[str]) -> tuple[Language, ...]:
    """The languages of several patterns for names."""
    return tuple(map(name_language, patterns))


def within(narrow: Sequence[Language], wide: Sequence[Language]) -> bool:
    """Whether `wide`, which is everything where it is empty, has all of `narrow`."""
    return not wide or (bool(narrow) and outside(narrow, wide) is None)


def outside(inner: Sequence[Language], outer: Sequence[Language]) -> str | None:
    """The shortest text of any of `inner` that none of `outer` has; None when there is none.

    "" also where the two are too large to be compared: then there may be one.
    """
    return _walk(inner, outer, inside=False, unknown="")


def common(one: Sequence[Language], other: Sequence[Language]) -> str | None:
    """The shortest text that any of `one` and any of `other` have; None when there is none."""
    return _walk(one, other, inside=True, unknown=None)


def _walk(first: Sequence[Language], second: Sequence[Language], *, inside: bool, unknown: str | None) -> str | None:
    languages = (*first, *second)
    letters = sorted(frozenset().union(*(one.letters for one in languages)) | {"/"})
    letters = [next(one for one in _FRESH if one not in letters), *letters]
    start = tuple(language.start() for language in languages)
    waiting: deque[tuple[tuple[frozenset[int], ...], str]] = deque([(start, "")])
    seen = {start}
    while waiting and len(seen) < MOST_STEPS:
        states, text = waiting.popleft()
        ends = [language.end in state for language, state in zip(languages, states, strict=True)]
        if any(ends[: len(first)]) and any(ends[len(first) :]) is inside:
            return text
        for letter in letters:
            reached = tuple(language.step(state, letter) for language, state in zip(languages, states, strict=True))
            if any(reached[: len(first)]) and reached not in seen:
                seen.add(reached)
                waiting.append((reached, text + letter))
    return unknown if waiting else None
