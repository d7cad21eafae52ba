"""Amazon Bedrock's `invoke`: bodies in the format of whoever made the model.

Source: Amazon Bedrock user guide "Inference request parameters and response fields". Rule: a body is told by its own
members (`anthropic_version`, `messages`, `inputText`, `prompt`, ...), not by the name of the model, which may be an ARN
that says nothing; what fits nothing is read string by string.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from clyra_proxy.genai.model import Conversation, Direction, Provenance, Usage
from clyra_proxy.genai.protocols.anthropic_messages import (
    MessagesAssembler,
    read_message_answer,
    read_messages_request,
)
from clyra_proxy.genai.protocols.aws_events import MessageEnvelope
from clyra_proxy.genai.protocols.bedrock import BoundReading, ConverseAssembler, read_converse_answer
from clyra_proxy.genai.protocols.bedrock_blocks import read_converse
from clyra_proxy.genai.protocols.cohere import read_chat_v1
from clyra_proxy.genai.protocols.draft import Draft, whole, word
from clyra_proxy.genai.protocols.growing import Growing
from clyra_proxy.genai.protocols.json_text import ROOT, parse_json, parse_object
from clyra_proxy.genai.protocols.media import decode_base64
from clyra_proxy.genai.protocols.openai_chat import read_completion, read_messages, read_settings
from clyra_proxy.genai.protocols.openai_chat_stream import ChatAssembler
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind, UnreadableError
from clyra_proxy.genai.protocols.streams import Assembler, event_object

_PROMPTS = {"prompt": Provenance.USER, "inputText": Provenance.USER, "texts": Provenance.UNKNOWN,
            "system": Provenance.SYSTEM, "query": Provenance.USER, "documents": Provenance.DOCUMENT}  # fmt: skip
_LIMITS = ("max_tokens", "max_gen_len", "maxTokens", "max_completion_tokens", "max_tokens_to_sample")
_GROWING = ("generation", "outputText", "completion", "text")
_EVENTS = ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata")


_MESSAGE = MessageEnvelope()


@dataclass(frozen=True, slots=True)
class ChunkEnvelope:
    """The JSON text that the payload of a `chunk` holds in base64."""

    def opened(self, event: bytes) -> bytes:
        return decode_base64(word(parse_object(_MESSAGE.opened(event)).get("bytes"))) or b""

    def sealed(self, event: bytes, text: bytes) -> bytes:
        payload = parse_object(_MESSAGE.opened(event)) | {"bytes": base64.b64encode(text).decode()}
        return _MESSAGE.sealed(event, orjson.dumps(payload))


class InvokeReading(BoundReading):
    """`POST /model/{id}/invoke` and `/invoke-with-response-stream`."""

    id = "bedrock-invoke"
    _envelope = ChunkEnvelope()

    def request(self, body: bytes) -> Conversation:
        value = parse_object(body)
        draft = Draft(self.id, Direction.REQUEST, "chat")
        _read_request(draft, value)
        draft.model, draft.stream = self._model, self._streamed
        return draft.conversation()

    def _assembler(self) -> Assembler:
        return InvokeAssembler()

    def _answer(self, value: Any, request: Conversation | None) -> Conversation:
        draft = Draft(self.id, Direction.RESPONSE, request.operation if request else "chat")
        _read_answer(draft, value)
        draft.model = draft.model or self._model
        return draft.conversation()


def _read_request(draft: Draft, value: dict[str, Any]) -> None:
    messages = value.get("messages")
    if "anthropic_version" in value and isinstance(messages, list):
        read_messages_request(draft, value)
    elif isinstance(messages, list) and ("schemaVersion" in value or "inferenceConfig" in value or _nova(messages)):
        read_converse(draft, value)
    elif isinstance(messages, list):
        read_settings(draft, value)
        draft.text(value.get("system"), Provenance.SYSTEM, "/system")
        read_messages(draft, messages)
    elif isinstance(value.get("message"), str):
        read_chat_v1(draft, value)
    elif _PROMPTS.keys() & value.keys():
        for member, provenance in _PROMPTS.items():
            draft.texts(value.get(member), provenance, f"/{member}")
    else:
        draft.texts(value, Provenance.UNKNOWN, ROOT)
    settings = value.get("textGenerationConfig")
    limits = {**value, **settings} if isinstance(settings, dict) else value
    found = [whole(limits.get(name)) for name in (*_LIMITS, "maxTokenCount")]
    draft.max_output_tokens = max(draft.max_output_tokens, *found)


def _nova(messages: list[Any]) -> bool:
    """Whether contents have blocks without a `type`, as Amazon's own models want them."""
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list) and content and isinstance(content[0], dict):
            return "type" not in content[0]
    return False


