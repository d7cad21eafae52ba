"""OpenAI's wire formats: chat completions, completions, responses, embeddings (and Mistral's, which is the first's).

References: platform.openai.com/docs/api-reference (chat, responses streaming events), docs.mistral.ai/api.
"""

from __future__ import annotations

import json
from typing import Any

from tests.support.genai.said import MODEL, Said, Use, sse

_CREATED = 1_760_000_000


def _usage(said: Said) -> dict[str, int]:
    total = said.input_tokens + said.output_tokens
    return {"prompt_tokens": said.input_tokens, "completion_tokens": said.output_tokens, "total_tokens": total}


def _call(use: Use) -> dict[str, Any]:
    return {"id": use.id, "type": "function", "function": {"name": use.name, "arguments": use.raw}}


def chat(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.uses:
        message["tool_calls"] = [_call(use) for use in said.uses]
    finish = "tool_calls" if said.uses else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": _CREATED,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": _usage(said),
    }


def chat_events(said: Said, with_usage: bool = False) -> tuple[bytes, ...]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in said.pieces]
    for index, use in enumerate(said.uses):
        opening = {"index": index, "id": use.id, "type": "function", "function": {"name": use.name, "arguments": ""}}
        deltas.append({"tool_calls": [opening]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in said.argument_pieces(use)
        ]
    finish = "tool_calls" if said.uses else "stop"
    chunks = [_chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]) for delta in deltas]
    chunks.append(_chunk([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish}]))
    if with_usage:
        chunks.append({**_chunk([]), "usage": _usage(said)})
    return (*(sse(chunk) for chunk in chunks), sse("[DONE]"))


def _chunk(choices: list[dict[str, Any]]) -> dict[str, Any]:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": _CREATED, "model": MODEL}
    return {**base, "choices": choices}


def completion(said: Said) -> dict[str, Any]:
    choice = {"index": 0, "text": said.text, "logprobs": None, "finish_reason": "stop"}
    head = {"id": "cmpl-1", "object": "text_completion", "created": _CREATED, "model": MODEL}
    return {**head, "choices": [choice], "usage": _usage(said)}


def completion_events(said: Said) -> tuple[bytes, ...]:
    head = {"id": "cmpl-1", "object": "text_completion", "created": _CREATED, "model": MODEL}
    rows = [{"index": 0, "text": piece, "logprobs": None, "finish_reason": None} for piece in said.pieces]
    rows.append({"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"})
    return (*(sse({**head, "choices": [row]}) for row in rows), sse("[DONE]"))


def embeddings(request: dict[str, Any]) -> dict[str, Any]:
    given = request.get("input", "")
    inputs = given if isinstance(given, list) else [given]
    rows = [{"object": "embedding", "index": at, "embedding": [0.25, -0.5, 0.75]} for at, _ in enumerate(inputs)]
    return {"object": "list", "data": rows, "model": MODEL, "usage": {"prompt_tokens": 3, "total_tokens": 3}}


def _output(said: Said) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if said.text:
        content = [{"type": "output_text", "text": said.text, "annotations": []}]
        items.append({"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content})
    for number, use in enumerate(said.uses):
        items.append(
            {
                "type": "function_call",
                "id": f"fc_{number}",
                "call_id": use.id,
                "name": use.name,
                "arguments": use.raw,
                "status": "completed",
            }
        )
    return items


def response(said: Said, status: str = "completed") -> dict[str, Any]:
    done = status == "completed"
    usage = {
        "input_tokens": said.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": said.input_tokens + said.output_tokens,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": _CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": MODEL,
        "output": _output(said) if done else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "metadata": {},
        "usage": usage if done else None,
    }


def response_events(said: Said) -> tuple[bytes, ...]:
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response(said, "in_progress")},
        {"type": "response.in_progress", "response": response(said, "in_progress")},
    ]
    for index, item in enumerate(_output(said)):
        events += _message_events(said, index, item) if item["type"] == "message" else _call_events(said, index, item)
    events.append({"type": "response.completed", "response": response(said)})
    return tuple(sse({**event, "sequence_number": number}, str(event["type"])) for number, event in enumerate(events))


def _message_events(said: Said, index: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    place = {"item_id": item["id"], "output_index": index, "content_index": 0}
    part = item["content"][0]
    opening = {**item, "status": "in_progress", "content": []}
    return [
        {"type": "response.output_item.added", "output_index": index, "item": opening},
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []} for piece in said.pieces),
        {"type": "response.output_text.done", **place, "text": said.text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def _call_events(said: Said, index: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    place = {"item_id": item["id"], "output_index": index}
    opening = {**item, "status": "in_progress", "arguments": ""}
    use = Use(item["name"], json.loads(item["arguments"]), item["call_id"])
    kind = "response.function_call_arguments"
    return [
        {"type": "response.output_item.added", "output_index": index, "item": opening},
        *({"type": f"{kind}.delta", **place, "delta": piece} for piece in said.argument_pieces(use)),
        {"type": f"{kind}.done", **place, "arguments": item["arguments"], "name": item["name"]},
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def realtime(said: Said, message: dict[str, Any]) -> list[dict[str, Any]]:
    """Server events of the realtime API for one client event. Reference: .../docs/api-reference/realtime."""
    match message.get("type"):
        case "session.update":
            return [{"type": "session.updated", "event_id": "ev_s", "session": message.get("session", {})}]
        case "conversation.item.create":
            item = {"id": "item_1", "object": "realtime.item", "status": "completed", **message.get("item", {})}
            return [{"type": "conversation.item.added", "event_id": "ev_i", "previous_item_id": None, "item": item}]
        case "response.create":
            return [{**event, "event_id": f"ev_{at}"} for at, event in enumerate(_realtime_response(said))]
    return []


def _realtime_response(said: Said) -> list[dict[str, Any]]:
    place = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0, "content_index": 0}
    item = {"id": "item_2", "object": "realtime.item", "type": "message", "role": "assistant", "status": "completed"}
    item |= {"content": [{"type": "output_text", "text": said.text}]}  # type: ignore[dict-item]
    done = {"id": "resp_1", "object": "realtime.response", "status": "completed"}
    return [
        {"type": "response.created", "response": {**done, "status": "in_progress", "output": []}},
        *({"type": "response.output_text.delta", **place, "delta": piece} for piece in said.pieces),
        {"type": "response.output_text.done", **place, "text": said.text},
        {"type": "response.done", "response": {**done, "output": [item]}},
    ]
