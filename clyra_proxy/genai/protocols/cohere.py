"""Cohere's chat API, versions 1 and 2.

Source: Cohere API reference "Chat (v1)", "Chat (v2)", "Chat with streaming". Version 2 has OpenAI's messages with parts
of its own (`thinking`, `document`) and `citations`; version 1 has `message`, `chat_history`, `preamble` and
`tool_results`. Of an answer's copy of the conversation (`chat_history`) only what the model said is read: it has the
answer once more.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance, Usage
from clyra_proxy.genai.protocols.answers import read_answer
from clyra_proxy.genai.protocols.chat_parts import read_document, read_message
from clyra_proxy.genai.protocols.cohere_stream import ChatV1Assembler, ChatV2Assembler
from clyra_proxy.genai.protocols.draft import Draft, whole, word
from clyra_proxy.genai.protocols.framing import LineFraming
from clyra_proxy.genai.protocols.json_text import ROOT, parse_object
from clyra_proxy.genai.protocols.openai_chat import read_messages, read_tool
from clyra_proxy.genai.protocols.reading import StreamReader, UnreadableError
from clyra_proxy.genai.protocols.streams import AssembledStream, is_event_stream, is_json_lines, objects, sse_reader
from clyra_proxy.genai.protocols.turns import CallNames, first_new, has_role

_V1_ROLES = {"user": Provenance.USER, "chatbot": Provenance.ASSISTANT, "system": Provenance.SYSTEM,
             "tool": Provenance.TOOL_RESULT}  # fmt: skip

_V1_READ = frozenset({"message", "preamble", "tools", "documents", "chat_history", "tool_results", "model"})
_V2_READ = frozenset({"messages", "documents", "tools", "model", "response_format"})


class CohereReading:
    """`POST /v2/chat` and `POST /v1/chat`, told apart by their members; the path may say nothing behind a gateway."""

    id = "cohere"

    def request(self, body: bytes) -> Conversation:
        value = parse_object(body)
        draft = Draft(self.id, Direction.REQUEST, "chat", model=word(value.get("model")))
        draft.stream = value.get("stream") is True
        draft.max_output_tokens = whole(value.get("max_tokens"))
        draft.structured = _structured(draft, value)
        if isinstance(value.get("messages"), list):
            for at, tool in objects(value.get("tools")):
                read_tool(draft, tool, f"/tools/{at}")
            _read_documents(draft, value)
            read_messages(draft, value["messages"])
            draft.others(value, _V2_READ, Provenance.UNKNOWN, ROOT)
        elif isinstance(value.get("message"), str):
            read_chat_v1(draft, value)
        else:
            raise UnreadableError("unknown_shape")
        return draft.conversation()

    def response(self, status: int, media: str, body: bytes, request: Conversation | None) -> Conversation:
        return read_answer(self, status, body, request, self._answer)

    def stream(self, media: str, request: Conversation | None) -> StreamReader | None:
        """Version 2 streams events; version 1 lines, or events when asked."""
        if is_event_stream(media):
            return sse_reader(self.id, _EitherAssembler(), lambda value: self._answer(value, request))
        if is_json_lines(media):
            return AssembledStream(
                self.id, LineFraming(), ChatV1Assembler(), lambda value: self._answer(value, request)
            )
        return None

    def _answer(self, value: Any, request: Conversation | None) -> Conversation:
        draft = Draft(self.id, Direction.RESPONSE, request.operation if request else "chat")
        if isinstance(value, dict) and isinstance(value.get("message"), dict):
            _read_v2_answer(draft, value)
        elif isinstance(value, dict) and "text" in value:
            _read_v1_answer(draft, value)
        else:
            raise UnreadableError("unknown_shape")
        return draft.conversation()


def read_chat_v1(draft: Draft, value: dict[str, Any]) -> None:
    """Add a request of version 1."""
    draft.text(value.get("preamble"), Provenance.SYSTEM, "/preamble")
    for at, tool in objects(value.get("tools")):
        draft.tool(tool, f"/tools/{at}", schema="parameter_definitions")
    _read_documents(draft, value)
    turns = value.get("chat_history")
    history = turns if isinstance(turns, list) else []
    new = first_new(history, has_role("CHATBOT", "Chatbot", "chatbot"))
    for at, turn in objects(history):
        provenance = _V1_ROLES.get(word(turn.get("role")).lower(), Provenance.UNKNOWN)
        draft.history = at < new or provenance is Provenance.ASSISTANT
        path, block = f"/chat_history/{at}", f"message/{at}"
        draft.text(turn.get("message"), provenance, f"{path}/message", block=block)
        _read_v1_calls(draft, turn.get("tool_calls"), f"{path}/tool_calls", block)
        _read_results(draft, turn.get("tool_results"), f"{path}/tool_results")
    draft.history = False
    _read_results(draft, value.get("tool_results"), "/tool_results")
    draft.text(value.get("message"), Provenance.USER, "/message", block=f"message/{len(history)}")
    draft.others(value, _V1_READ, Provenance.UNKNOWN, ROOT)


def _read_documents(draft: Draft, value: dict[str, Any]) -> None:
    documents = value.get("documents")
    for at, document in enumerate(documents if isinstance(documents, list) else ()):
        read_document(draft, document, f"/documents/{at}")


def _read_v2_answer(draft: Draft, value: dict[str, Any]) -> None:
    message = value["message"]
    read_message(draft, message, Provenance.ASSISTANT, "/message", "choice/0", CallNames())
    draft.echo(value.get("logprobs"), "/logprobs", "")
    draft.finish_reason = word(value.get("finish_reason"))
    draft.usage = _tokens(value.get("usage"))
    _read_failure(draft, value)


def _read_v1_answer(draft: Draft, value: dict[str, Any]) -> None:
    draft.text(value.get("text"), Provenance.ASSISTANT, "/text", block="choice/0")
    draft.text(value.get("streamed_text"), Provenance.ASSISTANT, "", block="choice/0/streamed")
    _read_v1_calls(draft, value.get("tool_calls"), "/tool_calls", "choice/0")
    for member in ("documents", "search_results"):
        draft.texts(value.get(member), Provenance.DOCUMENT, f"/{member}")
    for member in ("citations", "search_queries"):
        draft.texts(value.get(member), Provenance.ASSISTANT, f"/{member}")
    for at, turn in objects(value.get("chat_history")):
        if _V1_ROLES.get(word(turn.get("role")).lower()) is Provenance.ASSISTANT:
            draft.text(turn.get("message"), Provenance.ASSISTANT, f"/chat_history/{at}/message")
    draft.finish_reason = word(value.get("finish_reason"))
    draft.usage = _tokens(value.get("meta"))
    _read_failure(draft, value)


def _read_failure(draft: Draft, value: dict[str, Any]) -> None:
    if value.get("error"):
        draft.error = True
        draft.texts(value["error"], Provenance.UNKNOWN, "/error")


def _read_v1_calls(draft: Draft, calls: object, path: str, block: str) -> None:
    for at, call in objects(calls):
        place = f"{path}/{at}/parameters"
        draft.call(call.get("name"), call.get("parameters"), place, block=f"{block}/call/{at}")


def _read_results(draft: Draft, results: object, path: str) -> None:
    for at, result in objects(results):
        call = result.get("call")
        name = word(call.get("name")) if isinstance(call, dict) else ""
        draft.texts(call, Provenance.ARGUMENTS, f"{path}/{at}/call", name=name)
        draft.texts(result.get("outputs"), Provenance.TOOL_RESULT, f"{path}/{at}/outputs", name=name)


def _tokens(held: object) -> Usage:
    tokens = held.get("tokens") if isinstance(held, dict) else None
    if not isinstance(tokens, dict):
        return Usage()
    return Usage(whole(tokens.get("input_tokens")), whole(tokens.get("output_tokens")))


def _structured(draft: Draft, value: dict[str, Any]) -> dict[str, Any] | None:
    shape = value.get("response_format")
    if not isinstance(shape, dict):
        return None
    schema = next((shape[name] for name in ("json_schema", "schema") if isinstance(shape.get(name), dict)), None)
    draft.declaration(schema, "", "")
    return schema


class _EitherAssembler:
    """Version 1 or 2, told by the first event: only the older one has `event_type`."""

    def __init__(self) -> None:
        self._inner: ChatV1Assembler | ChatV2Assembler | None = None

    def take(self, name: str, value: Any) -> Any:
        if self._inner is None:
            older = isinstance(value, dict) and "event_type" in value
            self._inner = ChatV1Assembler() if older else ChatV2Assembler()
        return self._inner.take(name, value)

    def whole(self) -> Any:
        return (self._inner or ChatV2Assembler()).whole()
