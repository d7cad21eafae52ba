"""The Agent2Agent protocol: JSON-RPC and its HTTP+JSON form, versions 0.2 to 1.0, whole and as events.

Source: A2A specification 0.3.0 and 1.0 ("Protocol objects", "JSON-RPC binding", "HTTP+JSON binding"). Rule: what a
client sends is the user's; what an agent answers is foreign, like a tool's result, since it is fed to the client's
model; cards and skills are declarations. A message's role is not believed: the direction says who speaks. Artifacts in
pieces are one text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.answers import read_error
from clyra_proxy.genai.protocols.draft import Draft, word
from clyra_proxy.genai.protocols.framing import EventFraming, Frame
from clyra_proxy.genai.protocols.json_text import ROOT, leaves, parse_json, pointer
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind, StreamEvent, StreamReader, UnreadableError
from clyra_proxy.genai.protocols.streams import OTHER, is_event_stream, unreadable_event, without_paths

_FORMAL = frozenset({
    "id", "taskId", "contextId", "messageId", "kind", "role", "state", "timestamp", "artifactId", "jsonrpc", "method",
    "extensions", "referenceTaskIds", "acceptedOutputModes", "pushNotificationConfig", "tenant", "final", "mimeType",
    "mediaType", "nextPageToken", "pageToken",
})  # fmt: skip
_CARD = ("skills", "capabilities")


class A2aReading:
    """Messages between agents."""

    id = "a2a"

    def request(self, body: bytes) -> Conversation:
        return self.read(parse_json(body), Direction.REQUEST, None)

    def response(self, status: int, media: str, body: bytes, request: Conversation | None) -> Conversation:
        if status >= 400:
            return read_error(self.id, body, request)
        return self.read(parse_json(body), Direction.RESPONSE, request)

    def stream(self, media: str, request: Conversation | None) -> StreamReader | None:
        return A2aStream(self, request) if is_event_stream(media) else None

    def read(self, value: Any, direction: Direction, request: Conversation | None) -> Conversation:
        """One message, or several, from their JSON."""
        draft = Draft(self.id, direction, request.operation if request else "")
        for at, message in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(message, dict):
                raise UnreadableError("unknown_shape")
            self._read_one(draft, message, f"/{at}" if isinstance(value, list) else "", f"message/{at}")
        return draft.conversation()

    def _read_one(self, draft: Draft, message: dict[str, Any], path: str, block: str) -> None:
        foreign = draft.direction is Direction.RESPONSE
        provenance = Provenance.TOOL_RESULT if foreign else Provenance.USER
        draft.operation = draft.operation or word(message.get("method")) or "message"
        if _is_card(message):
            _read_card(draft, message, path or ROOT)
            return
        for member, held in message.items():
            place = f"{path}/{member}"
            if member == "error":
                draft.error = True
                draft.texts(held, provenance, place, block=block)
            elif member == "result" and _is_card(held):
                _read_card(draft, held, place)
            elif member not in _FORMAL:
                _read_inside(draft, held, provenance, place, block)


class A2aStream:
    """Events of an agent: each is a message of its own; the texts of one artifact belong together in the end."""

    def __init__(self, reading: A2aReading, request: Conversation | None) -> None:
        self._reading = reading
        self._request = request
        self._framing = EventFraming()
        self._messages: list[Any] = []

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        return [self._event(frame) for frame in self._framing.feed(data)]

    def finish(self) -> Sequence[StreamEvent]:
        return [self._event(frame) for frame in self._framing.finish()]

    def conversation(self) -> Conversation:
        """All events so far as one, pieces of an artifact joined; a single one reads as if it had come whole."""
        messages = _joined(self._messages)
        value = messages if len(messages) != 1 else messages[0]
        return without_paths(self._reading.read(value, Direction.RESPONSE, self._request), stream=True)

    def _event(self, frame: Frame) -> StreamEvent:
        data = None if frame.data is None else frame.data.strip(b" \t\r\n")
        if not data:
            return StreamEvent(frame.start, frame.end, OTHER)
        try:
            value = parse_json(data)
            conversation = self._reading.read(value, Direction.RESPONSE, self._request)
        except UnreadableError as refusal:
            return unreadable_event(frame, data, self._reading.id, refusal, Provenance.TOOL_RESULT)
        self._messages.extend(value if isinstance(value, list) else [value])
        delta = Delta(DeltaKind.MESSAGE, f"message/{len(self._messages) - 1}", conversation=conversation)
        return StreamEvent(frame.start, frame.end, (delta,), frame.span)


def _read_inside(draft: Draft, value: Any, provenance: Provenance, path: str, block: str) -> None:
    """Everything in a value: parts where they are, other strings that are no formality. Iterative: depth is theirs."""
    pending: list[tuple[Any, str]] = [(value, path)]
    while pending:
        held, place = pending.pop()
        if isinstance(held, str):
            draft.text(held, provenance, place, block=block)
        elif isinstance(held, list):
            pending.extend((held[at], pointer(place, at)) for at in range(len(held) - 1, -1, -1))
        elif isinstance(held, dict) and _is_file(held):
            _read_file(draft, held, provenance, place, block)
        elif isinstance(held, dict):
            inner = [(held[key], pointer(place, key)) for key in held if key not in _FORMAL or _odd(held[key])]
            pending.extend(reversed(inner))


def _is_file(part: dict[str, Any]) -> bool:
    file = part.get("file")
    return isinstance(file, dict) or isinstance(part.get("raw"), str) or ("url" in part and "mediaType" in part)


def _read_file(draft: Draft, part: dict[str, Any], provenance: Provenance, path: str, block: str) -> None:
    """A file: `{file: {bytes | uri, mimeType, name}}` before version 1.0, `{raw | url, mediaType, filename}` since."""
    file = part.get("file")
    held, place = (file, f"{path}/file") if isinstance(file, dict) else (part, path)
    media = held.get("mimeType") or held.get("mediaType")
    name = held.get("name") or held.get("filename")
    for member in ("name", "filename"):
        draft.label(held.get(member), f"{place}/{member}", block=block)
    data = next((key for key in ("bytes", "raw", "fileWithBytes") if isinstance(held.get(key), str)), "")
    address = next((key for key in ("uri", "url", "fileWithUri") if isinstance(held.get(key), str)), "")
    if data:
        draft.attachment(media, held[data], provenance, f"{place}/{data}", name=name, block=block)
    if address:
        draft.link(held[address], provenance, f"{place}/{address}", "file", name=name)
    for member in ("text", "data", "metadata"):
        draft.texts(part.get(member), provenance, f"{path}/{member}", block=block)


def _is_card(value: Any) -> bool:
    return isinstance(value, dict) and any(name in value for name in _CARD) and "name" in value


def _read_card(draft: Draft, card: dict[str, Any], path: str) -> None:
    """An agent's card: its skills are tools, its other words are declarations."""
    skills = card.get("skills")
    for at, skill in enumerate(skills if isinstance(skills, list) else ()):
        draft.tool(skill, f"{path}/skills/{at}", kind="a2a_skill", schema="")
    for place, text in leaves({key: held for key, held in card.items() if key != "skills"}, path):
        if " " in text or len(text) > 80:
            draft.text(text, Provenance.TOOL_DESCRIPTION, place, name=word(card.get("name")))


def _odd(value: Any) -> bool:
    """Whether a formal member holds more than a formality."""
    return not isinstance(value, str) or " " in value


def _joined(messages: list[Any]) -> list[Any]:
    """The same messages, and one more for each artifact that came in pieces: all its text."""
    pieces: dict[str, list[str]] = {}
    for message in messages:
        result = message.get("result", message) if isinstance(message, dict) else None
        update = result.get("artifactUpdate", result) if isinstance(result, dict) else None
        artifact = update.get("artifact") if isinstance(update, dict) else None
        parts = artifact.get("parts") if isinstance(artifact, dict) else None
        if isinstance(artifact, dict) and isinstance(parts, list):
            texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
            pieces.setdefault(word(artifact.get("artifactId")), []).append("".join(texts))
    return [*messages, *({"text": "".join(texts)} for texts in pieces.values() if len(texts) > 1)]
