"""Guessing how many whole items a buffer holds, and learning from being right or wrong.

A guess is the last place in the buffer where the bytes between two items, as seen before (`},{"id":`), occur again.
It is never trusted: the items up to it are parsed strictly inside brackets of our own, and because JSON is read
deterministically from left to right, what parses there ends at the depth where it began. A wrong guess costs one parse:
so there is no other in the same round, none before items were found by scanning or the buffer has doubled, and a
separator that keeps failing is dropped for a while.
"""

from __future__ import annotations

import re

_BETWEEN = re.compile(rb'[ \t\n\r]*+,[ \t\n\r]*+(?:\{[ \t\n\r]*+"[^"\\]{1,24}+"|[\[{"])?+')
_MOST_FAILURES = 8
_REST = 16


class Window:
    """What is known about the items of one container."""

    __slots__ = ("_failures", "_keep", "_least", "_resting", "_round", "_separator")

    def __init__(self) -> None:
        self._separator = b""
        self._keep = 0  # bytes of the separator that belong to the item before it
        self._least = 0  # no guess below this many bytes
        self._round = -1  # the round of the last wrong guess
        self._failures = 0
        self._resting = 0

    def guess(self, data: bytes, at: int, current: int) -> int:
        """End of the last whole item after `at` (a comma follows), or -1. current: number of the round."""
        separator = self._separator
        if not separator or self._round == current:
            return -1
        found = data.rfind(separator, at)
        if found < 0:
            return -1
        end = found + self._keep
        return end if end - at >= self._least else -1

    def right(self) -> None:
        """Items up to the guess were whole."""
        self._least = 0
        self._failures = 0

    def wrong(self, length: int, current: int) -> None:
        """A guess of `length` bytes was not at an item's end."""
        self._least = 2 * length
        self._round = current
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            self._separator = b""
            self._failures = 0
            self._resting = _REST

    def learn(self, data: bytes, end: int) -> None:
        """An item is known to end at `end` in `data`: remember the bytes round the comma."""
        self._least = 0
        if self._resting:
            self._resting -= 1
            return
        found = _BETWEEN.match(data, end)
        if found is None or found.end() == len(data):
            return
        self._keep = int(data[end - 1] in b'}]"')
        self._separator = data[end - self._keep : found.end()]
