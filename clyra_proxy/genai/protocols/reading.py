"""What a protocol must offer: reading whole bodies, streams and messages into the one model.

Rules: unknown fields pass; an unknown shape raises `UnreadableError` with a word for coverage, and policy decides what
becomes of it; nothing here judges. Readers never raise anything else on untrusted input, never recurse without bound,
and take time linear in the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from clyra_proxy.genai.model import Conversation


class UnreadableError(Exception):
    """The shape is not known. reason: a word for coverage (`not_json`, `unknown_shape`, `too_many_parts`)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DeltaKind(StrEnum):
    TEXT = "text"  # more text of a block
    ARGUMENTS = "arguments"  # more of the JSON text of a tool call's arguments
    CALL = "call"  # a tool call begins; text is the tool's name
    BLOCK_END = "block_end"  # the block is complete
    FINISH = "finish"  # the answer is complete (stop reason, [DONE], message_stop)
    MESSAGE = "message"  # `conversation` is a complete message in itself (MCP and A2A over SSE)
    OTHER = "other"  # nothing a check reads: ids, usage, pings


FOREIGN = "foreign/"
"""Keys of blocks begin so whose text the model did not write but brings along: results, sources, quotations."""

ECHO = "echo/"
"""Keys of blocks begin so whose text repeats another, token by token, in a value that is no string (`logprobs`): it is
looked at like any text, so that it waits as long, and an edit of it empties the value at `path`."""


@dataclass(frozen=True, slots=True)
class Delta:
    """One step of a stream. block: stable key of the content block it belongs to. path: JSON pointer of the string
    `text` in the event's JSON, "" when it cannot be edited there. tool: kind of the tool that a call is of."""

    kind: DeltaKind
    block: str = ""
    text: str = ""
    path: str = ""
    conversation: Conversation | None = None
    tool: str = "function"


class Envelope(Protocol):
    """How an event holds its JSON text when the text does not simply stand in it: with checksums, in base64."""

    def opened(self, event: bytes) -> bytes:
        """The JSON text in a whole event."""
        ...

    def sealed(self, event: bytes, text: bytes) -> bytes:
        """The same event with another JSON text."""
        ...


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a stream with its place in the decoded body.

    start, end: offsets of the event, its separator included, counted from the start of the decoded body.
    data: (start, end) of its one JSON text, in the same count; None when there is none or it is not contiguous.
    envelope: what takes the JSON text out of those bytes, None when they are the text.
    """

    start: int
    end: int
    deltas: tuple[Delta, ...]
    data: tuple[int, int] | None = None
    envelope: Envelope | None = None


class StreamReader(Protocol):
    """Reads one streamed answer: framing (SSE, NDJSON, AWS event stream) and deltas. Any split gives the same events.

    `feed` and `finish` raise UnreadableError when the framing is broken, after giving what came before; what was read
    stays read. An event that is none of the API's is a MESSAGE with what could be salvaged of it, and reading goes on.
    `conversation()` is everything so far, assembled per content block, with the same segments, calls, provenance and
    order that the provider's non-streamed answer of the same content would give (paths are "" there: they would lead
    nowhere); it costs a pass over all of it.
    """

    def feed(self, data: bytes) -> Sequence[StreamEvent]: ...

    def finish(self) -> Sequence[StreamEvent]: ...

    def conversation(self) -> Conversation: ...


class Reading(Protocol):
    """One API of one provider. Stateless and shared; what a session must remember (WebSocket, MCP) is in `Memory`."""

    id: str

    def request(self, body: bytes) -> Conversation:
        """A request body. Raises UnreadableError."""
        ...

    def response(self, status: int, media: str, body: bytes, request: Conversation | None) -> Conversation:
        """A whole response body. Raises UnreadableError."""
        ...

    def stream(self, media: str, request: Conversation | None) -> StreamReader | None:
        """A reader when a response of this media type is a stream of events in this API, else None."""
        ...


class MessageReading(Protocol):
    """An API over WebSocket. One object per session: later messages refer to earlier ones."""

    def message(self, data: bytes, *, from_client: bool, text: bool) -> Conversation | None:
        """One message; None when it carries nothing a check reads. Raises UnreadableError."""
        ...

    def pieces(self, data: bytes) -> tuple[Delta, ...]:
        """What a message of the server adds to texts that grow over messages, and which of them end. Stateless."""
        ...
