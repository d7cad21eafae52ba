"""Anthropic's Messages API, whole and streamed; also as Bedrock and Vertex carry it.

Source: Anthropic API reference "Messages", "Count tokens", "Streaming messages". Rule: an answer's content blocks keep
their places, `block/0` onwards, in both forms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance, Usage
from clyra_proxy.genai.protocols.anthropic_blocks import OPAQUE, call_kind, read_block, read_blocks, read_quotes
from clyra_proxy.genai.protocols.chat_parts import read_role
from clyra_proxy.genai.protocols.draft import Draft, whole, word
from clyra_proxy.genai.protocols.event_reading import EventReading
from clyra_proxy.genai.protocols.growing import Growing
from clyra_proxy.genai.protocols.json_text import ROOT, parse_embedded, parse_object, pointer
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind, UnreadableError
from clyra_proxy.genai.protocols.streams import complete_texts, event_object, refuse_words
from clyra_proxy.genai.protocols.turns import CallNames, first_new, has_role

_READ = frozenset({
    "messages", "system", "tools", "model", "output_config", "output_format", "anthropic_version", "anthropic_beta",
})  # fmt: skip

_READ_OF_ANSWER = frozenset({"id", "type", "role", "model", "content", "usage", "stop_reason", "error"})


class MessagesReading(EventReading):
    """`POST .../v1/messages` and its `/count_tokens`."""

    def __init__(self, id: str = "anthropic-messages") -> None:
        self.id = id

    def request(self, body: bytes) -> Conversation:
        value = parse_object(body)
        draft = Draft(self.id, Direction.REQUEST, "chat", model=word(value.get("model")))
        read_messages_request(draft, value)
        return draft.conversation()

    def _assembler(self) -> MessagesAssembler:
        return MessagesAssembler()

    def _answer(self, value: Any, request: Conversation | None) -> Conversation:
        draft = Draft(self.id, Direction.RESPONSE, request.operation if request else "chat")
        read_message_answer(draft, value)
        return draft.conversation()


def read_messages_request(draft: Draft, value: dict[str, Any]) -> None:
    """Add system prompt, tools and messages of a request."""
    messages = value.get("messages")
    if not isinstance(messages, list):
        raise UnreadableError("unknown_shape")
    draft.stream = value.get("stream") is True
    draft.max_output_tokens = whole(value.get("max_tokens"))
    draft.structured = _structured(draft, value)
    names = CallNames()
    read_blocks(draft, value.get("system"), Provenance.SYSTEM, "/system", "system", names)
    tools = value.get("tools")
    for at, tool in enumerate(tools if isinstance(tools, list) else ()):
        kind = tool.get("type") if isinstance(tool, dict) else None
        builtin = isinstance(kind, str) and kind != "custom"
        draft.tool(tool, f"/tools/{at}", kind=str(kind) if builtin else "function", schema="input_schema")
    new = first_new(messages, has_role("assistant"))
    for at, message in enumerate(messages):
        if not isinstance(message, dict):
            raise UnreadableError("unknown_shape")
        provenance = read_role(draft, message)
        draft.history = at < new and provenance is not Provenance.SYSTEM
        read_blocks(draft, message.get("content"), provenance, f"/messages/{at}/content", f"message/{at}", names)
    draft.history = False
    draft.others(value, _READ, Provenance.UNKNOWN, ROOT)


def read_message_answer(draft: Draft, value: Any) -> None:
    """Add a message of the model. Also the answer of `/count_tokens`, which has no content."""
    if not isinstance(value, dict) or not ("content" in value or "input_tokens" in value):
        raise UnreadableError("unknown_shape")
    draft.model = word(value.get("model"))
    usage = value.get("usage")
    held = usage if isinstance(usage, dict) else value
    draft.usage = Usage(whole(held.get("input_tokens")), whole(held.get("output_tokens")))
    draft.finish_reason = word(value.get("stop_reason"))
    if value.get("error"):
        draft.error = True
        draft.texts(value["error"], Provenance.UNKNOWN, "/error")
    read_blocks(draft, value.get("content"), Provenance.ASSISTANT, "/content", "", CallNames())
    draft.others(value, _READ_OF_ANSWER, Provenance.UNKNOWN, ROOT)


def _structured(draft: Draft, value: dict[str, Any]) -> dict[str, Any] | None:
    for member in ("output_config", "output_format"):
        shape = value.get(member)
        inner = shape.get("format", shape) if isinstance(shape, dict) else None
        schema = inner.get("schema") if isinstance(inner, dict) else None
        if isinstance(schema, dict):
            draft.declaration(schema, "", "")
            return schema
    return None


_DELTAS = {"text_delta": ("text", "text"), "thinking_delta": ("thinking", "thinking")}


class _Block:
    """A content block in the making. grown: its string that grows."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.head = head
        self.grown: dict[str, Growing] = {}
        self.arguments: Growing | None = None
        self.citations: list[Any] = []

    def grow(self, member: str, text: str) -> None:
        if member not in self.grown:
            self.grown[member] = Growing(word(self.head.get(member)))
        self.grown[member].add(text)

    def whole(self) -> dict[str, Any]:
        made = {**self.head, **{member: held.text for member, held in self.grown.items()}}
        if self.arguments is not None:
            parsed = parse_embedded(self.arguments.text)
            made["input"] = self.arguments.text if parsed is None else parsed
        if self.citations:
            made["citations"] = [*_list(made.get("citations")), *self.citations]
        return made


