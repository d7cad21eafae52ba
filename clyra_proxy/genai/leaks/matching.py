"""RE2 over text, one byte a character.

Rule: every character becomes one byte (Latin-1, `?` for what is not in it), so that offsets of bytes are offsets of
characters, lone surrogates harm nothing, and a match costs no conversion. What other scripts say is matched on the
text itself, by the few patterns that need it.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2  # type: ignore[import-untyped]


def as_bytes(text: str) -> bytes:
    """The text, a byte a character."""
    return text.encode("latin-1", "replace")


class Pattern:
    """A compiled RE2 pattern on such bytes. Raises `re2.error` for a bad one."""

    __slots__ = ("_compiled",)

    def __init__(self, pattern: str, *, fold: bool = False, memory: int = 16 << 20) -> None:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.case_sensitive = not fold
        options.max_mem = memory
        options.log_errors = False
        self._compiled = re2.compile(pattern.encode("latin-1"), options)

    def spans(self, data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
        """Where it matches, from left to right without overlaps."""
        for match in self._compiled.finditer(data, start, end):
            yield match.span()

    def search(self, data: bytes, start: int = 0, end: int | None = None) -> tuple[int, int] | None:
        """Where it first matches."""
        return next(self.spans(data, start, end), None)

    def at(self, data: bytes, start: int, end: int | None = None, group: int = 0) -> tuple[int, int] | None:
        """The span of `group` when the pattern matches exactly at `start`."""
        match = self._compiled.match(data, start, end)
        if match is None:
            return None
        span: tuple[int, int] = match.span(group)
        return span if span[0] >= 0 else None

    def groups_at(self, data: bytes, start: int, end: int | None = None) -> list[tuple[int, int]] | None:
        """The spans of the match at `start` and of its groups, (-1, -1) for a group that took no part."""
        match = self._compiled.match(data, start, end)
        return None if match is None else [match.span(number) for number in range(self._compiled.groups + 1)]

    def whole(self, data: bytes) -> bool:
        """True when the pattern matches all of `data`."""
        return self._compiled.fullmatch(data) is not None


def any_of(literals: list[str]) -> str:
    """A pattern for one of several texts, the longest first."""
    return "|".join(re2.escape(text) for text in sorted(set(literals), key=len, reverse=True))
