"""The events of a stream that have not left yet: what each waits for, and what is edited in it.

Guarantee: events leave in order, each once nothing in it is undecided; the bytes of what has left are forgotten. Memory
is what is undecided, not the stream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from clyra_proxy.genai.inspection import Edit, Erasure
from clyra_proxy.genai.protocols.reading import Envelope, StreamEvent
from clyra_proxy.genai.rewrite import RewriteError, rewrite
from clyra_proxy.stream.holding import ByteEdit

_END = "\x00end"


@dataclass(slots=True, eq=False)
class Held:
    """One event. undecided: what it waits for. edits: in its JSON text. replacement: another text instead.

    echoes: of what repeats its texts, made when any text of it is edited.
    envelope: what takes the JSON text out of the bytes at `data`, None when they are the text.
    """

    start: int
    end: int
    data: tuple[int, int] | None
    envelope: Envelope | None = None
    undecided: set[object] = field(default_factory=set)
    edits: list[Edit] = field(default_factory=list)
    echoes: list[Erasure] = field(default_factory=list)
    replacement: bytes | None = None


class Window:
    """editable: whether bytes of the body can be replaced at all. over: the stream has ended."""

    def __init__(self, *, editable: bool) -> None:
        self.over = False
        self.editable = editable
        self._events: deque[Held] = deque()
        self._waiting: dict[object, list[Held]] = {}
        self._buffer = bytearray()
        self._base = 0
        self._mark = 0

    def keep(self, data: bytes) -> None:
        """More bytes of the body."""
        self._buffer += data

    @property
    def size(self) -> int:
        """Bytes that have not left."""
        return len(self._buffer)

    def take(self, event: StreamEvent) -> Held:
        """The next event."""
        held = Held(event.start, event.end, event.data, event.envelope)
        self._events.append(held)
        return held

    def wait_for(self, key: object, held: Held) -> None:
        """`held` stays until `key` is released."""
        held.undecided.add(key)
        self._waiting.setdefault(key, []).append(held)

    def release(self, key: object) -> None:
        """What waited for `key` waits no more."""
        for held in self._waiting.pop(key, ()):
            held.undecided.discard(key)

    def end_from(self, held: Held) -> None:
        """The answer ends here: nothing from `held` on leaves before all was judged."""
        held.undecided.add(_END)

    def edit(self, held: Held, edits: Sequence[Edit]) -> bool:
        """Edit the JSON text of `held`; false when that cannot be done."""
        placed = all(edit.path for edit in edits)
        if not self.editable or held.data is None or not placed:
            return False
        held.edits.extend(edits)
        return True

    def clear(self) -> tuple[int, list[ByteEdit]]:
        """Let go of what waits for nothing: the watermark, and the edits below it. Raises RewriteError."""
        edits: list[ByteEdit] = []
        while self._events and not self._events[0].undecided:
            held = self._events.popleft()
            if held.edits or held.replacement is not None:
                edits.append(self._made(held))
            self._mark = max(self._mark, held.end)
        if self._mark > self._base:
            del self._buffer[: self._mark - self._base]
            self._base = self._mark
        return self._mark, edits

    def all_edits(self) -> list[ByteEdit]:
        """The edits of everything that is left. Raises RewriteError."""
        return [self._made(held) for held in self._events if held.edits or held.replacement is not None]

    def _made(self, held: Held) -> ByteEdit:
        if held.data is None:
            raise RewriteError("the event has no JSON text")
        text = held.replacement
        if text is None:
            text = rewrite(self._text(held, held.data), [*held.edits, *held.echoes])
        if held.envelope is not None:
            text = held.envelope.sealed(self._bytes(held.data), text)
        return *held.data, text

    def value(self, held: Held) -> object:
        """The JSON value of an event that has not left, None when it has none."""
        try:
            return orjson.loads(self._text(held, held.data)) if held.data is not None else None
        except orjson.JSONDecodeError:
            return None

    def _text(self, held: Held, data: tuple[int, int]) -> bytes:
        """The JSON text of an event."""
        raw = self._bytes(data)
        return raw if held.envelope is None else held.envelope.opened(raw)

    def _bytes(self, data: tuple[int, int]) -> bytes:
        start, end = data
        return bytes(self._buffer[start - self._base : end - self._base])
