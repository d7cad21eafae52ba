"""Amazon Bedrock's Converse API, whole and as an event stream.

Source: Amazon Bedrock API reference "Converse", "ConverseStream". The model stands in the path, so a reading is bound
to it when a request is recognised.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance, Usage
from clyra_proxy.genai.protocols.answers import read_answer
from clyra_proxy.genai.protocols.aws_events import MEDIA_TYPE, EventMessageFraming, MessageEnvelope
from clyra_proxy.genai.protocols.bedrock_blocks import read_blocks, read_converse
from clyra_proxy.genai.protocols.draft import Draft, whole, word
from clyra_proxy.genai.protocols.growing import Growing
from clyra_proxy.genai.protocols.json_text import parse_embedded, parse_object
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind, Envelope, StreamReader, UnreadableError
from clyra_proxy.genai.protocols.streams import AssembledStream, Assembler, complete_texts, event_object, refuse_words
from clyra_proxy.genai.protocols.turns import CallNames


class BoundReading(ABC):
    """What the APIs of Bedrock share: the model stands in the path, streams are messages with checksums."""

    id: str
    _envelope: Envelope = MessageEnvelope()

    def __init__(self, model: str = "", *, streamed: bool = False) -> None:
        self._model = model
        self._streamed = streamed

    def response(self, status: int, media: str, body: bytes, request: Conversation | None) -> Conversation:
        return read_answer(self, status, body, request, self._answer)

    def stream(self, media: str, request: Conversation | None) -> StreamReader | None:
        if not is_event_messages(media):
            return None
        return AssembledStream(
            self.id,
            EventMessageFraming(),
            self._assembler(),
            lambda value: self._answer(value, request),
            terminator=False,
            envelope=self._envelope,
        )

    @abstractmethod
    def request(self, body: bytes) -> Conversation: ...

    @abstractmethod
    def _assembler(self) -> Assembler: ...

    @abstractmethod
    def _answer(self, value: Any, request: Conversation | None) -> Conversation: ...


class ConverseReading(BoundReading):
    """`POST /model/{id}/converse` and `/converse-stream`."""

    id = "bedrock-converse"

    def request(self, body: bytes) -> Conversation:
        draft = Draft(self.id, Direction.REQUEST, "chat", model=self._model)
        draft.stream = self._streamed
        read_converse(draft, parse_object(body))
        return draft.conversation()

    def _assembler(self) -> Assembler:
        return ConverseAssembler()

    def _answer(self, value: Any, request: Conversation | None) -> Conversation:
        draft = Draft(self.id, Direction.RESPONSE, request.operation if request else "chat", model=self._model)
        read_converse_answer(draft, value)
        return draft.conversation()


def is_event_messages(media: str) -> bool:
    return media.partition(";")[0].strip().lower() == MEDIA_TYPE


def read_converse_answer(draft: Draft, value: Any) -> None:
    """Add an answer."""
    output = value.get("output") if isinstance(value, dict) else None
    message = output.get("message") if isinstance(output, dict) else None
    if not isinstance(message, dict):
        raise UnreadableError("unknown_shape")
    usage = value.get("usage")
    if isinstance(usage, dict):
        draft.usage = Usage(whole(usage.get("inputTokens")), whole(usage.get("outputTokens")))
    draft.finish_reason = word(value.get("stopReason"))
    read_blocks(draft, message.get("content"), Provenance.ASSISTANT, "/output/message/content", "", CallNames())
    draft.texts(value.get("additionalModelResponseFields"), Provenance.UNKNOWN, "/additionalModelResponseFields")
    if "error" in value:
        draft.error = True
        draft.texts(value["error"], Provenance.UNKNOWN, "/error")


class _Block:
    """A content block in the making."""

    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.text: Growing | None = None
        self.input: Growing | None = None
        self.reasoning: Growing | None = None
        self.result: list[Any] = []
        self.citations: list[Any] = []
        self.redacted = False

    def whole(self) -> dict[str, Any]:
        made = dict(self.start)
        if isinstance(use := made.get("toolUse"), dict):
            text = self.input.text if self.input is not None else ""
            parsed = parse_embedded(text) if text else {}
            made["toolUse"] = {**use, "input": text if parsed is None else parsed}
        if isinstance(result := made.get("toolResult"), dict):
            made["toolResult"] = {**result, "content": self.result}
        if self.reasoning is not None or self.redacted:
            spoken = {"reasoningText": {"text": self.reasoning.text}} if self.reasoning is not None else {}
            made["reasoningContent"] = {**spoken, **({"redactedContent": ""} if self.redacted else {})}
        if self.citations:
            said = [{"text": self.text.text}] if self.text is not None else []
            made["citationsContent"] = {"content": said, "citations": self.citations}
        elif self.text is not None:
            made["text"] = self.text.text
        return made


class ConverseAssembler:
    """Rebuilds an answer from its events; the kind of an event is its name."""

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._head: dict[str, Any] = {}
        self._copies = 0

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        event = event_object(value)
        if name == "contentBlockStart":
            return self._start(event)
        if name == "contentBlockDelta":
            delta = event.get("delta")
            return self._delta(event, delta) if isinstance(delta, dict) else []
        if name == "contentBlockStop":
            return [Delta(DeltaKind.BLOCK_END, f"block/{_index(event)}")]
        if name in ("messageStop", "metadata"):
            self._head.update(event)
            return [Delta(DeltaKind.FINISH)]
        if name.startswith("!"):
            self._head["error"] = event
            return [Delta(DeltaKind.FINISH)]
        if name not in ("messageStart", "initial-response"):
            refuse_words(event)
        return []

    def whole(self) -> Any:
        content = [self._blocks[at].whole() for at in sorted(self._blocks)]
        return {**self._head, "output": {"message": {"role": "assistant", "content": content}}}

    def _start(self, event: dict[str, Any]) -> Sequence[Delta]:
        block = self._blocks.setdefault(_index(event), _Block())
        start = event.get("start")
        block.start = start if isinstance(start, dict) else {}
        use = block.start.get("toolUse")
        if isinstance(use, dict):
            key, tool = f"block/{_index(event)}", word(use.get("type")) or "function"
            return [Delta(DeltaKind.CALL, key, word(use.get("name")), "/start/toolUse/name", tool=tool)]
        return []

    def _delta(self, event: dict[str, Any], delta: dict[str, Any]) -> Sequence[Delta]:
        key = f"block/{_index(event)}"
        block = self._blocks.setdefault(_index(event), _Block())
        use, thought = delta.get("toolUse"), delta.get("reasoningContent")
        if isinstance(text := delta.get("text"), str):
            block.text = block.text or Growing()
            block.text.add(text)
            return [Delta(DeltaKind.TEXT, key, text, "/delta/text")]
        if isinstance(use, dict):
            block.input = block.input or Growing()
            block.input.add(text := word(use.get("input")))
            return [Delta(DeltaKind.ARGUMENTS, key, text, "/delta/toolUse/input")]
        if isinstance(thought, dict):
            block.redacted = block.redacted or "redactedContent" in thought
            if text := word(thought.get("text")):
                block.reasoning = block.reasoning or Growing()
                block.reasoning.add(text)
                return [Delta(DeltaKind.TEXT, key, text, "/delta/reasoningContent/text")]
            return []
        if isinstance(delta.get("toolResult"), list):
            block.result.extend(delta["toolResult"])
        elif "citation" in delta:
            block.citations.append(delta["citation"])
        elif delta:
            block.start.update(delta)
        return self._complete(delta)

    def _complete(self, delta: dict[str, Any]) -> Sequence[Delta]:
        """What comes whole, or is not known: each string is judged, and can be replaced, before it goes on."""
        self._copies += 1
        draft = Draft("", Direction.RESPONSE)
        draft.texts(delta, Provenance.TOOL_RESULT, "/delta")
        return list(complete_texts(draft, f"copy/{self._copies}"))


def _index(event: dict[str, Any]) -> int:
    index = event.get("contentBlockIndex")
    if not isinstance(index, int):
        raise UnreadableError("unknown_shape")
    return index