def _read_answer(draft: Draft, value: Any) -> None:
    if not isinstance(value, dict):
        draft.texts(value, Provenance.ASSISTANT, ROOT)
        return
    if isinstance(value.get("choices"), list) and _has_messages(value["choices"]):
        read_completion(draft, value)
    elif isinstance(value.get("output"), dict) and isinstance(value["output"].get("message"), dict):
        read_converse_answer(draft, value)
    elif isinstance(value.get("content"), list):
        read_message_answer(draft, value)
    else:
        draft.usage = _usage(value)
        reason = value.get("stop_reason") or value.get("completionReason") or value.get("finish_reason")
        draft.finish_reason = word(reason)
        for member, held in value.items():
            if held is not reason or not isinstance(held, str):
                draft.texts(held, Provenance.ASSISTANT, f"/{member}", block=f"text/{member}")


def _has_messages(choices: list[Any]) -> bool:
    return any(isinstance(choice, dict) and ("message" in choice or "text" in choice) for choice in choices)


def _usage(value: dict[str, Any]) -> Usage:
    held = value.get("amazon-bedrock-invocationMetrics")
    if isinstance(held, dict):
        return Usage(whole(held.get("inputTokenCount")), whole(held.get("outputTokenCount")))
    said = whole(value.get("generation_token_count"))
    return Usage(max(whole(value.get("prompt_token_count")), whole(value.get("inputTextTokenCount"))), said)


class InvokeAssembler:
    """Takes the JSON out of `chunk` events and hands it to the assembler of its format, told by the first chunk."""

    def __init__(self) -> None:
        self._inner: Assembler | None = None
        self._error: Any = None

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        event = event_object(value)
        if name.startswith("!"):
            self._error = event
            return [Delta(DeltaKind.FINISH)]
        data = decode_base64(word(event.get("bytes")))
        if data is None or name not in ("chunk", ""):
            raise UnreadableError("unknown_event")
        if not data:
            return []
        inner = event_object(parse_json(data))
        kind = next((each for each in _EVENTS if each in inner), "")
        if self._inner is None:
            self._inner = _assembler_for(inner, kind)
        if not kind or not isinstance(self._inner, ConverseAssembler):
            return self._inner.take(kind, inner)
        deltas = self._inner.take(kind, inner[kind])
        return [replace(delta, path=f"/{kind}{delta.path}" if delta.path else "") for delta in deltas]

    def whole(self) -> Any:
        made = self._inner.whole() if self._inner is not None else {}
        return {**made, "error": self._error} if self._error is not None else made


def _assembler_for(event: dict[str, Any], kind: str) -> Assembler:
    if kind:
        return ConverseAssembler()
    if isinstance(event.get("choices"), list):
        return ChatAssembler()
    if event.get("type") in ("message_start", "content_block_start", "content_block_delta", "ping", "error"):
        return MessagesAssembler()
    return TextAssembler()


class TextAssembler:
    """Rebuilds answers that are one growing text: `generation`, `outputText`, `completion`, `outputs[].text`."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._texts: dict[str, Growing] = {}
        self._outputs = False

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        event = event_object(value)
        outputs, path = event.get("outputs"), ""
        if isinstance(outputs, list) and outputs and isinstance(outputs[0], dict):
            self._outputs = True
            path = "/outputs/0"
            event = {**event, **outputs[0]}
            del event["outputs"]
        deltas: list[Delta] = []
        for member, held in event.items():
            if member in _GROWING and isinstance(held, str):
                self._texts.setdefault(member, Growing()).add(held)
                deltas.append(Delta(DeltaKind.TEXT, f"text/{member}", held, f"{path}/{member}"))
            elif held is not None:
                self._head[member] = held
        ended = any(event.get(each) for each in ("stop_reason", "completionReason", "finish_reason", "is_finished"))
        return [*deltas, Delta(DeltaKind.FINISH)] if ended else deltas

    def whole(self) -> Any:
        texts = {member: held.text for member, held in self._texts.items()}
        return {**self._head, "outputs": [texts]} if self._outputs else {**self._head, **texts}
