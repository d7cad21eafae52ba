"""Cohere's chat API v2. Reference: docs.cohere.com/reference/chat and .../chat-stream."""

from __future__ import annotations

from typing import Any

from tests.support.genai.said import Said, sse


def _usage(said: Said) -> dict[str, Any]:
    tokens = {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens}
    return {"billed_units": tokens, "tokens": tokens}


def chat(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    if said.text:
        message["content"] = [{"type": "text", "text": said.text}]
    if said.uses:
        message["tool_calls"] = [
            {"id": use.id, "type": "function", "function": {"name": use.name, "arguments": use.raw}}
            for use in said.uses
        ]
    finish = "TOOL_CALL" if said.uses else "COMPLETE"
    return {"id": "c14c80c3", "message": message, "finish_reason": finish, "usage": _usage(said)}


def events(said: Said) -> tuple[bytes, ...]:
    opening = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    found: list[dict[str, Any]] = [{"type": "message-start", "id": "c14c80c3", "delta": {"message": opening}}]
    if said.text:
        start = {"message": {"content": {"type": "text", "text": ""}}}
        found.append({"type": "content-start", "index": 0, "delta": start})
        found += [
            {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}}
            for piece in said.pieces
        ]
        found.append({"type": "content-end", "index": 0})
    for index, use in enumerate(said.uses):
        call = {"id": use.id, "type": "function", "function": {"name": use.name, "arguments": ""}}
        found.append({"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": call}}})
        for piece in said.argument_pieces(use):
            more = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
            found.append({"type": "tool-call-delta", "index": index, "delta": more})
        found.append({"type": "tool-call-end", "index": index})
    finish = "TOOL_CALL" if said.uses else "COMPLETE"
    found.append({"type": "message-end", "delta": {"finish_reason": finish, "usage": _usage(said)}})
    return tuple(sse(event, str(event["type"])) for event in found)


def embed(request: dict[str, Any]) -> dict[str, Any]:
    texts = request.get("texts", [])
    rows = {"float": [[0.25, -0.5, 0.75] for _ in texts]}
    return {"id": "e1", "texts": texts, "embeddings": rows, "response_type": "embeddings_by_type"}
