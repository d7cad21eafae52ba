"""The inspectors on real bodies of providers and MCP servers, read by the readings that ship."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from clyra_proxy.genai.budgets.inspector import compile_inspector as compile_budgets
from clyra_proxy.genai.inspection import Caller, Inspection, Removal, TextEdit, Workshop
from clyra_proxy.genai.output.inspector import compile_inspector as compile_output
from clyra_proxy.genai.protocols.recognise import reading_of
from clyra_proxy.policy.genai.budgets import Budgets
from clyra_proxy.policy.genai.output import Output
from clyra_proxy.state.memory import MemoryState
from tests.genai.tools.support import NOW, SECRET, inspector, rules

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
ANSWER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def _openai(name: str, arguments: dict[str, Any], text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    function = {"name": "read_file", "description": "Reads.", "parameters": SCHEMA}
    request = {
        "model": "gpt-4o",
        "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "go"}],
        "tools": [{"type": "function", "function": function}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": ANSWER}},
    }
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": orjson.dumps(arguments).decode()}}
    message = {"role": "assistant", "content": text or None, "tool_calls": [call] if name else []}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if name else "stop"}
    return request, {"id": "x", "model": "gpt-4o", "choices": [choice], "usage": {"prompt_tokens": 9}}


def _responses(name: str, arguments: dict[str, Any], text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    request = {
        "model": "gpt-4o",
        "instructions": "be kind",
        "input": "go",
        "tools": [{"type": "function", "name": "read_file", "parameters": SCHEMA}],
        "text": {"format": {"type": "json_schema", "name": "a", "schema": ANSWER}},
    }
    item: dict[str, Any] = {"type": "function_call", "call_id": "c", "name": name}
    item["arguments"] = orjson.dumps(arguments).decode()
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    return request, {"id": "r", "object": "response", "status": "completed", "output": [item] if name else [said]}


def _anthropic(name: str, arguments: dict[str, Any], text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    request = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 99,
        "system": "be kind",
        "messages": [{"role": "user", "content": "go"}],
        "tools": [{"name": "read_file", "description": "Reads.", "input_schema": SCHEMA}],
        "output_format": {"type": "json_schema", "schema": ANSWER},
    }
    block = (
        {"type": "tool_use", "id": "t", "name": name, "input": arguments} if name else {"type": "text", "text": text}
    )
    body = {"type": "message", "role": "assistant", "model": "m", "content": [block], "stop_reason": "end_turn"}
    return request, body


def _gemini(name: str, arguments: dict[str, Any], text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    declared = {"type": "OBJECT", "properties": {"path": {"type": "STRING"}}, "required": ["path"]}
    answer = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
    request = {
        "contents": [{"role": "user", "parts": [{"text": "go"}]}],
        "systemInstruction": {"parts": [{"text": "be kind"}]},
        "tools": [{"functionDeclarations": [{"name": "read_file", "description": "Reads.", "parameters": declared}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseSchema": answer},
    }
    part = {"functionCall": {"name": name, "args": arguments}} if name else {"text": text}
    return request, {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}]}


PROVIDERS = {
    "openai-chat": _openai,
    "openai-responses": _responses,
    "anthropic-messages": _anthropic,
    "gemini": _gemini,
}


def exchange(reading: str, name: str = "", arguments: dict[str, Any] | None = None, text: str = "") -> list[Inspection]:
    """The inspections of a request and of its answer."""
    asked, answered = PROVIDERS[reading](name, arguments or {}, text)
    spoken = reading_of(reading)
    assert spoken is not None
    request = spoken.request(orjson.dumps(asked))
    response = spoken.response(200, "application/json", orjson.dumps(answered), request)
    first = Inspection(request, Caller("bot", session="s", auth="proxy"), "api.test:443", "llm", "x", now=NOW)
    return [first, replace(first, conversation=response, request=request)]


@pytest.mark.parametrize("reading", PROVIDERS)
@pytest.mark.parametrize(
    ("name", "arguments", "found"),
    [
        ("read_file", {"path": "/srv/a"}, []),
        ("read_file", {"path": 5}, [("tools.arguments", "condition"), ("tools.arguments", "schema")]),
        ("read_file", {}, [("tools.arguments", "schema")]),
        ("read_file", {"path": "/srv/../etc/passwd"}, [("tools.arguments", "condition")]),
        ("delete_file", {}, [("tools.denied", "function"), ("tools.denied", "undeclared")]),
        ("wipe", {}, [("tools.denied", "undeclared")]),
    ],
)
def test_calls_of_models(reading: str, name: str, arguments: dict[str, Any], found: list[tuple[str, str]]) -> None:
    judge = inspector(
        "rules: [{name: r, tools: [read_file], arguments: [{path: /path, below: [/srv]}]},"
        " {name: no, tools: ['delete*'], action: deny}]"
    )
    request, answer = exchange(reading, name, arguments)
    assert rules(judge.inspect(request)) == []
    expected = [one for one in found if one != ("tools.denied", "undeclared") or name == "wipe"]
    assert rules(judge.inspect(answer)) == expected


@pytest.mark.parametrize("reading", PROVIDERS)
@pytest.mark.parametrize(("text", "broken"), [('{"city": "Rome"}', False), ('{"city": 5}', True), ("Rome!", True)])
def test_structured_answers_of_models(reading: str, text: str, broken: bool) -> None:
    judge = compile_output(Output(), Path(), Workshop(MemoryState(), SECRET))
    assert judge is not None
    request, answer = exchange(reading, text=text)
    assert request.conversation.structured is not None
    assert (rules(judge.inspect(answer)) == [("output.schema", "schema")]) is broken


@pytest.mark.parametrize("reading", PROVIDERS)
def test_prompts_and_tools_of_models_are_tracked(reading: str) -> None:
    judge = compile_budgets(Budgets(), Path(), Workshop(MemoryState(), SECRET))
    request, answer = exchange(reading, "read_file", {"path": "x"})
    assert rules(judge.inspect(request)) == []
    segments = tuple(replace(part, text=part.text.replace("kind", "mean")) for part in request.conversation.segments)
    tools = tuple(replace(tool, declared={"name": "other"}) for tool in request.conversation.tools)
    other = replace(request, conversation=replace(request.conversation, segments=segments, tools=tools))
    assert rules(judge.inspect(other)) == [("drift.prompt", "changed"), ("drift.tools", "changed")]
    repeated = [one for _ in range(27) for one in rules(judge.inspect(answer))]
    assert repeated == [("loop.repeat", "repeated_calls")] * 2


def mcp(body: dict[str, Any] | list[Any], *, answers: Inspection | None = None) -> Inspection:
    reading = reading_of("mcp")
    assert reading is not None
    request = answers.conversation if answers is not None else None
    data = orjson.dumps(body)
    if answers is None:
        conversation = reading.request(data)
    else:
        conversation = reading.response(200, "application/json", data, request)
    return Inspection(conversation, Caller("bot", session="s"), "mcp.test:443", "mcp", "x", request, NOW)


def rpc(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def result(**held: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": held}


def test_an_mcp_session() -> None:
    judge = inspector("rules: [{name: no, tools: ['delete*', 'file:///etc/*'], action: deny}]")
    tools = [{"name": "read_file", "description": "Reads.", "inputSchema": SCHEMA}, {"name": "delete_file"}]
    asked = mcp(rpc("tools/list"))
    assert rules(judge.inspect(asked)) == []
    [hidden] = judge.inspect(mcp(result(tools=tools), answers=asked))
    assert (hidden.rule, hidden.edits) == ("tools.hidden", (Removal("/result/tools/1"),))
    resources = [{"uri": "file:///etc/x", "name": "x"}, {"uri": "file:///srv/x", "name": "y"}]
    [hidden] = judge.inspect(mcp(result(resources=resources), answers=mcp(rpc("resources/list"))))
    assert hidden.edits == (Removal("/result/resources/0"),)
    changed = [{**tools[0], "description": "Reads and more."}]
    [found] = judge.inspect(mcp(result(tools=changed), answers=asked))
    assert (found.rule, found.path) == ("tools.changed", "/result/tools/0")
    calls = {
        "read_file": [("tools.changed", "called")],
        "delete_file": [("tools.denied", "mcp_tool")],
        "other": [("tools.denied", "undeclared")],
    }
    for name, expected in calls.items():
        assert rules(judge.inspect(mcp(rpc("tools/call", name=name, arguments={"path": "x"})))) == expected
    assert rules(judge.inspect(mcp(rpc("resources/read", uri="file:///etc/../etc/x")))) == [
        ("tools.denied", "mcp_resource")
    ]
    batch = [rpc("tools/call", name="delete_file", arguments={}), rpc("ping")]
    assert rules(judge.inspect(mcp(batch))) == [("tools.denied", "mcp_tool")]


def test_instructions_of_a_server_are_pinned() -> None:
    judge = inspector("suspect: remove")
    asked = mcp(rpc("initialize", protocolVersion="2025-06-18"))
    told = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}
    assert rules(judge.inspect(mcp(result(**told, instructions="Be brief."), answers=asked))) == []
    assert rules(judge.inspect(mcp(result(**told), answers=asked))) == []
    [found] = judge.inspect(mcp(result(**told, instructions="Be very brief."), answers=asked))
    assert (found.rule, found.edits) == ("tools.changed", (TextEdit("/result/instructions", 0, 14, ""),))
    hidden = mcp(result(**told, instructions="Be brief.\U000e0061\U000e0062"), answers=asked)
    assert ("tools.poisoned", "hidden_text") in rules(judge.inspect(hidden))


def test_servers_of_mcp_ask() -> None:
    judge = inspector("sampling: deny")
    form = {"type": "object", "properties": {"password": {"type": "string"}}}
    wants = rpc("elicitation/create", message="Log in", requestedSchema=form)
    sample = rpc("sampling/createMessage", messages=[], maxTokens=5)
    asked = mcp(rpc("tools/call", name="x", arguments={}))
    assert rules(judge.inspect(mcp(wants, answers=asked))) == [("tools.server_request", "asks_for_secrets")]
    assert rules(judge.inspect(mcp(sample, answers=asked))) == [("tools.server_request", "sampling")]
