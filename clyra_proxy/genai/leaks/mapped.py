"""A text rewritten to undo a disguise, that still knows where every character came from.

Rule: a rewriting replaces spans and leaves the rest; a span of the new text leads back to the smallest span of the old
one that gave it. One pass, sorted spans, a binary search per question.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

_MANY = 32
"""Characters from which one pass over the text is less than one for each."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """text: after rewriting. news, olds: where each replaced or kept stretch begins, in the new and the old text;
    ends: where it ends in the old text; kept: which of them were left as they were."""

    text: str
    news: tuple[int, ...]
    olds: tuple[int, ...]
    ends: tuple[int, ...]
    kept: tuple[bool, ...]

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The span of the old text that characters `start` to `end` of the new one came from."""
        first, last = bisect_right(self.news, start) - 1, bisect_right(self.news, max(start, end - 1)) - 1
        begin = self.olds[first] + (start - self.news[first] if self.kept[first] else 0)
        stop = self.olds[last] + (end - self.news[last]) if self.kept[last] else self.ends[last]
        return begin, max(begin, stop)


def rewrite(text: str, changes: Iterable[tuple[int, int, str]]) -> Mapped | None:
    """`text` with each (start, end, replacement) applied; None when there is nothing to apply. Changes in order."""
    parts: list[str] = []
    rows: list[tuple[int, int, int, bool]] = []
    at = size = 0
    for start, end, replacement in changes:
        if start < at:
            continue
        if start > at:
            rows.append((size, at, start, True))
            parts.append(text[at:start])
            size += start - at
        if replacement:
            rows.append((size, start, end, False))
            parts.append(replacement)
            size += len(replacement)
        at = end
    if at == 0:
        return None
    if at < len(text):
        rows.append((size, at, len(text), True))
        parts.append(text[at:])
    if not rows:
        return None
    news, olds, ends, kept = zip(*rows, strict=True)
    return Mapped("".join(parts), news, olds, ends, kept)


class Replaced:
    """A text in which single characters are replaced, by none, one or more. The way back is worked out late."""

    def __init__(self, text: str, table: dict[str, str]) -> None:
        self._old = text
        self._table = table
        self._starts: list[int] | None = None
        self.text = _replaced(text, table)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """As of `Mapped`."""
        if self._starts is None:
            sizes = {character: len(new) for character, new in self._table.items()}
            self._starts = [at for at, character in enumerate(self._old) for _ in range(sizes.get(character, 1))]
        return self._starts[start], self._starts[max(start, end - 1)] + 1


def _replaced(text: str, table: dict[str, str]) -> str:
    """One character after the other, where no replacement is itself replaced; `str.translate` asks for each of all."""
    if len(table) > _MANY or not table.keys().isdisjoint("".join(table.values())):
        return text.translate(str.maketrans(dict[str, str | int | None](table)))
    for character, new in table.items():
        text = text.replace(character, new)
    return text


def reverse_span(length: int, start: int, end: int) -> tuple[int, int]:
    """Where a span of a reversed text stands in the text."""
    return length - end, length - start
