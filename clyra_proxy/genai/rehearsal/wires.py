"""One case in the wire formats of providers: the request to send, and what the local upstream answers to it.

Rule: a case appears in each protocol that has its place, in the shape the provider documents; a benign rest (question,
tool, answer) is the same everywhere, so that only the case's text makes the difference.
References: the public API references of OpenAI, Anthropic and Google Gemini; MCP 2025-06-18.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from clyra_proxy.genai.rehearsal.pack import Case, Place

MODEL = "rehearsal-model"
QUESTION = "Please have a look and tell me what matters."
ANSWER = "Here is what I found: everything is as it should be."
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_WAVE = b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0\x80>\0\0\x02\0\x10\0data\0\0\0\0"
SILENCE = base64.b64encode(_WAVE).decode()
_SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}}
_PIECE = 12


@dataclass(frozen=True, slots=True)
class Trial:
    """One request and the answer to it. pieces: the answer's body as it is written; more than one: streamed.

    where: `request` or `response`: which of them holds the case's text.
    """

    case: Case
    protocol: str
    path: str
    body: Mapping[str, Any]
    where: str = "request"
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = "application/json"
    pieces: tuple[bytes, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.case.id}/{self.protocol}{'/stream' if len(self.pieces) > 1 else ''}"


def trials(case: Case) -> list[Trial]:
    """The case in every protocol that has its place."""
    return [trial for make in _PROTOCOLS.values() for trial in make(case)]


def protocols() -> tuple[str, ...]:
    """Names of the protocols that an attack can be sent in."""
    return tuple(_PROTOCOLS)


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def _split(text: str) -> list[str]:
    return [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]


def _content(case: Case) -> str | list[dict[str, str]]:
    """The text as it stands, or as content parts when the case is cut into several."""
    return case.text if case.parts == 1 else _blocks(case)


def _blocks(case: Case) -> list[dict[str, str]]:
    return [{"type": "text", "text": piece} for piece in case.pieces]


def _openai(case: Case) -> list[Trial]:
    user: dict[str, Any] = {"role": "user", "content": _content(case) if case.place is Place.USER else QUESTION}
    messages, tools = [user], []
    if case.place is Place.MEDIA:
        url = {"url": f"data:{case.media};base64,{PIXEL}"}
        sound = {"type": "input_audio", "input_audio": {"data": SILENCE, "format": "wav"}}
        part = {"type": "image_url", "image_url": url} if case.media.startswith("image/") else sound
        user["content"] = [{"type": "text", "text": case.text}, part]
    elif case.place is Place.TOOL_RESULT:
        call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"query":"x"}'}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": "call_1", "content": _content(case)})
    elif case.place is Place.TOOL_DESCRIPTION:
        function = {"name": "look_up", "description": case.text, "parameters": _SCHEMA}
        tools.append({"type": "function", "function": function})
    elif case.place not in (Place.USER, Place.ASSISTANT):
        return []
    body = {"model": MODEL, "messages": messages, **({"tools": tools} if tools else {})}
    if case.place is not Place.ASSISTANT:
        return [Trial(case, "openai", "/v1/chat/completions", body, pieces=(_chat(ANSWER),))]
    streamed = tuple(_chat_events(case.text))
    path = "/v1/chat/completions"
    return [
        Trial(case, "openai", path, body, "response", pieces=(_chat(case.text),)),
        Trial(case, "openai", path, {**body, "stream": True}, "response", {}, "text/event-stream", streamed),
    ]


def _chat(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return _json({"id": "c1", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice]})


def _chat_events(text: str) -> list[bytes]:
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": piece}, None) for piece in _split(text)]
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    rows = [{"index": 0, "delta": delta, "finish_reason": end} for delta, end in [*deltas, ({}, "stop")]]
    return [*(b"data: " + _json({**head, "choices": [row]}) + b"\n\n" for row in rows), b"data: [DONE]\n\n"]


def _anthropic(case: Case) -> list[Trial]:
    content: list[dict[str, Any]] = [{"type": "text", "text": QUESTION}]
    if case.place is Place.USER:
        content = [*_blocks(case)]
    messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
    body: dict[str, Any] = {"model": MODEL, "max_tokens": 512, "messages": messages}
    if case.place is Place.MEDIA:
        if not case.media.startswith("image/"):
            return []
        source = {"type": "base64", "media_type": case.media, "data": PIXEL}
        content[0]["text"] = case.text
        content.append({"type": "image", "source": source})
    elif case.place is Place.TOOL_RESULT:
        use = {"type": "tool_use", "id": "tu_1", "name": "look_up", "input": {"query": "x"}}
        messages.append({"role": "assistant", "content": [use]})
        result = {"type": "tool_result", "tool_use_id": "tu_1", "content": _blocks(case)}
        messages.append({"role": "user", "content": [result]})
    elif case.place is Place.DOCUMENT:
        source = {"type": "text", "media_type": "text/plain", "data": case.text}
        content.insert(0, {"type": "document", "source": source, "title": "notes.txt"})
    elif case.place is Place.TOOL_DESCRIPTION:
        body["tools"] = [{"name": "look_up", "description": case.text, "input_schema": _SCHEMA}]
    elif case.place not in (Place.USER, Place.ASSISTANT):
        return []
    headers = {"anthropic-version": "2023-06-01"}
    if case.place is not Place.ASSISTANT:
        return [Trial(case, "anthropic", "/v1/messages", body, headers=headers, pieces=(_message(ANSWER),))]
    events = tuple(_message_events(case.text))
    return [
        Trial(case, "anthropic", "/v1/messages", body, "response", headers, pieces=(_message(case.text),)),
        Trial(
            case,
            "anthropic",
            "/v1/messages",
            {**body, "stream": True},
            "response",
            headers,
            "text/event-stream",
            events,
        ),
    ]


_MESSAGE = {"id": "m1", "type": "message", "role": "assistant", "model": MODEL, "stop_sequence": None}
_USED = {"input_tokens": 1, "output_tokens": 1}


def _message(text: str) -> bytes:
    content = [{"type": "text", "text": text}]
    return _json({**_MESSAGE, "content": content, "stop_reason": "end_turn", "usage": _USED})


def _message_events(text: str) -> list[bytes]:
    start: dict[str, Any] = {**_MESSAGE, "content": [], "stop_reason": None, "usage": _USED}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    events.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    events += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        for piece in _split(text)
    ]
    events.append({"type": "content_block_stop", "index": 0})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": _USED})
    events.append({"type": "message_stop"})
    return [f"event: {event['type']}\ndata: ".encode() + _json(event) + b"\n\n" for event in events]


def _gemini(case: Case) -> list[Trial]:
    parts: list[dict[str, Any]] = [{"text": QUESTION}]
    if case.place is Place.USER:
        parts = [{"text": piece} for piece in case.pieces]
    contents: list[dict[str, Any]] = [{"role": "user", "parts": parts}]
    body: dict[str, Any] = {"contents": contents}
    if case.place is Place.MEDIA:
        data = PIXEL if case.media.startswith("image/") else SILENCE
        parts[:] = [{"text": case.text}, {"inlineData": {"mimeType": case.media, "data": data}}]
    elif case.place is Place.TOOL_RESULT:
        contents.append({"role": "model", "parts": [{"functionCall": {"name": "look_up", "args": {"query": "x"}}}]})
        response = {"name": "look_up", "response": {"result": case.text}}
        contents.append({"role": "user", "parts": [{"functionResponse": response}]})
    elif case.place is Place.TOOL_DESCRIPTION:
        declared = {"name": "look_up", "description": case.text, "parameters": _SCHEMA}
        body["tools"] = [{"functionDeclarations": [declared]}]
    elif case.place not in (Place.USER, Place.ASSISTANT):
        return []
    path = f"/v1beta/models/{MODEL}:"
    if case.place is not Place.ASSISTANT:
        return [Trial(case, "gemini", f"{path}generateContent", body, pieces=(_generated(ANSWER, "STOP"),))]
    streamed = [*(_generated(piece, "") for piece in _split(case.text)), _generated("", "STOP")]
    events = tuple(b"data: " + document + b"\r\n\r\n" for document in streamed)
    stream = f"{path}streamGenerateContent?alt=sse"
    return [
        Trial(case, "gemini", f"{path}generateContent", body, "response", pieces=(_generated(case.text, "STOP"),)),
        Trial(case, "gemini", stream, body, "response", {}, "text/event-stream", events),
    ]


def _generated(text: str, finish: str) -> bytes:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    return _json({"candidates": [{**candidate, **({"finishReason": finish} if finish else {})}]})


def _mcp(case: Case) -> list[Trial]:
    asked: dict[str, Any]
    result: dict[str, Any]
    where = "response"
    match case.place:
        case Place.TOOL_RESULT:
            asked = {"method": "tools/call", "params": {"name": "look_up", "arguments": {"query": "opening hours"}}}
            result = {"content": _blocks(case), "isError": False}
        case Place.DOCUMENT:
            asked = {"method": "resources/read", "params": {"uri": "notes://today"}}
            result = {"contents": [{"uri": "notes://today", "mimeType": "text/plain", "text": case.text}]}
        case Place.TOOL_DESCRIPTION:
            asked = {"method": "tools/list", "params": {}}
            result = {"tools": [{"name": "look_up", "description": case.text, "inputSchema": _SCHEMA}]}
        case Place.ARGUMENTS:
            asked = {"method": "tools/call", "params": {"name": "look_up", "arguments": {"query": case.text}}}
            result, where = {"content": [{"type": "text", "text": ANSWER}], "isError": False}, "request"
        case _:
            return []
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    answer = _json({"jsonrpc": "2.0", "id": 1, "result": result})
    body = {"jsonrpc": "2.0", "id": 1, **asked}
    found = [Trial(case, "mcp", "/mcp", body, where, headers, pieces=(answer,))]
    if where == "response":
        event = (b": opening\n\n", b"event: message\ndata: " + answer + b"\n\n")
        found.append(Trial(case, "mcp", "/mcp", body, where, headers, "text/event-stream", event))
    return found


_PROTOCOLS: Mapping[str, Callable[[Case], list[Trial]]] = MappingProxyType(
    {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini, "mcp": _mcp}
)
