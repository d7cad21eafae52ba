"""A local stand-in for model providers: answers in the documented wire formats, streaming and not.

OpenAI chat completions (`POST /v1/chat/completions`, `GET /v1/models`) and Anthropic messages (`POST /v1/messages`).
Rule: the answer depends on the request alone (the last user text, repeated word by word), so that a client's result can
be compared with what was asked; nothing is looked up anywhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MODEL = "local-echo-1"
_CREATED = 1_700_000_000


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """Either `body`, whole, or `events`: server-sent events to be written one by one."""

    status: int = 200
    media_type: str = "application/json"
    body: bytes = b""
    events: tuple[bytes, ...] = ()


def answer_model_call(method: str, path: str, body: bytes) -> ModelAnswer:
    """Answer one call; unknown paths get 404 and bad bodies 400 in the provider's own error object."""
    if method == "GET" and path == "/v1/models":
        return _whole({"object": "list", "data": [{"id": MODEL, "object": "model", "created": _CREATED}]})
    answers = {"/v1/chat/completions": _chat_completion, "/v1/messages": _anthropic_message}
    answer = answers.get(path)
    if answer is None or method != "POST":
        return _failure(404, f"no such endpoint: {method} {path}")
    try:
        request = json.loads(body)
        said = _last_user_text(request["messages"])
    except (ValueError, KeyError, TypeError, IndexError):
        return _failure(400, "the body must be a JSON object with a list of messages")
    return answer(request, said)


def reply_to(said: str) -> str:
    """What the stand-in model says to `said`."""
    return f"You said: {said}"


def _last_user_text(messages: list[dict[str, Any]]) -> str:
    content = next(message for message in reversed(messages) if message["role"] == "user")["content"]
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part.get("type") in ("text", "input_text"))


def _chat_completion(request: dict[str, Any], said: str) -> ModelAnswer:
    text = reply_to(said)
    base = {"id": "chatcmpl-local", "created": _CREATED, "model": request.get("model", MODEL)}
    if request.get("stream"):
        return _stream([*_chat_chunks(base, text), "[DONE]"])
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", "logprobs": None}
    used = {"prompt_tokens": len(said.split()), "completion_tokens": len(text.split())}
    used["total_tokens"] = sum(used.values())
    return _whole({**base, "object": "chat.completion", "choices": [choice], "usage": used})


def _chat_chunks(base: dict[str, Any], text: str) -> list[str]:
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": piece}, None) for piece in _pieces(text)]
    deltas.append(({}, "stop"))
    return [
        json.dumps(
            {
                **base,
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}],
            }
        )
        for delta, finish in deltas
    ]


def _anthropic_message(request: dict[str, Any], said: str) -> ModelAnswer:
    text = reply_to(said)
    message: dict[str, Any] = {
        "id": "msg_local",
        "type": "message",
        "role": "assistant",
        "model": request.get("model", MODEL),
        "stop_sequence": None,
    }
    used = {"input_tokens": len(said.split()), "output_tokens": len(text.split())}
    if not request.get("stream"):
        content = [{"type": "text", "text": text}]
        return _whole({**message, "content": content, "stop_reason": "end_turn", "usage": used})
    opening = {**message, "content": [], "stop_reason": None, "usage": used}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": opening},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    events += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        for piece in _pieces(text)
    ]
    events += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": used},
        {"type": "message_stop"},
    ]
    lines = tuple(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)
    return ModelAnswer(media_type="text/event-stream", events=lines)


def _pieces(text: str) -> list[str]:
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]


def _whole(document: dict[str, Any]) -> ModelAnswer:
    return ModelAnswer(body=json.dumps(document).encode())


def _stream(data: list[str]) -> ModelAnswer:
    return ModelAnswer(media_type="text/event-stream", events=tuple(f"data: {line}\n\n".encode() for line in data))


def _failure(status: int, text: str) -> ModelAnswer:
    error = {"message": text, "type": "invalid_request_error", "param": None, "code": None}
    return ModelAnswer(status=status, body=json.dumps({"error": error}).encode())
