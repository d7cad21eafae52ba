"""Amazon Bedrock: Converse, ConverseStream, InvokeModel and its stream (event-stream framing).

Reference: docs.aws.amazon.com/bedrock/latest/APIReference (API_runtime_Converse, API_runtime_ConverseStream).
"""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.support.genai import anthropic_wire
from tests.support.genai.said import Said, aws_event, dump


def _usage(said: Said) -> dict[str, int]:
    total = said.input_tokens + said.output_tokens
    return {"inputTokens": said.input_tokens, "outputTokens": said.output_tokens, "totalTokens": total}


def converse(said: Said) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"text": said.text}] if said.text else []
    content += [{"toolUse": {"toolUseId": use.id, "name": use.name, "input": dict(use.arguments)}} for use in said.uses]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use" if said.uses else "end_turn",
        "usage": _usage(said),
        "metrics": {"latencyMs": 7},
    }


def converse_events(said: Said) -> tuple[bytes, ...]:
    found: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    index = 0
    if said.text:
        found += [("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}}) for piece in said.pieces]
        found.append(("contentBlockStop", {"contentBlockIndex": 0}))
        index = 1
    for use in said.uses:
        start = {"toolUse": {"toolUseId": use.id, "name": use.name}}
        found.append(("contentBlockStart", {"contentBlockIndex": index, "start": start}))
        found += [
            ("contentBlockDelta", {"contentBlockIndex": index, "delta": {"toolUse": {"input": piece}}})
            for piece in said.argument_pieces(use)
        ]
        found.append(("contentBlockStop", {"contentBlockIndex": index}))
        index += 1
    found.append(("messageStop", {"stopReason": "tool_use" if said.uses else "end_turn"}))
    found.append(("metadata", {"usage": _usage(said), "metrics": {"latencyMs": 7}}))
    return tuple(aws_event(kind, dump({**payload, "p": "abcd"}).encode()) for kind, payload in found)


def invoke(said: Said) -> dict[str, Any]:
    """InvokeModel of an Anthropic model answers in Anthropic's own format."""
    return anthropic_wire.message(said)


def invoke_events(said: Said) -> tuple[bytes, ...]:
    """Each chunk holds the provider's event, in base64."""
    found = []
    for event in anthropic_wire.events(said):
        data = event.partition(b"data: ")[2].strip()
        document = json.loads(data)
        if document["type"] == "ping":
            continue
        payload = {"bytes": base64.b64encode(dump(document).encode()).decode(), "p": "abc"}
        found.append(aws_event("chunk", dump(payload).encode()))
    return tuple(found)
