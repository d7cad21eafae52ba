"""Walking a JSON document as it arrives, by whole items of its open containers, never by single tokens.

The walker keeps a stack of open containers. In each it takes as many whole items as the buffer holds (`window`, or
`scanner` when guessing fails), gives them to the strict parser in one piece, and hands the values to the taker. It
opens an item that is not whole yet only where the taker says so. What has been taken is gone; what is held is one
incomplete item. Commas, colons, keys and brackets between items are read here, strictly.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any, Protocol

import orjson

from clyra_proxy.schemalock.scanner import ItemScanner
from clyra_proxy.schemalock.window import Window

_BLANK = re.compile(rb"[ \t\n\r]*+")
_MEMBER = re.compile(rb'[ \t\n\r]*+("(?:[^"\\]++|\\.)*+")[ \t\n\r]*+:[ \t\n\r]*+([^ \t\n\r])', re.DOTALL)
_SMALL_HOLD = 16 * 1024
_LARGEST_TAKE = 128 * 1024
_COMMA = ord(",")


class SyntaxFault(Exception):  # noqa: N818 - a verdict on data
    """The document is not JSON at `offset` (of the document)."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class TrailingFault(SyntaxFault):
    """Something follows the document's value."""


class Expect(IntEnum):
    """What may come next in an open container."""

    FIRST = 0  # an item, or the end of the container
    ITEM = 1
    AFTER = 2  # a comma, or the end


class Container:
    """An open array or object. node: the taker's own. name: its key in the parent (objects only)."""

    __slots__ = ("close", "expect", "is_array", "name", "node", "opening", "scanner", "window")

    def __init__(self, opening: bytes, node: Any, name: str | None) -> None:
        self.opening = opening
        self.is_array = opening == b"["
        self.close = b"]" if self.is_array else b"}"
        self.node = node
        self.name = name
        self.expect = Expect.FIRST
        self.scanner = ItemScanner()
        self.window = Window()


class Taker(Protocol):
    """Receives what the walker reads."""

    def take(self, container: Container, text: bytes, offset: int, guessed: bool) -> bool:
        """Whole items of `container`, inside its brackets. False: not JSON, and it was only a guess."""
        ...

    def enter(self, container: Container | None, name: str | None, opening: bytes, at: int, held: int) -> Any | None:
        """An incomplete item opens with `opening`: the node to walk into it with, or None to wait for its end.

        at: offset of the item. held: bytes of it so far.
        """
        ...

    def leave(self, container: Container) -> None:
        """`container` has closed."""
        ...


