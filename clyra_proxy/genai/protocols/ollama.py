"""Ollama's own API: `/api/chat`, `/api/generate`, `/api/embed`, `/api/embeddings`; streams are lines of JSON.

Source: Ollama "API" reference. Rule: Ollama's parser takes members whatever the case of their letters, so a body whose
members are spelled oddly is refused: it would be read otherwise there than here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance, Usage
from clyra_proxy.genai.protocols.answers import read_answer
from clyra_proxy.genai.protocols.chat_parts import read_message
from clyra_proxy.genai.protocols.draft import Draft, whole, word
from clyra_proxy.genai.protocols.framing import LineFraming
from clyra_proxy.genai.protocols.growing import Growing
from clyra_proxy.genai.protocols.json_text import ROOT, dump, parse_object
from clyra_proxy.genai.protocols.logprobs import repeated
from clyra_proxy.genai.protocols.openai_chat import read_messages, read_tool
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind, StreamReader, UnreadableError
from clyra_proxy.genai.protocols.streams import AssembledStream, event_object, is_json_lines, objects
from clyra_proxy.genai.protocols.turns import CallNames

_PROMPTS = {"system": Provenance.SYSTEM, "template": Provenance.SYSTEM, "prompt": Provenance.USER,
            "suffix": Provenance.USER, "input": Provenance.UNKNOWN}  # fmt: skip

_READ = frozenset({"messages", "format", "tools", "model", "name", "images", "context", *_PROMPTS})


class OllamaReading:
    """Every operation of Ollama that carries text."""

    id = "ollama"

    def request(self, body: bytes) -> Conversation:
        value = parse_object(body)
        messages = value.get("messages")
        _refuse_odd_letters(value, *(messages if isinstance(messages, list) else ()))
        draft = Draft(self.id, Direction.REQUEST, "chat" if "messages" in value else "generate")
        draft.model = word(value.get("model")) or word(value.get("name"))
        draft.stream = value.get("stream") is not False and "input" not in value
        options = value.get("options")
        draft.max_output_tokens = whole(options.get("num_predict")) if isinstance(options, dict) else -1
        shape = value.get("format")
        draft.structured = shape if isinstance(shape, dict) else None
        draft.declaration(draft.structured, "/format", "")
        for at, tool in objects(value.get("tools")):
            read_tool(draft, tool, f"/tools/{at}")
        for member, provenance in _PROMPTS.items():
            draft.texts(value.get(member), provenance, f"/{member}", block=f"prompt/{member}")
        draft.others(value, _READ, Provenance.UNKNOWN, ROOT)
        _read_images(draft, value, "")
        if isinstance(messages, list):
            read_messages(draft, messages)
            for at, message in objects(messages):
                _read_images(draft, message, f"/messages/{at}")
        elif messages is not None or not value:
            raise UnreadableError("unknown_shape")
        if value.get("context") is not None:
            draft.unread("tokens")
        return draft.conversation()

    def response(self, status: int, media: str, body: bytes, request: Conversation | None) -> Conversation:
        return read_answer(self, status, body, request, self._answer)

    def stream(self, media: str, request: Conversation | None) -> StreamReader | None:
        if not is_json_lines(media):
            return None
        return AssembledStream(
            self.id, LineFraming(), OllamaAssembler(), lambda value: self._answer(value, request), terminator=False
        )

    def _answer(self, value: Any, request: Conversation | None) -> Conversation:
        if not isinstance(value, dict):
            raise UnreadableError("unknown_shape")
        draft = Draft(self.id, Direction.RESPONSE, request.operation if request else "chat")
        draft.model = word(value.get("model"))
        draft.usage = Usage(whole(value.get("prompt_eval_count")), whole(value.get("eval_count")))
        draft.finish_reason = word(value.get("done_reason"))
        message = value.get("message")
        if isinstance(message, dict):
            read_message(draft, message, Provenance.ASSISTANT, "/message", "choice/0", CallNames())
        draft.text(value.get("response"), Provenance.ASSISTANT, "/response", block="choice/0")
        draft.text(value.get("thinking"), Provenance.ASSISTANT, "/thinking", block="choice/0/thinking")
        draft.echo(value.get("logprobs"), "/logprobs", "")
        if value.get("error"):
            draft.error = True
            draft.texts(value["error"], Provenance.UNKNOWN, "/error")
        return draft.conversation()


def _read_images(draft: Draft, holder: dict[str, Any], path: str) -> None:
    images = holder.get("images")
    for at, image in enumerate(images if isinstance(images, list) else ()):
        draft.medium("image", Provenance.USER, f"{path}/images/{at}", base64=word(image))


def _refuse_odd_letters(*objects: Any) -> None:
    for value in objects:
        if isinstance(value, dict) and any(key != key.lower() for key in value):
            raise UnreadableError("odd_letters")


class OllamaAssembler:
    """Rebuilds an answer: the last line has the totals, the lines before it the text."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._message: dict[str, Any] | None = None
        self._texts: dict[str, Growing] = {}
        self._calls: list[Any] = []

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        event = event_object(value)
        message = event.get("message")
        deltas: list[Delta] = []
        for member, block in (("response", "choice/0"), ("thinking", "choice/0/thinking")):
            deltas += self._grow(f"/{member}", event.get(member), block)
        if isinstance(message, dict):
            self._message = {**(self._message or {}), **message}
            for member, block in (("content", "choice/0"), ("thinking", "choice/0/thinking")):
                deltas += self._grow(f"/message/{member}", message.get(member), block)
            for at, call in objects(message.get("tool_calls")):
                deltas += self._call(call, f"/message/tool_calls/{at}")
        self._head.update((key, held) for key, held in event.items() if key != "message")
        deltas += repeated(event.get("logprobs"), "choice/0", "/logprobs")
        if event.get("done") is True or event.get("error"):
            deltas += [Delta(DeltaKind.BLOCK_END, "choice/0"), Delta(DeltaKind.FINISH)]
        return deltas

    def whole(self) -> Any:
        made = dict(self._head)
        if self._message is not None:
            made["message"] = {**self._message, **({"tool_calls": self._calls} if self._calls else {})}
        for path, held in self._texts.items():
            holder = made["message"] if path.startswith("/message/") else made
            holder[path.rpartition("/")[2]] = held.text
        return made

    def _grow(self, path: str, text: object, block: str) -> Sequence[Delta]:
        if not isinstance(text, str):
            return []
        self._texts.setdefault(path, Growing()).add(text)
        return [Delta(DeltaKind.TEXT, block, text, path)] if text else []

    def _call(self, call: dict[str, Any], path: str) -> Sequence[Delta]:
        block = f"choice/0/call/{len(self._calls)}"
        self._calls.append(call)
        function = call.get("function")
        body = function if isinstance(function, dict) else {}
        return [
            Delta(DeltaKind.CALL, block, word(body.get("name")), f"{path}/function/name"),
            Delta(DeltaKind.ARGUMENTS, block, dump(body.get("arguments", {}))),
            Delta(DeltaKind.BLOCK_END, block),
        ]
