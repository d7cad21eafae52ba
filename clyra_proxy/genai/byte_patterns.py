"""RE2 over text, one byte a character.

Rule: every character becomes one byte (Latin-1, `?` for what is not in it), so that offsets of bytes are offsets of
characters, lone surrogates harm nothing, and a match costs no conversion. What other scripts say is matched on the
text itself, by the few patterns that need it.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2  # type: ignore[import-untyped]

_ANYWHERE = re2._re2.RE2.Anchor.UNANCHORED
_HERE = re2._re2.RE2.Anchor.ANCHOR_START
_ALL = re2._re2.RE2.Anchor.ANCHOR_BOTH


def as_bytes(text: str) -> bytes:
    """The text, a byte a character."""
    return text.encode("latin-1", "replace")


class Pattern:
    """A compiled RE2 pattern on such bytes. Raises `re2.error` for a bad one."""

    __slots__ = ("_match", "source")

    def __init__(self, pattern: str, *, fold: bool = False, memory: int = 16 << 20) -> None:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.case_sensitive = not fold
        options.max_mem = memory
        options.log_errors = False
        self.source = pattern
        # The object below the one that mimics `re`: no match objects are made, which is most of the cost of a miss.
        self._match = re2.compile(pattern.encode("latin-1"), options)._regexp.Match

    def spans(self, data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
        """Where it matches, from left to right without overlaps."""
        stop = len(data) if end is None else end
        while start <= stop:
            span: tuple[int, int] = self._match(_ANYWHERE, data, start, stop)[0]
            if span[0] < 0:
                return
            yield span
            start = span[1] if span[1] > span[0] else span[1] + 1

    def search(self, data: bytes, start: int = 0, end: int | None = None) -> tuple[int, int] | None:
        """Where it first matches."""
        return next(self.spans(data, start, end), None)

    def at(self, data: bytes, start: int, end: int | None = None, group: int = 0) -> tuple[int, int] | None:
        """The span of `group` when the pattern matches exactly at `start`."""
        spans = self.groups_at(data, start, end)
        return spans[group] if spans is not None and spans[group][0] >= 0 else None

    def groups_at(self, data: bytes, start: int, end: int | None = None) -> list[tuple[int, int]] | None:
        """The spans of the match at `start` and of its groups, (-1, -1) for a group that took no part."""
        spans: list[tuple[int, int]] = self._match(
            _HERE, data, start, len(data) if end is None else min(end, len(data))
        )
        return None if spans[0][0] < 0 else spans

    def whole(self, data: bytes) -> bool:
        """True when the pattern matches all of `data`."""
        return bool(self._match(_ALL, data, 0, len(data))[0][0] >= 0)


def any_of(literals: list[str]) -> str:
    """A pattern for one of several texts, a longer one before what it begins with.

    In this order RE2 joins what begins alike, which keeps the states of its automaton few and small.
    """
    return "|".join(re2.escape(text) for text in sorted(set(literals), reverse=True))