class Walker:
    """See the module.

    passed: offset up to which the document has been taken. held: bytes that wait. root_close: offset of the root's
    closing bracket, -1 before.
    """

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._stack: list[Container] = []
        self._parts: list[bytes] = []
        self._text = b""
        self._at = 0
        self._base = 0
        self._enough = 0
        self._round = 0  # how often the buffer has been looked at
        self.held = 0
        self.root_close = -1
        self.started = False

    @property
    def passed(self) -> int:
        return self._base if self.root_close < 0 else self.root_close

    def feed(self, data: bytes, last: bool = False) -> None:
        """Take what can be taken. Raises what the taker raises, and SyntaxFault."""
        if data:
            self._parts.append(data)
            self.held += len(data)
        if not last and self._may_wait(data):
            return
        self._text = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._at = 0
        self._round += 1
        while self._step():
            pass
        self._keep_rest()

    def _may_wait(self, data: bytes) -> bool:
        """True while `data` cannot complete anything, or looking again would cost more than it can bring."""
        if self.held < self._enough:
            return True
        return len(data) < 64 and self.held > len(data) and not (b"," in data or b"]" in data or b"}" in data)

    def _keep_rest(self) -> None:
        rest = self._text[self._at :]
        self._base += self._at
        if self._stack:
            self._stack[-1].scanner.at -= self._at
        self._text = b""
        self._parts = [rest] if rest else []
        self.held = len(rest)
        self._enough = self.held + self.held // 2 if self.held > _SMALL_HOLD else 0

    def _step(self) -> bool:
        """One move; False when more bytes are needed."""
        if not self._stack:
            return self._outside()
        container = self._stack[-1]
        if container.expect is Expect.ITEM:
            return self._items(container)
        at = self._skip_blank()
        if at == len(self._text):
            return False
        byte = self._text[at : at + 1]
        if byte == container.close:
            return self._close(container)
        if container.expect is Expect.AFTER:
            if byte != b",":
                raise SyntaxFault(self._base + at)
            self._at = at + 1
        container.expect = Expect.ITEM
        container.scanner.restart(self._at)
        return True

    def _skip_blank(self) -> int:
        found = _BLANK.match(self._text, self._at)
        self._at = self._at if found is None else found.end()
        return self._at

    def _outside(self) -> bool:
        """Before the root's opening bracket, or after its end."""
        at = self._skip_blank()
        if at == len(self._text):
            return False
        if self.started:
            raise TrailingFault(self._base + at)
        opening = self._text[at : at + 1]
        node = self._taker.enter(None, None, opening, self._base + at, self.held) if opening in (b"[", b"{") else None
        if node is None:
            raise SyntaxFault(self._base + at)
        self.started = True
        self._open(opening, node, None, at + 1)
        return True

    def _open(self, opening: bytes, node: Any, name: str | None, at: int) -> None:
        self._stack.append(Container(opening, node, name))
        self._at = at

    def _close(self, container: Container) -> bool:
        self._taker.leave(container)
        self._stack.pop()
        if self._stack:
            self._at += 1
            self._stack[-1].expect = Expect.AFTER
        else:
            self.root_close = self._base + self._at
            self._at += 1
        return True

    def _items(self, container: Container) -> bool:
        """Take whole items: by a guess, else by scanning. An incomplete one is entered or waited for."""
        text, at, window = self._text, self._at, container.window
        end = window.guess(text, at, self._round)
        if end > at:
            if self._take(container, end, guessed=True):
                window.right()
                return True
            window.wrong(end - at, self._round)
        end = self._scan(container)
        if end < 0:
            return self._enter(container)
        self._take(container, end, guessed=False)
        return True

    def _scan(self, container: Container) -> int:
        """End of the last whole item in reach, found by scanning, or -1. Learns from the first."""
        text, scanner = self._text, container.scanner
        end = scanner.find_end(text)
        if end < 0 or text[end] != _COMMA:
            return end
        container.window.learn(text, end)
        limit = self._at + _LARGEST_TAKE
        guess = container.window.guess(text, end + 1, self._round)
        if guess > end:
            return end  # one exact item taught the separator; the rest is for guessing
        while end < limit:
            scanner.restart(end + 1)
            following = scanner.find_end(text)
            if following < 0:
                break
            end = following
            if text[end] != _COMMA:
                break
        return end

    def _take(self, container: Container, end: int, guessed: bool) -> bool:
        at = self._at
        text = b"".join((container.opening, self._text[at:end], container.close))
        if not self._taker.take(container, text, self._base + at - 1, guessed):
            return False
        self._at = end
        container.expect = Expect.AFTER
        return True

    def _enter(self, container: Container) -> bool:
        """Open the incomplete item at hand, if the taker wants to walk into it."""
        name: str | None = None
        if container.is_array:
            at = self._skip_value_blank()
            if at == len(self._text):
                return False
            opening, inside = self._text[at : at + 1], at + 1
        else:
            found = _MEMBER.match(self._text, self._at)
            if found is None:
                return False
            opening, inside = found[2], found.end()
            if opening not in (b"[", b"{"):
                return False
            try:
                name = orjson.loads(found[1])
            except orjson.JSONDecodeError:
                return False  # it will be refused with its value
        if opening not in (b"[", b"{"):
            return False
        node = self._taker.enter(container, name, opening, self._base + self._at, len(self._text) - self._at)
        if node is None:
            return False
        self._open(opening, node, name, inside)
        return True

    def _skip_value_blank(self) -> int:
        found = _BLANK.match(self._text, self._at)
        return self._at if found is None else found.end()
