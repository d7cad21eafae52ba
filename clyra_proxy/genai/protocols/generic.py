"""Any JSON: every string is a text that nobody knows the place of.

For routes that policy declares as `generic`, and for APIs of providers that are recognised but not known in detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.answers import read_answer
from clyra_proxy.genai.protocols.draft import Draft
from clyra_proxy.genai.protocols.framing import EventFraming, LineFraming
from clyra_proxy.genai.protocols.json_text import ROOT, leaves, parse_json
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind, StreamReader
from clyra_proxy.genai.protocols.streams import AssembledStream, is_event_stream, is_json_lines


class GenericReading:
    """Every string of a JSON body, in document order."""

    def __init__(self, id: str = "generic") -> None:
        self.id = id

    def request(self, body: bytes) -> Conversation:
        return self._read(parse_json(body) if body else None, Direction.REQUEST, "")

    def response(self, status: int, media: str, body: bytes, request: Conversation | None) -> Conversation:
        return read_answer(self, status, body, request, self._answer)

    def stream(self, media: str, request: Conversation | None) -> StreamReader | None:
        framing = EventFraming() if is_event_stream(media) else LineFraming() if is_json_lines(media) else None
        if framing is None:
            return None
        return AssembledStream(self.id, framing, GenericAssembler(), lambda value: self._answer(value, request))

    def _answer(self, value: Any, request: Conversation | None) -> Conversation:
        return self._read(value, Direction.RESPONSE, request.operation if request else "")

    def _read(self, value: Any, direction: Direction, operation: str) -> Conversation:
        draft = Draft(self.id, direction, operation)
        draft.texts(value, Provenance.UNKNOWN, ROOT)
        return draft.conversation()


class GenericAssembler:
    """All events as one array. A string is its own block: nothing says which ones belong together."""

    def __init__(self) -> None:
        self._events: list[Any] = []

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        block = f"event/{len(self._events)}"
        self._events.append(value)
        return [Delta(DeltaKind.TEXT, f"{block}{path}", text, path) for path, text in leaves(value, ROOT)]

    def whole(self) -> Any:
        return self._events
