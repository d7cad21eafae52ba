"""Reading streamed answers: framing, then one assembler per API that rebuilds the provider's own whole answer.

Rule: `conversation()` reads that rebuilt answer with the very function that reads whole answers, so a text is judged
alike however it came. It costs a pass over everything so far: ask for it at decisions, not at every event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from clyra_proxy.genai.model import Conversation, Direction, Provenance, Segment, ToolCall, ToolDefinition
from clyra_proxy.genai.protocols.draft import Draft, is_prose
from clyra_proxy.genai.protocols.framing import EventFraming, Frame, Framing
from clyra_proxy.genai.protocols.json_text import ROOT, leaves, parse_json
from clyra_proxy.genai.protocols.reading import FOREIGN, Delta, DeltaKind, Envelope, StreamEvent, UnreadableError
from clyra_proxy.genai.protocols.salvage import salvage
from clyra_proxy.schemalock.media import Kind, parse_media

_IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_FOREIGN = frozenset({Provenance.DOCUMENT, Provenance.TOOL_RESULT})
OTHER = (Delta(DeltaKind.OTHER),)
FINISH = (Delta(DeltaKind.FINISH),)


class Assembler(Protocol):
    """Rebuilds the whole answer from the events of one API."""

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        """One event. name: its type in the framing. value: its JSON. Raises UnreadableError."""
        ...

    def whole(self) -> Any:
        """The answer so far, as the provider would have sent it whole."""
        ...


class AssembledStream:
    """A `StreamReader` made of a framing, an assembler and a reading of whole answers."""

    def __init__(
        self,
        protocol: str,
        framing: Framing,
        assembler: Assembler,
        read: Callable[[Any], Conversation],
        *,
        terminator: bool = True,
        envelope: Envelope | None = None,
    ) -> None:
        """protocol: id of the reading. terminator: whether the data `[DONE]` ends the stream. envelope: of events."""
        self._protocol = protocol
        self._framing = framing
        self._assembler = assembler
        self._read = read
        self._terminator = terminator
        self._envelope = envelope
        self._broken: UnreadableError | None = None

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        return self._events(self._framing.feed(data))

    def finish(self) -> Sequence[StreamEvent]:
        return self._events(self._framing.finish())

    def _events(self, frames: Iterable[Frame]) -> Sequence[StreamEvent]:
        """What is whole before the framing breaks is given first."""
        if self._broken is not None:
            raise self._broken
        events: list[StreamEvent] = []
        try:
            events.extend(self._event(frame) for frame in frames)
        except UnreadableError as refusal:
            if not events:
                raise
            self._broken = refusal
        return events

    def conversation(self) -> Conversation:
        return without_paths(self._read(self._assembler.whole()), stream=True)

    def _event(self, frame: Frame) -> StreamEvent:
        data = None if frame.data is None else frame.data.strip(b" \t\r\n")
        if not data:
            return StreamEvent(frame.start, frame.end, OTHER)
        if self._terminator and data == b"[DONE]":
            return StreamEvent(frame.start, frame.end, FINISH)
        try:
            deltas = tuple(self._assembler.take(frame.name, parse_json(data))) or OTHER
        except UnreadableError as refusal:
            return unreadable_event(frame, data, self._protocol, refusal)
        span = frame.span if self._envelope is None else (frame.start, frame.end)
        return StreamEvent(frame.start, frame.end, deltas, span, self._envelope)


def sse_reader(protocol: str, assembler: Assembler, read: Callable[[Any], Conversation]) -> AssembledStream:
    """The reader of a stream of server-sent events. read: makes a conversation of what was assembled."""
    return AssembledStream(protocol, EventFraming(), assembler, read)


def unreadable_event(
    frame: Frame, data: bytes, protocol: str, refusal: UnreadableError, provenance: Provenance = Provenance.UNKNOWN
) -> StreamEvent:
    """An event that is not what the API says, as a message of its own: a client may skip it and go on, and so do we."""
    said = salvage(data, protocol, Direction.RESPONSE, refusal.reason, provenance=provenance)
    delta = Delta(DeltaKind.MESSAGE, f"unreadable/{frame.start}", conversation=said)
    return StreamEvent(frame.start, frame.end, (delta,), None)


def is_event_stream(media: str) -> bool:
    """Whether a media type is that of server-sent events."""
    return media.partition(";")[0].strip().lower() == "text/event-stream"


def is_json_lines(media: str) -> bool:
    """Whether a media type is one of JSON documents line by line."""
    return parse_media(media).kind is Kind.NDJSON


def without_paths(conversation: Conversation, *, stream: bool) -> Conversation:
    """The same conversation, its parts nowhere in a body."""
    return Conversation(
        protocol=conversation.protocol,
        direction=conversation.direction,
        operation=conversation.operation,
        model=conversation.model,
        stream=stream or conversation.stream,
        segments=tuple(_bare_segment(segment) for segment in conversation.segments),
        tools=tuple(_bare_tool(tool) for tool in conversation.tools),
        calls=tuple(_bare_call(call) for call in conversation.calls),
        usage=conversation.usage,
        max_output_tokens=conversation.max_output_tokens,
        finish_reason=conversation.finish_reason,
        structured=conversation.structured,
        unread=conversation.unread,
        error=conversation.error,
        media=tuple(replace(medium, path="") for medium in conversation.media),
    )


def complete_texts(draft: Draft, block: str) -> Iterator[Delta]:
    """What was read of an event that holds its texts whole: each a block of its own. block: of the event, used once."""
    for at, segment in enumerate(draft.segments):
        key = f"{FOREIGN if segment.provenance in _FOREIGN else ''}{block}/{at}"
        yield Delta(DeltaKind.TEXT, key, segment.text, segment.path)
        yield Delta(DeltaKind.BLOCK_END, key)


def refuse_words(event: Any) -> None:
    """Let an event of an unknown kind pass only when it says nothing. Raises UnreadableError."""
    if any(is_prose(text) and not _is_identifier(place, text) for place, text in leaves(event, ROOT)):
        raise UnreadableError("unknown_event")


def _is_identifier(place: str, text: str) -> bool:
    """Whether a string names what the event is about (`type`, `item_id`): no client shows it, long as it may be."""
    member = place.rpartition("/")[2]
    return (member in ("type", "id") or member.endswith("_id")) and _IDENTIFIER.fullmatch(text) is not None


def event_object(value: Any) -> dict[str, Any]:
    """An event that must be a JSON object."""
    if not isinstance(value, dict):
        raise UnreadableError("unknown_shape")
    return value


def objects(value: object) -> Iterable[tuple[int, dict[str, Any]]]:
    """The objects in an array with their places; nothing for other values."""
    if isinstance(value, list):
        for at, item in enumerate(value):
            if isinstance(item, dict):
                yield at, item


def _bare_segment(segment: Segment) -> Segment:
    return Segment(segment.text, segment.provenance, "", segment.name, segment.block, segment.history)


def _bare_tool(tool: ToolDefinition) -> ToolDefinition:
    return ToolDefinition(tool.name, tool.description, tool.schema, tool.kind, "", tool.declared)


def _bare_call(call: ToolCall) -> ToolCall:
    return ToolCall(call.name, call.arguments, call.raw, call.id, call.kind, "", call.block, call.history)
