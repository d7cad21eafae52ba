"""What APIs share whose answers come whole as JSON, or as server-sent events that make the same JSON.

Rule: one function reads both, so that a text is judged alike however it came.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from clyra_proxy.genai.model import Conversation
from clyra_proxy.genai.protocols.answers import read_answer
from clyra_proxy.genai.protocols.reading import StreamReader
from clyra_proxy.genai.protocols.streams import Assembler, is_event_stream, sse_reader


class EventReading(ABC):
    """A `Reading` of such an API."""

    id: str

    @abstractmethod
    def request(self, body: bytes) -> Conversation: ...

    def response(self, status: int, media: str, body: bytes, request: Conversation | None) -> Conversation:
        return read_answer(self, status, body, request, self._answer)

    def stream(self, media: str, request: Conversation | None) -> StreamReader | None:
        if not is_event_stream(media):
            return None
        return sse_reader(self.id, self._assembler(), lambda value: self._answer(value, request))

    @abstractmethod
    def _assembler(self) -> Assembler:
        """What puts the events of one answer together."""

    @abstractmethod
    def _answer(self, value: Any, request: Conversation | None) -> Conversation:
        """Read the JSON of a whole answer. Raises UnreadableError."""
