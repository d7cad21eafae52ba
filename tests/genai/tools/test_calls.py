"""Calls against what was declared, and what servers ask of clients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clyra_proxy.genai.inspection import Caller
from clyra_proxy.genai.model import ToolCall
from clyra_proxy.state.memory import MemoryState
from tests.genai.tools.support import NOW, answered, asked, call, inspector, listed, rules, tool

WEATHER = tool("weather", type="object", properties={"city": {"type": "string"}}, required=["city"])
FUNCTION = tool("weather", kind="function", **{"type": "object", "properties": {"city": {"type": "string"}}})


def function(name: str, **arguments: Any) -> ToolCall:
    return call(name, kind="function", **arguments)


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (function("weather", city="Rome"), []),
        (function("weather", city=5), [("tools.arguments", "schema")]),
        (function("wether", city="Rome"), [("tools.denied", "undeclared")]),
        (ToolCall("weather", None, raw='{"city": '), [("tools.arguments", "schema")]),
        (ToolCall("weather", None, raw=""), []),
        (ToolCall("web_search", {"q": 1}, kind="web_search"), []),
    ],
)
def test_models_are_held_to_what_their_request_declared(made: ToolCall, found: list[tuple[str, str]]) -> None:
    assert rules(inspector().inspect(answered(made, tools=(FUNCTION,)))) == found


def test_nothing_declared_means_nothing_known() -> None:
    assert rules(inspector().inspect(answered(function("any", a=1)))) == []


def test_servers_tools_are_remembered_for_the_session() -> None:
    judge = inspector()
    assert rules(judge.inspect(asked(call("weather", city=5)))) == []
    assert rules(judge.inspect(listed(WEATHER))) == []
    assert rules(judge.inspect(asked(call("weather", city="Rome")))) == []
    assert rules(judge.inspect(asked(call("weather", city=5)))) == [("tools.arguments", "schema")]
    assert rules(judge.inspect(asked(call("weather")))) == [("tools.arguments", "schema")]
    assert rules(judge.inspect(asked(call("other")))) == [("tools.denied", "undeclared")]
    assert rules(judge.inspect(asked(call("other"), caller=Caller("bot", session="s2")))) == []
    assert rules(judge.inspect(asked(call("other"), server="else:1"))) == []
    assert rules(judge.inspect(asked(call("weather", city=5), now=NOW + 90_000))) == []


def test_history_is_not_judged_again() -> None:
    denied = "rules: [{name: r, action: deny, tools: [weather]}]"
    earlier = call("weather", kind="function", history=True, city=5)
    assert rules(inspector(denied).inspect(answered(earlier, tools=(FUNCTION,)))) == []


def test_undeclared_tools_can_be_denied_or_allowed() -> None:
    made = answered(function("other"), tools=(FUNCTION,))
    assert list(inspector("undeclared: allow").inspect(made)) == []
    [marked] = inspector().inspect(made)
    [denied] = inspector("undeclared: deny").inspect(made)
    assert (marked.action is not None, denied.action) == (True, None)


def test_a_call_can_be_judged_before_the_answer_is_complete() -> None:
    judge = inspector("rules: [{name: r, action: deny, tools: [rm]}]")
    whole = answered(tools=(FUNCTION,))
    assert rules(judge.judge_call(function("rm"), whole)) == [("tools.denied", "function")]
    assert rules(judge.judge_call(function("weather", city=5), whole)) == [("tools.arguments", "schema")]
    assert rules(judge.judge_call(function("weather", city="Rome"), whole)) == []


class Refusing(MemoryState):
    """Fails on every use."""

    def get(self, key: str, now: float) -> str | None:
        raise AssertionError("state was asked")


def test_judging_a_call_early_asks_no_state() -> None:
    judge = inspector("", Refusing())
    list(judge.judge_call(call("weather", city="Rome"), asked(call("weather"))))


FORM = {"message": "please", "requestedSchema": {"type": "object", "properties": {}}}


def form(**fields: Any) -> ToolCall:
    arguments = {"message": "please", "requestedSchema": {"type": "object", "properties": fields}}
    return ToolCall("elicitation/create", arguments, kind="mcp_elicitation")


@pytest.mark.parametrize(
    ("fields", "asks"),
    [
        ({"password": {"type": "string"}}, True),
        ({"apiKey": {"type": "string"}}, True),
        ({"x": {"type": "string", "title": "Your API key"}}, True),
        ({"x": {"type": "string", "description": "Credit card number incl. CVV"}}, True),
        ({"github_token": {"type": "string"}}, True),
        ({"otp": {"type": "string"}}, True),
        ({"name": {"type": "string"}, "size": {"type": "integer"}}, False),
        ({"keyboard": {"type": "string"}, "shopping": {"type": "string"}}, False),
        ({"confirm": {"type": "boolean", "description": "Delete the old passage?"}}, False),
        ({}, False),
    ],
)
def test_servers_must_not_ask_for_secrets(fields: dict[str, Any], asks: bool) -> None:
    found = rules(inspector().inspect(asked(form(**fields))))
    assert found == ([("tools.server_request", "asks_for_secrets")] if asks else [])


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("sampling: deny", "mcp_sampling", [("tools.server_request", "sampling")]),
        ("sampling: deny", "mcp_elicitation", []),
        ("elicitation: mark", "mcp_elicitation", [("tools.server_request", "elicitation")]),
        ("", "mcp_sampling", []),
        ("default: deny", "mcp_sampling", []),
    ],
)
def test_servers_requests_are_as_policy_says(text: str, kind: str, found: list[tuple[str, str]]) -> None:
    assert rules(inspector(text).inspect(asked(ToolCall("x", {}, kind=kind)))) == found


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("file:///srv/data/a", []),
        ("https://docs.test/x", []),
        ("file:///etc/passwd", [("tools.denied", "mcp_resource")]),
        ("FILE:///etc/passwd", [("tools.denied", "mcp_resource")]),
        ("file:///srv/data/../../etc/passwd", [("tools.denied", "mcp_resource")]),
        ("file:///srv/data/%2e%2e/x/passwd", [("tools.denied", "mcp_resource")]),
        ("file:///srv/data/..%5c..%5cpasswd", [("tools.denied", "mcp_resource")]),
        ("file:///srv/data/%252e%252e/passwd", [("tools.denied", "mcp_resource")]),
        ("file:///srv/data/a/../b/./passwd", []),
    ],
)
def test_resources_are_tools_by_their_address(uri: str, found: list[tuple[str, str]]) -> None:
    text = """
    rules:
      - {name: data, kinds: [mcp_resource], tools: ['file:///srv/data/*']}
      - {name: files, kinds: [mcp_resource], tools: ['file:*'], action: deny}
    """
    signals = list(inspector(text).inspect(asked(ToolCall(uri, {"uri": uri}, kind="mcp_resource"))))
    assert rules(signals) == found
    assert all("passwd" not in str(signal.detail) for signal in signals)


def test_addresses_of_resources_are_arguments() -> None:
    text = "rules: [{name: docs, kinds: [mcp_resource], arguments: [{path: /uri, hosts: ['*.docs.test']}]}]"
    judge = inspector(text)
    assert rules(judge.inspect(asked(ToolCall("https://a.docs.test/x", {}, kind="mcp_resource")))) == []
    found = rules(judge.inspect(asked(ToolCall("https://evil.test/x", {}, kind="mcp_resource"))))
    assert found == [("tools.arguments", "condition")]


@pytest.mark.parametrize(
    ("list_path", "call_path", "found"),
    [
        ("/a/mcp", "/a/mcp", [("tools.arguments", "schema")]),
        ("/a/mcp", "/b/mcp", []),
        ("/x/sse", "/x/messages/", [("tools.arguments", "schema")]),
    ],
)
def test_servers_without_sessions_are_told_apart_by_their_path(
    list_path: str, call_path: str, found: list[tuple[str, str]]
) -> None:
    judge, who = inspector("pin: off"), Caller("bot")
    list(judge.inspect(replace(listed(WEATHER, caller=who), endpoint=list_path)))
    assert rules(judge.inspect(replace(asked(call("weather", city=5), caller=who), endpoint=call_path))) == found
