"""Conversations through the real data path: judged whole and streamed, redacted, refused, never passed in silence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from tests.genai.wire.conftest import Open
from tests.support.data_path import House
from tests.support.replies import Reply

CHAT = "/v1/chat/completions"


def _asked(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def _answer(text: str) -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    chunk = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps({"object": "chat.completion.chunk", **chunk}).encode() + b"\n\n"


def _stream(texts: Iterable[str]) -> list[bytes]:
    events = [_event({"role": "assistant", "content": ""}), *(_event({"content": text}) for text in texts)]
    return [*events, _event({}, "stop"), b"data: [DONE]\n\n"]


def _say(house: House, reply: Reply) -> str:
    house.upstream.routes[CHAT] = reply
    return f"http://{house.authority}{CHAT}"


def _json(value: Any) -> Reply:
    return Reply(headers=(("content-type", "application/json"),), body=[json.dumps(value).encode()])


def _events(parts: Iterable[bytes], coding: str = "") -> Reply:
    return Reply(headers=(("content-type", "text/event-stream"),), body=list(parts), framing="chunked", coding=coding)


def _text_of(raw: bytes) -> str:
    said = []
    for line in raw.decode().splitlines():
        if line.startswith("data: {"):
            said += [c["delta"].get("content") or "" for c in json.loads(line[6:]).get("choices", ())]
    return "".join(said)


async def _rules(house: House) -> set[str]:
    exchange = await house.verdict()
    assert exchange.verdict is not None
    return {finding.rule for finding in exchange.verdict.findings}


async def test_a_clean_conversation_passes_byte_for_byte(opened: Open) -> None:
    async with opened("enforce") as (house, client):
        answer = await client.post(_say(house, _json(_answer("fine"))), json=_asked("hello"))
        assert answer.json() == _answer("fine")
        assert not await _rules(house)


@pytest.mark.parametrize("word", ["ATTACK", "RAISE", "HANG"])
async def test_what_is_refused_never_reaches_the_upstream(opened: Open, word: str) -> None:
    async with opened("enforce", genai_security={"budget_ms": 500}) as (house, client):
        answer = await client.post(_say(house, _json(_answer("fine"))), json=_asked(f"please {word} now"))
        reasons = {"ATTACK": (403, "prompt_injection"), "RAISE": (500, "check_error"), "HANG": (503, "check_timeout")}
        assert (answer.status_code, answer.json()["error"]["code"]) == reasons[word]
        assert not house.upstream.journal.requests(CHAT)


@pytest.mark.parametrize("word", ["ATTACK", "RAISE", "HANG", "SECRET123"])
async def test_shadow_only_tells(opened: Open, word: str) -> None:
    async with opened("shadow", genai_security={"budget_ms": 500}) as (house, client):
        url = _say(house, _json(_answer(word)))
        answer = await client.post(url, json=_asked(word))
        assert answer.json() == _answer(word)
        assert json.loads(house.upstream.journal.requests(CHAT)[0].body) == _asked(word)
        exchange = await house.verdict()
        assert exchange.verdict is not None
        assert exchange.verdict.action.word == "allow"
        assert exchange.verdict.would_action.word != "allow"


async def test_a_request_is_redacted_in_place(opened: Open) -> None:
    async with opened("enforce") as (house, client):
        await client.post(_say(house, _json(_answer("ok"))), json=_asked("key SECRET123, é and SECRET456."))
        (arrived,) = house.upstream.journal.requests(CHAT)
        assert json.loads(arrived.body) == _asked("key [gone], é and [gone].")
        assert (await house.verdict()).verdict.decision == "redact"  # type: ignore[union-attr]


async def test_an_answer_is_redacted_or_refused_whole(opened: Open) -> None:
    async with opened("enforce") as (house, client):
        answer = await client.post(_say(house, _json(_answer("it is SECRET999"))), json=_asked("?"))
        assert answer.json() == _answer("it is [gone]")
        answer = await client.post(_say(house, _json(_answer("ATTACK"))), json=_asked("?"))
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "prompt_injection"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
async def test_a_stream_is_redacted_wherever_it_is_split(opened: Open, size: int) -> None:
    text = "one SECRET123 two SECRETS SECRET45 three SECRET456"
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    async with opened("enforce") as (house, client):
        answer = await client.post(_say(house, _events(_stream(parts))), json=_asked("?", stream=True))
        assert _text_of(answer.content) == "one [gone] two SECRETS SECRET45 three [gone]"
        assert answer.content.endswith(b"data: [DONE]\n\n")
        assert await _rules(house) == {"leak.secret"}


@pytest.mark.parametrize("width", [1, 3, 64, 4096])
async def test_a_stream_that_is_refused_ends_before_its_end(opened: Open, width: int) -> None:
    raw = b"".join(_stream(["all ", "is ", "well AT", "TACK", " yes"]))
    pieces = [raw[at : at + width] for at in range(0, len(raw), width)]
    async with opened("enforce") as (house, client):
        answer = await client.post(_say(house, _events(pieces)), json=_asked("?", stream=True))
        assert b"[DONE]" not in answer.content
        assert b"prompt_injection" in answer.content
        assert '"finish_reason": "stop"' not in answer.text


async def test_a_stream_in_shadow_is_not_touched(opened: Open) -> None:
    parts = _stream(["SECRET", "123 ", "ATT", "ACK"])
    async with opened("shadow") as (house, client):
        answer = await client.post(_say(house, _events(parts)), json=_asked("?", stream=True))
        assert answer.content == b"".join(parts)
        assert await _rules(house) == {"leak.secret", "injection.direct"}


async def test_a_compressed_stream_that_cannot_be_edited_is_refused(opened: Open) -> None:
    parts = _stream(["a SECRET123 b"])
    async with opened("enforce") as (house, client):
        with pytest.raises(httpx.HTTPError):
            await client.post(_say(house, _events(parts, "gzip")), json=_asked("?", stream=True))
        assert "leak.secret" in await _rules(house)


def _call(name: str) -> list[bytes]:
    first = {"index": 0, "id": "t", "type": "function", "function": {"name": name, "arguments": ""}}
    more = [{"index": 0, "function": {"arguments": part}} for part in ('{"a"', ": 1}")]
    calls = [_event({"tool_calls": [one]}) for one in (first, *more)]
    return [_event({"role": "assistant", "content": None}), *calls, _event({}, "tool_calls"), b"data: [DONE]\n\n"]


@pytest.mark.parametrize(("name", "passes"), [("good_tool", True), ("bad_tool", False)])
async def test_a_call_is_held_until_it_was_judged(opened: Open, name: str, passes: bool) -> None:
    async with opened("enforce") as (house, client):
        answer = await client.post(_say(house, _events(_call(name))), json=_asked("?", stream=True))
        assert (name in answer.text) is passes
        assert (b"[DONE]" in answer.content) is passes
        assert ("tools.denied" in await _rules(house)) is not passes


MCP_HEADERS = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
LISTED = {"jsonrpc": "2.0", "id": 4, "result": {"tools": [{"name": "bad_a"}, {"name": "b"}, {"name": "bad_c"}]}}


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_tool_list_is_filtered(opened: Open, streamed: bool) -> None:
    async with opened("enforce") as (house, client):
        text = json.dumps(LISTED).encode()
        house.upstream.routes["/mcp"] = (
            _events([b"event: message\ndata: " + text + b"\n\n"]) if streamed else _json(LISTED)
        )
        call = {"jsonrpc": "2.0", "id": 4, "method": "tools/list"}
        answer = await client.post(f"http://{house.authority}/mcp", json=call, headers=MCP_HEADERS)
        said = json.loads(answer.text.partition("data: ")[2]) if streamed else answer.json()
        assert [tool["name"] for tool in said["result"]["tools"]] == ["b"]
        assert await _rules(house) == {"tools.hidden"}


async def test_a_refused_message_of_a_tool_server_becomes_an_error_and_the_stream_goes_on(opened: Open) -> None:
    messages = [
        {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1, "progressToken": 1}},
        {"jsonrpc": "2.0", "id": 7, "result": {"content": [{"type": "text", "text": "an ATTACK"}]}},
        {"jsonrpc": "2.0", "id": 8, "result": {"content": [{"type": "text", "text": "it is SECRET123"}]}},
        {"jsonrpc": "2.0", "id": 9, "result": {"content": [{"type": "text", "text": "ATTACK again"}]}},
    ]
    events = [b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n" for message in messages]
    async with opened("enforce") as (house, client):
        house.upstream.routes["/mcp"] = _events([b": ping\n\n", *events])
        call = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "t", "arguments": {}}}
        answer = await client.post(f"http://{house.authority}/mcp", json=call, headers=MCP_HEADERS)
        said = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
        assert said[0] == messages[0]
        assert [one.get("id") for one in said[1:]] == [7, 8, 9]
        assert [one["error"]["data"]["code"] for one in said if "error" in one] == ["prompt_injection"] * 2
        assert said[2]["result"]["content"][0]["text"] == "it is [gone]"
        exchange = await house.verdict()
        assert exchange.verdict is not None
        assert exchange.verdict.decision == "block"
        assert await _rules(house) == {"injection.direct", "leak.secret"}


async def test_a_body_too_large_to_look_at_is_said_so(opened: Open) -> None:
    async with opened("enforce", genai_security={"max_inspect_bytes": 2048}) as (house, client):
        url = _say(house, _json(_answer("ok")))
        answer = await client.post(url, json=_asked("x" * 5000))
        assert answer.status_code == 200
        exchange = await house.verdict()
        assert str(exchange.request_coverage) != "full"
        assert "genai.unreadable" in await _rules(house)


async def test_a_shape_that_is_not_known_is_said_so(opened: Open) -> None:
    async with opened("enforce") as (house, client):
        answer = await client.post(_say(house, _json(_answer("ok"))), json={"messages": "what"})
        assert answer.status_code == 200
        exchange = await house.verdict()
        assert str(exchange.request_coverage).startswith("skipped:genai:")
        assert "genai.unreadable" in await _rules(house)
