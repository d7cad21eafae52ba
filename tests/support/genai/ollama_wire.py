"""Ollama: /api/chat, /api/generate, /api/embed; streams are NDJSON. Reference: github.com/ollama docs/api.md."""

from __future__ import annotations

from typing import Any

from tests.support.genai.said import MODEL, Said, line

_AT = "2025-11-01T10:00:00.000000Z"
_HEAD: dict[str, Any] = {"model": MODEL, "created_at": _AT}


def _end(said: Said) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": "stop",
        "total_duration": 5_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": said.input_tokens,
        "prompt_eval_duration": 1_000_000,
        "eval_count": said.output_tokens,
        "eval_duration": 3_000_000,
    }


def _calls(said: Said) -> list[dict[str, Any]]:
    return [{"function": {"name": use.name, "arguments": dict(use.arguments)}} for use in said.uses]


def chat(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.uses:
        message["tool_calls"] = _calls(said)
    return {**_HEAD, "message": message, **_end(said)}


def chat_events(said: Said) -> tuple[bytes, ...]:
    messages: list[dict[str, Any]] = [{"role": "assistant", "content": piece} for piece in said.pieces]
    messages += [{"role": "assistant", "content": "", "tool_calls": [call]} for call in _calls(said)]
    ending = {**_HEAD, "message": {"role": "assistant", "content": ""}, **_end(said)}
    return (*(line({**_HEAD, "message": message, "done": False}) for message in messages), line(ending))


def generate(said: Said) -> dict[str, Any]:
    return {**_HEAD, "response": said.text, **_end(said)}


def generate_events(said: Said) -> tuple[bytes, ...]:
    pieces = (line({**_HEAD, "response": piece, "done": False}) for piece in said.pieces)
    return (*pieces, line({**_HEAD, "response": "", **_end(said)}))


def embed(request: dict[str, Any]) -> dict[str, Any]:
    given = request.get("input", "")
    rows = given if isinstance(given, list) else [given]
    return {"model": MODEL, "embeddings": [[0.25, -0.5, 0.75] for _ in rows], "prompt_eval_count": 3}
