"""Texts that come whole inside of a stream: results of the provider's own tools, quotations, sources."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.genai.wire.conftest import Open
from tests.support.replies import Reply

USER = [{"role": "user", "content": "?"}]
CHAT, MESSAGES, GEMINI = "/v1/chat/completions", "/v1/messages", "/v1beta/models/m:streamGenerateContent"
START = {"type": "message_start", "message": {"type": "message", "role": "assistant", "model": "m", "content": []}}
END = ({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"})


def _block(head: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    grown = [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    begun = {"type": "content_block_start", "index": 0, "content_block": head}
    return [START, begun, *grown, {"type": "content_block_stop", "index": 0}, *END]


def _printed(text: str) -> list[dict[str, Any]]:
    result = {"type": "bash_code_execution_result", "stdout": text, "stderr": "", "return_code": 0, "content": []}
    return _block({"type": "bash_code_execution_tool_result", "tool_use_id": "s1", "content": result})


def _quoted(text: str) -> list[dict[str, Any]]:
    citation = {"type": "char_location", "cited_text": text, "document_index": 0}
    return _block({"type": "text", "text": ""}, {"type": "citations_delta", "citation": citation})


def _part(part: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [
        {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP", **more}]}
    ]


def _executed(text: str) -> list[dict[str, Any]]:
    return _part({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": text}})


def _grounded(text: str) -> list[dict[str, Any]]:
    return _part({"text": "ok"}, groundingMetadata={"groundingSupports": [{"segment": {"text": text}}]})


def _noted(text: str) -> list[dict[str, Any]]:
    note = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": text}}
    return [{"choices": [{"index": 0, "delta": {"content": "ok", "annotations": [note]}, "finish_reason": "stop"}]}]


WAYS = {
    "printed": (MESSAGES, _printed),
    "quoted": (MESSAGES, _quoted),
    "executed": (GEMINI, _executed),
    "grounded": (GEMINI, _grounded),
    "noted": (CHAT, _noted),
}


def _reply(events: list[dict[str, Any]]) -> Reply:
    body = [f"event: {event.get('type', 'message')}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    return Reply(headers=(("content-type", "text/event-stream"),), body=body, framing="chunked")


def _asked(path: str) -> dict[str, Any]:
    return {"contents": USER} if path == GEMINI else {"model": "m", "max_tokens": 9, "messages": USER, "stream": True}


@pytest.mark.parametrize("name", WAYS)
async def test_it_is_redacted_where_it_stands(opened: Open, name: str) -> None:
    path, made = WAYS[name]
    async with opened("enforce") as (house, client):
        house.upstream.routes[path] = _reply(made("it is SECRET123, "))
        answer = await client.post(f"http://{house.authority}{path}", json=_asked(path))
        got = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
        assert got == made("it is [gone], ")


@pytest.mark.parametrize("name", WAYS)
async def test_an_answer_of_nothing_else_is_judged_too(opened: Open, name: str) -> None:
    path, made = WAYS[name]
    async with opened("enforce") as (house, client):
        house.upstream.routes[path] = _reply(made("ATTACK"))
        await client.post(f"http://{house.authority}{path}", json=_asked(path))
        exchange = await house.verdict()
        assert exchange.verdict is not None
        assert [finding.rule for finding in exchange.verdict.findings] == ["injection.direct"]
        assert exchange.verdict.decision == "block"


@pytest.mark.parametrize("path", [CHAT, MESSAGES, "/v1/responses", "/v2/chat", GEMINI])
@pytest.mark.parametrize("body", [b"", b": ping\n\n", b'event: ping\ndata: {"type": "ping"}\n\n'])
async def test_an_answer_that_says_nothing_passes(opened: Open, path: str, body: bytes) -> None:
    async with opened("enforce") as (house, client):
        reply = Reply(headers=(("content-type", "text/event-stream"),), body=[body], framing="chunked")
        house.upstream.routes[path] = reply
        asked = {**_asked(path), "input": "?"} if path != GEMINI else _asked(path)
        answer = await client.post(f"http://{house.authority}{path}", json=asked)
        assert (answer.status_code, answer.content) == (200, body)
