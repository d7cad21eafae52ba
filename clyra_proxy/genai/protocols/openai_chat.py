"""OpenAI chat completions, and every server that speaks them (vLLM, Azure, Groq, OpenRouter, Gemini's and Mistral's).

Source: OpenAI API reference "Chat Completions"; vLLM's extra parameters (`documents`, `chat_template`, `guided_json`).
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance, Usage
from clyra_proxy.genai.protocols.chat_parts import read_beside, read_content, read_document, read_message, read_role
from clyra_proxy.genai.protocols.draft import Draft, whole, word
from clyra_proxy.genai.protocols.event_reading import EventReading
from clyra_proxy.genai.protocols.json_text import ROOT, parse_object
from clyra_proxy.genai.protocols.openai_chat_stream import ChatAssembler
from clyra_proxy.genai.protocols.reading import UnreadableError
from clyra_proxy.genai.protocols.streams import objects
from clyra_proxy.genai.protocols.turns import CallNames, first_new, has_role

_READ = frozenset({
    "messages", "tools", "functions", "response_format", "prediction", "documents", "chat_template", "model",
    "chat_template_kwargs", "system",
})  # fmt: skip


class ChatReading(EventReading):
    """`POST .../chat/completions`. id: another one for relatives that differ in nothing that is read."""

    def __init__(self, id: str = "openai-chat") -> None:
        self.id = id

    def request(self, body: bytes) -> Conversation:
        value = parse_object(body)
        messages = value.get("messages")
        if not isinstance(messages, list):
            raise UnreadableError("unknown_shape")
        draft = Draft(self.id, Direction.REQUEST, "chat", model=word(value.get("model")))
        read_settings(draft, value)
        read_messages(draft, messages)
        return draft.conversation()

    def _assembler(self) -> ChatAssembler:
        return ChatAssembler()

    def _answer(self, value: Any, request: Conversation | None) -> Conversation:
        draft = Draft(self.id, Direction.RESPONSE, request.operation if request else "chat")
        read_completion(draft, value)
        return draft.conversation()


def read_messages(draft: Draft, messages: list[Any], path: str = "/messages") -> None:
    """Add the messages of a request, earlier turns marked as history."""
    new, names = first_new(messages, has_role("assistant", "model")), CallNames()
    for at, message in enumerate(messages):
        if not isinstance(message, dict):
            raise UnreadableError("unknown_shape")
        provenance = read_role(draft, message)
        draft.history = at < new and provenance is not Provenance.SYSTEM
        read_message(draft, message, provenance, f"{path}/{at}", f"message/{at}", names)
    draft.history = False


def read_settings(draft: Draft, value: dict[str, Any]) -> None:
    """Add what stands beside the messages: tools, schema of the answer, limits, and texts that reach the model."""
    draft.stream = value.get("stream") is True
    draft.max_output_tokens = max(whole(value.get("max_completion_tokens")), whole(value.get("max_tokens")))
    draft.structured = _structured(value)
    for at, tool in enumerate(_array(value, "tools")):
        read_tool(draft, tool, f"/tools/{at}")
    for at, function in enumerate(_array(value, "functions")):
        draft.tool(function, f"/functions/{at}")
    shape = value.get("response_format")
    if isinstance(shape, dict):
        draft.declaration(shape, "/response_format", "")
    prediction = value.get("prediction")
    if isinstance(prediction, dict):
        read_content(draft, prediction.get("content"), Provenance.ASSISTANT, "/prediction/content", block="prediction")
    for at, document in enumerate(_array(value, "documents")):
        read_document(draft, document, f"/documents/{at}")
    draft.text(value.get("chat_template"), Provenance.SYSTEM, "/chat_template")
    draft.texts(value.get("chat_template_kwargs"), Provenance.SYSTEM, "/chat_template_kwargs")
    draft.others(value, _READ, Provenance.UNKNOWN, ROOT)


def read_tool(draft: Draft, tool: object, path: str) -> None:
    """Add a tool in OpenAI's wrapping: `{type: function, function: {...}}`, `custom` alike, or a built-in."""
    kind = tool.get("type") if isinstance(tool, dict) else None
    if kind in ("custom", "function") or not isinstance(kind, str):
        draft.tool(tool, path, inner="custom" if kind == "custom" else "function")
        return
    draft.tool({"name": kind, **tool} if isinstance(tool, dict) else tool, path, kind=kind)


def read_completion(draft: Draft, value: Any) -> None:
    """Add an answer: its choices, usage and finish reason."""
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
        raise UnreadableError("unknown_shape")
    draft.model = word(value.get("model"))
    if value.get("error"):
        draft.error = True
        draft.texts(value["error"], Provenance.UNKNOWN, "/error")
    draft.usage = read_usage(value.get("usage"))
    read_beside(draft, value)
    for at, choice in objects(value["choices"]):
        number = choice.get("index")
        block = f"choice/{number if isinstance(number, int) else at}"
        message = choice.get("message")
        if isinstance(message, dict):
            read_message(draft, message, Provenance.ASSISTANT, f"/choices/{at}/message", block, CallNames())
            note = message.get("annotations")
            draft.texts(note, Provenance.DOCUMENT, f"/choices/{at}/message/annotations", block=block)
        draft.text(choice.get("text"), Provenance.ASSISTANT, f"/choices/{at}/text", block=block)
        draft.echo(choice.get("logprobs"), f"/choices/{at}/logprobs", f"/choices/{at}")
        draft.finish_reason = draft.finish_reason or word(choice.get("finish_reason"))


def read_usage(usage: object) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    return Usage(whole(usage.get("prompt_tokens")), whole(usage.get("completion_tokens")))


def _array(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _structured(value: dict[str, Any]) -> dict[str, Any] | None:
    shape = value.get("response_format")
    held = shape.get("json_schema") if isinstance(shape, dict) else None
    schema = held.get("schema") if isinstance(held, dict) else value.get("guided_json")
    return schema if isinstance(schema, dict) else None
