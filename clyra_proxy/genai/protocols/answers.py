"""What whole answers have in common: errors, and bodies that are no JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.draft import Draft
from clyra_proxy.genai.protocols.json_text import ROOT, parse_json
from clyra_proxy.genai.protocols.media import decode_text
from clyra_proxy.genai.protocols.reading import Reading, UnreadableError
from clyra_proxy.genai.protocols.salvage import UNREADABLE

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_EVENTS, _LINES = "text/event-stream", "application/x-ndjson"

type ReadAnswer = Callable[[Any, Conversation | None], Conversation]


def read_answer(
    reading: Reading, status: int, body: bytes, request: Conversation | None, read: ReadAnswer
) -> Conversation:
    """A whole answer: an error in whatever shape, a stream that did not say so, or what `read` makes of its JSON."""
    if status >= 400:
        return read_error(reading.id, body, request)
    if not body:
        return Draft(reading.id, Direction.RESPONSE, _operation(request)).conversation()
    try:
        value = parse_json(body)
    except UnreadableError as refusal:
        streamed = read_unannounced(reading, body, request) if refusal.reason == "not_json" else None
        if streamed is None:
            raise
        return streamed
    if isinstance(value, dict) and value.get("error"):
        return _read_failed(reading.id, value, request, read)
    return read(value, request)


def read_unannounced(reading: Reading, body: bytes, request: Conversation | None) -> Conversation | None:
    """A body that is a stream of events whatever its media type says: clients that asked for one do not look at that.

    None when it is none. Raises UnreadableError when an event of it cannot be read.
    """
    media = _EVENTS if body.lstrip().startswith(_FIELDS) else _LINES
    reader = reading.stream(media, request)
    if reader is None:
        return None
    events = [*reader.feed(body), *reader.finish()]
    messages = [delta.conversation for event in events for delta in event.deltas if delta.conversation is not None]
    broken = [word for message in messages for word in message.unread if word.startswith(UNREADABLE)]
    if broken:
        raise UnreadableError(broken[0].removeprefix(UNREADABLE))
    return reader.conversation()


def _read_failed(protocol: str, value: dict[str, Any], request: Conversation | None, read: ReadAnswer) -> Conversation:
    """An answer with an `error` in it, which need not keep a client from using the rest."""
    everything = error_of(protocol, value, request)
    try:
        said = read(value, request)
    except UnreadableError:
        return everything
    known = {segment.text for segment in said.segments}
    more = tuple(segment for segment in everything.segments if segment.text not in known)
    return replace(said, error=True, segments=said.segments + more)


def read_error(protocol: str, body: bytes, request: Conversation | None) -> Conversation:
    """An error answer: JSON or not, all its texts are read (gateways repeat prompts in them)."""
    try:
        return error_of(protocol, parse_json(body), request)
    except UnreadableError as refusal:
        if refusal.reason != "not_json":
            raise
    text = decode_text(body)
    if text is None:
        raise UnreadableError("not_text")
    return error_of(protocol, text, request, path="")


def error_of(protocol: str, value: Any, request: Conversation | None, *, path: str = ROOT) -> Conversation:
    """An error answer from its JSON."""
    draft = Draft(protocol, Direction.RESPONSE, _operation(request))
    draft.error = True
    draft.texts(value, Provenance.UNKNOWN, path)
    return draft.conversation()


def _operation(request: Conversation | None) -> str:
    return request.operation if request is not None else ""
