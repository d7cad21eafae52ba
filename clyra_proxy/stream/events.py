"""Cutting a byte stream into server-sent events (WHATWG HTML section 9.2.5).

Lines end with CR, LF or CRLF, also when a chunk ends between the two; one byte order mark at the start is dropped;
several `data` fields of an event are joined with LF; an event without data is not dispatched.
"""

from __future__ import annotations

from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """name: the `event` field, "" when absent (the client then says "message")."""

    name: str
    data: bytes


class EventSplitter:
    """passed: offset up to which everything belongs to dispatched events or is silent. held: bytes after it."""

    def __init__(self) -> None:
        self.passed = 0
        self._seen = 0
        self._parts: list[bytes] = []
        self._unread = 0  # bytes in _parts
        self._name = b""
        self._data: list[bytes] = []
        self._skip_lf = False
        self._at_start = True

    @property
    def held(self) -> int:
        return self._seen - self.passed

    def decode(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        self._seen += len(data)
        self._parts.append(data)
        self._unread += len(data)
        if b"\n" not in data and b"\r" not in data:
            return []
        text = b"".join(self._parts)
        lines = text.splitlines(keepends=True)
        rest = b"" if lines[-1].endswith((b"\n", b"\r")) else lines.pop()
        self._parts, self._unread = ([rest] if rest else []), len(rest)
        at = self._seen - len(text)
        events: list[Event] = []
        for line in lines:
            at += len(line)
            self._line(line, at, events)
        return events

    def flush(self) -> list[Event]:
        """What the stream ended in the middle of. A browser drops it; other clients may not, so it is judged."""
        events: list[Event] = []
        if self._unread:
            self._line(b"".join(self._parts), self._seen, events)
            self._parts, self._unread = [], 0
        self._dispatch(events)
        self.passed = self._seen
        return events

    def _line(self, line: bytes, end: int, events: list[Event]) -> None:
        if self._skip_lf and line == b"\n":
            self._skip_lf = False
            if not self._data and not self._name:
                self.passed = end
            return
        self._skip_lf = line.endswith(b"\r")
        body = line.rstrip(b"\r\n")
        if self._at_start:
            self._at_start = False
            body = body.removeprefix(_BOM)
        if body:
            name, _, value = body.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                self._data.append(value)
            elif name == b"event":
                self._name = value
        else:
            self._dispatch(events)
        if not self._data and not self._name:
            self.passed = end

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event(self._name.decode("utf-8", "replace"), b"\n".join(self._data)))
        self._data = []
        self._name = b""
