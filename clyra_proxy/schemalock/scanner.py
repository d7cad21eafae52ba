"""Finding where one item of a JSON container ends, in time linear in the bytes, whatever their split.

The scanner knows strings and brackets and nothing else. It proposes; the strict parser that is given the item decides.
So it need only be right about valid JSON: every valid item is found, and a wrong proposal is refused as bad syntax.
Most of the work is one regular expression that skips whole values up to `_LEVELS` deep in a single call. All its
quantifiers are possessive: it never backtracks into what it matched.
"""

from __future__ import annotations

import re

_LEVELS = 6
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_PLAIN = rb'[^"\[\]{}]'


def _container(levels: int) -> bytes:
    """A whole array or object that nests at most `levels` deep."""
    inner = _PLAIN + rb"++|" + _STRING
    if levels > 1:
        inner += rb"|" + _container(levels - 1)
    return rb"[\[{](?:" + inner + rb")*+[\]}]"


_WHOLE = _STRING + rb"|" + _container(_LEVELS)
_SKIP_INSIDE = re.compile(rb"(?:" + _PLAIN + rb"++|" + _WHOLE + rb")*+", re.DOTALL)
_SKIP_ITEM = re.compile(rb'(?:[^",\[\]{}]++|' + _WHOLE + rb")*+", re.DOTALL)
_SKIP_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_OPENINGS = re.compile(rb"[\[{]++")
_CLOSINGS = re.compile(rb"[\]}]++")

_QUOTE = ord('"')
_OPEN = frozenset(b"[{")


class ItemScanner:
    """Scans one item at a time. The caller keeps the buffer; `at` is where the scan stands in it."""

    __slots__ = ("_depth", "_in_string", "at")

    def __init__(self) -> None:
        self.restart(0)

    def restart(self, at: int) -> None:
        """Begin a new item at `at`."""
        self.at = at
        self._depth = 0
        self._in_string = False

    def find_end(self, data: bytes) -> int:
        """Offset of the comma or closing bracket that ends the item, or -1 when it is not in `data` yet."""
        at, depth, size = self.at, self._depth, len(data)
        while True:
            if self._in_string:
                at = _end(_SKIP_STRING, data, at)
                if at >= size or data[at] != _QUOTE:
                    break
                at += 1
                self._in_string = False
            at = _end(_SKIP_INSIDE if depth else _SKIP_ITEM, data, at)
            if at >= size:
                break
            byte = data[at]
            if byte == _QUOTE:
                self._in_string = True
                at += 1
            elif byte in _OPEN:
                start, at = at, _end(_OPENINGS, data, at)
                depth += at - start
            elif depth == 0:
                self.at, self._depth = at, 0
                return at  # a comma, or the container's own closing bracket
            else:
                end = min(_end(_CLOSINGS, data, at), at + depth)
                depth -= end - at
                at = end
        self.at, self._depth = at, depth
        return -1


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = pattern.match(data, at)
    return at if found is None else found.end()
