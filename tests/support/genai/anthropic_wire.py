"""Anthropic's Messages API. Reference: docs.anthropic.com/en/api/messages and .../messages-streaming."""

from __future__ import annotations

from typing import Any

from tests.support.genai.said import MODEL, Said, sse


def _blocks(said: Said) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": said.text}] if said.text else []
    blocks += [{"type": "tool_use", "id": use.id, "name": use.name, "input": dict(use.arguments)} for use in said.uses]
    return blocks


def message(said: Said) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": _blocks(said),
        "stop_reason": "tool_use" if said.uses else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens},
    }


def events(said: Said) -> tuple[bytes, ...]:
    whole = message(said)
    opening = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    found: list[dict[str, Any]] = [{"type": "message_start", "message": opening}, {"type": "ping"}]
    uses = iter(said.uses)
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            start, kind, key, pieces = {"type": "text", "text": ""}, "text_delta", "text", said.pieces
        else:
            start, kind, key = {**block, "input": {}}, "input_json_delta", "partial_json"
            pieces = ("", *said.argument_pieces(next(uses)))
        found.append({"type": "content_block_start", "index": index, "content_block": start})
        found += [
            {"type": "content_block_delta", "index": index, "delta": {"type": kind, key: piece}} for piece in pieces
        ]
        found.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    found.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": said.output_tokens}})
    found.append({"type": "message_stop"})
    return tuple(sse(event, str(event["type"])) for event in found)
