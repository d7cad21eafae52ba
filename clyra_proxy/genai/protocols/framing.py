"""Cutting a streamed body into events with their places: server-sent events, JSON lines, one long JSON array.

Guarantees: any split of the bytes gives the same frames; frames lie end to end and cover the whole body (what stands
between two events, such as comments, belongs to the later one); work is linear in the body. AWS event streams have a
module of their own (`aws_events`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

_BOM = b"\xef\xbb\xbf"
_ODD_BREAK = re.compile(rb"[\x0b\x0c\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]")
"""What some clients take for the end of a line, beside those of the specification."""
_SILENT_FIELDS = (b"", b"id", b"retry")
_STRUCTURE = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'\\.|"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Frame:
    """One event. start, end: its place in the body. span: place of `data`, None when it lies there in pieces.

    name: the event's type, "" when it has none. data: its content, None when it has none (a comment, a keep-alive).
    """

    start: int
    end: int
    name: str = ""
    data: bytes | None = None
    span: tuple[int, int] | None = None


class Framing(Protocol):
    """Cuts a body into the frames of its protocol, whatever pieces it comes in."""

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The frames that `data` completes. Raises UnreadableError when the framing is broken."""
        ...

    def finish(self) -> Iterable[Frame]:
        """What the body ended in the middle of, read as far as a lenient client would."""
        ...


class Lines:
    """Cuts bytes into lines that end with LF, CR or CRLF (`bare_cr`), or with LF alone; gives (start, end, line)."""

    def __init__(self, *, bare_cr: bool) -> None:
        self._bare_cr = bare_cr
        self._parts: list[bytes] = []
        self._at = 0  # offset of the first byte held

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """The lines that `data` completes. A CR at its end is kept: what comes next may be its LF."""
        self._parts.append(data)
        if b"\n" not in data and not (self._bare_cr and (b"\r" in data or self._parts[0].endswith(b"\r"))):
            return []
        text = b"".join(self._parts)
        lines = text.splitlines(keepends=True) if self._bare_cr else _by_lf(text)
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
        self._parts = [rest] if rest else []
        found = []
        for line in lines:
            found.append((self._at, self._at + len(line), line))
            self._at += len(line)
        return found

    def finish(self) -> list[tuple[int, int, bytes]]:
        rest, start = b"".join(self._parts), self._at
        self._at += len(rest)
        self._parts = []
        return [(start, self._at, rest)] if rest else []


class EventFraming:
    """Server-sent events (WHATWG HTML section 9.2.5). A block of comments alone is a frame without data."""

    def __init__(self) -> None:
        self._lines = Lines(bare_cr=True)
        self._start = 0
        self._end = 0
        self._name = ""
        self._data: list[bytes] = []
        self._span: tuple[int, int] | None = None
        self._first = True

    def feed(self, data: bytes) -> Iterable[Frame]:
        for start, end, line in self._lines.feed(data):
            frame = self._line(start, end, line)
            if frame is not None:
                yield frame

    def finish(self) -> Iterable[Frame]:
        for start, end, line in self._lines.finish():
            frame = self._line(start, end, line)
            if frame is not None:
                yield frame
        if self._end > self._start:
            yield self._dispatch(self._end)

    def _line(self, start: int, end: int, line: bytes) -> Frame | None:
        self._end = end
        body = line.rstrip(b"\r\n")
        if self._first:
            self._first = False
            if body.startswith(_BOM):
                body, start = body[len(_BOM) :], start + len(_BOM)
        if not body:
            return self._dispatch(end)
        name, colon, value = body.partition(b":")
        skipped = len(name) + len(colon) + value.startswith(b" ")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._span = (start + skipped, start + skipped + len(value)) if len(self._data) == 1 else None
        elif _ODD_BREAK.search(line) is not None:
            self._data.append(line)  # a client that ends lines there sees more than this one: it is to be looked at
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")
        elif name not in _SILENT_FIELDS:
            self._data.append(body)  # no field at all: a client may take it for data (Google's does)
            self._span = None
        return None

    def _dispatch(self, end: int) -> Frame:
        data = b"\n".join(self._data) if self._data else None
        frame = Frame(self._start, end, self._name, data, self._span)
        self._start, self._name, self._data, self._span = end, "", [], None
        return frame


class LineFraming:
    """One JSON text a line (NDJSON): LF ends it; a CR before belongs to the ending; empty lines have no data."""

    def __init__(self) -> None:
        self._lines = Lines(bare_cr=False)

    def feed(self, data: bytes) -> Iterable[Frame]:
        return [_line_frame(*line) for line in self._lines.feed(data)]

    def finish(self) -> Iterable[Frame]:
        return [_line_frame(*line) for line in self._lines.finish()]


class ArrayFraming:
    """`[{...},{...}]` written bit by bit (Gemini without `alt=sse`): each object of the array is a frame.

    A body that is one object and no array is one frame too: that is how errors come.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # offset of the buffer's first byte
        self._scanned = 0  # bytes of the buffer that were looked at
        self._depth = 0
        self._in_string = False
        self._begin = -1  # where in the buffer the present object begins
        self._base = 0  # nesting of the objects: 1 inside an array

    def feed(self, data: bytes) -> Iterable[Frame]:
        self._buffer += data
        found: list[Frame] = []
        at = self._scanned
        while (mark := (_IN_STRING if self._in_string else _STRUCTURE).search(self._buffer, at)) is not None:
            at = mark.end()
            if mark[0] == b'"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._bracket(mark[0], mark.start(), found)
        cut_escape = self._in_string and self._buffer.endswith(b"\\") and at < len(self._buffer)
        self._scanned = len(self._buffer) - cut_escape
        self._drop(found)
        return found

    def finish(self) -> Iterable[Frame]:
        end = self._at + len(self._buffer)
        rest = bytes(self._buffer[max(self._begin, 0) :]).strip(b" \t\r\n,]")
        if not self._buffer:
            return []
        return [Frame(self._at, end, "", rest or None)]

    def _bracket(self, sign: bytes, at: int, found: list[Frame]) -> None:
        if sign in b"[{":
            if sign == b"[" and self._depth == 0:
                self._base = 1
            elif self._depth == self._base and self._begin < 0:
                self._begin = at
            self._depth += 1
            return
        self._depth -= 1
        if self._depth == self._base and self._begin >= 0:
            start = found[-1].end if found else self._at
            span = (self._at + self._begin, self._at + at + 1)
            found.append(Frame(start, span[1], "", bytes(self._buffer[self._begin : at + 1]), span))
            self._begin = -1

    def _drop(self, found: list[Frame]) -> None:
        if found:
            passed = found[-1].end - self._at
            del self._buffer[:passed]
            self._at += passed
            self._scanned -= passed
            if self._begin >= 0:
                self._begin -= passed


def _by_lf(text: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in text.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _line_frame(start: int, end: int, line: bytes) -> Frame:
    body = line.removesuffix(b"\n").removesuffix(b"\r")
    content = body.strip(b" \t")
    if not content:
        return Frame(start, end)
    begin = start + body.index(content)
    return Frame(start, end, "", content, (begin, begin + len(content)))