def _grow(block: _Block, delta: dict[str, Any], key: str) -> Iterable[Delta]:
    """A signature, a compaction, or what is not known yet: every string in it that could be shown is text."""
    for member, held in delta.items():
        if member != "type" and isinstance(held, str):
            block.grow(member, held)
            if member not in OPAQUE:
                yield Delta(DeltaKind.TEXT, key, held, pointer("/delta", member))


class MessagesAssembler:
    """Rebuilds a message from its events."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}
        self._error: dict[str, Any] | None = None
        self._copies = 0

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        event = event_object(value)
        kind = event.get("type")
        if kind == "message_start":
            self._message = dict(event["message"]) if isinstance(event.get("message"), dict) else {}
            for at, block in enumerate(_list(self._message.pop("content", None))):
                self._blocks[at] = _Block(block if isinstance(block, dict) else {"type": "", "value": block})
        elif kind == "content_block_start":
            return self._start(event)
        elif kind == "content_block_delta":
            return self._delta(event)
        elif kind == "content_block_stop":
            return [Delta(DeltaKind.BLOCK_END, _key(event))]
        elif kind == "message_delta":
            self._update(event)
            return [Delta(DeltaKind.FINISH)]
        elif kind == "message_stop":
            return [Delta(DeltaKind.FINISH)]
        elif kind == "error" or event.get("error"):
            self._error = event
            return [Delta(DeltaKind.FINISH)]
        elif kind != "ping":
            refuse_words(event)
        return []

    def whole(self) -> Any:
        content = [self._blocks[at].whole() for at in sorted(self._blocks)]
        return {**self._message, "content": content, **(self._error or {})}

    def _start(self, event: dict[str, Any]) -> Sequence[Delta]:
        head = event.get("content_block")
        if not isinstance(head, dict):
            raise UnreadableError("unknown_shape")
        self._blocks[_index(event)] = _Block(head)
        block, kind = _key(event), word(head.get("type"))
        if kind.endswith("tool_use"):
            name = word(head.get("name"))
            return [Delta(DeltaKind.CALL, block, name, "/content_block/name", tool=call_kind(kind))]
        for member in ("text", "thinking"):
            if text := word(head.get(member)):
                return [Delta(DeltaKind.TEXT, block, text, f"/content_block/{member}")]
        draft = Draft("", Direction.RESPONSE)
        read_block(draft, head, Provenance.ASSISTANT, "/content_block", block, CallNames())
        return self._complete(draft)

    def _complete(self, draft: Draft) -> Sequence[Delta]:
        """Texts that came whole: a result of the provider's own tool, a quotation."""
        self._copies += 1
        return list(complete_texts(draft, f"copy/{self._copies}"))

    def _delta(self, event: dict[str, Any]) -> Sequence[Delta]:
        delta, block = event.get("delta"), self._blocks.get(_index(event))
        if not isinstance(delta, dict) or block is None:
            raise UnreadableError("unknown_shape")
        kind = delta.get("type")
        if kind in _DELTAS:
            source, member = _DELTAS[kind]
            text = word(delta.get(source))
            block.grow(member, text)
            return [Delta(DeltaKind.TEXT, _key(event), text, f"/delta/{source}")]
        if kind == "input_json_delta":
            block.arguments = block.arguments or Growing()
            block.arguments.add(text := word(delta.get("partial_json")))
            return [Delta(DeltaKind.ARGUMENTS, _key(event), text, "/delta/partial_json")]
        if kind == "citations_delta":
            block.citations.append(delta.get("citation"))
            draft = Draft("", Direction.RESPONSE)
            read_quotes(draft, delta.get("citation"), "/delta/citation", "")
            return self._complete(draft)
        return list(_grow(block, delta, _key(event)))

    def _update(self, event: dict[str, Any]) -> None:
        if isinstance(delta := event.get("delta"), dict):
            self._message.update(delta)
        usage, later = self._message.get("usage"), event.get("usage")
        if isinstance(later, dict):
            known = {key: held for key, held in later.items() if held is not None}
            self._message["usage"] = {**usage, **known} if isinstance(usage, dict) else known


def _index(event: dict[str, Any]) -> int:
    index = event.get("index")
    if not isinstance(index, int):
        raise UnreadableError("unknown_shape")
    return index


def _key(event: dict[str, Any]) -> str:
    return f"block/{_index(event)}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
