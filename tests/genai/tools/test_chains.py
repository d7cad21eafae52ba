"""Chain rules: labels of calls, order, memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clyra_proxy.genai.inspection import Caller
from clyra_proxy.genai.model import ToolCall
from clyra_proxy.genai.tools.labels import Labels
from tests.genai.tools.support import NOW, answered, asked, call, inspector, rules

LABELS = [
    ("get_secret", {}, {"reads:secret"}),
    ("vault__readSecretValue", {}, {"reads:secret"}),
    ("create_secret", {}, set()),
    ("get_api_key", {}, {"reads:secret"}),
    ("count_tokens", {}, set()),
    ("read_file", {"path": "/home/me/.ssh/id_rsa"}, {"reads:secret", "reads:private"}),
    ("read_file", {"path": "src/app.py"}, {"reads:private"}),
    ("read_file", {"path": "project/.env"}, {"reads:secret", "reads:private"}),
    ("read_file", {"path": "docs/environment.md"}, {"reads:private"}),
    ("bash", {"command": "cat ~/.aws/credentials"}, {"reads:secret", "runs:code"}),
    ("write_file", {"path": ".gitignore", "content": ".env\n"}, set()),
    ("fetch", {"url": "https://x.test"}, {"reads:untrusted"}),
    ("browser_navigate", {}, {"reads:untrusted"}),
    ("list_issues", {}, {"reads:untrusted"}),
    ("gmail_search_messages", {}, {"reads:untrusted", "reads:private"}),
    ("send_email", {}, {"sends:external"}),
    ("sendEmail", {}, {"sends:external"}),
    ("create_pull_request", {}, {"sends:external"}),
    ("http_post", {}, {"sends:external"}),
    ("slack_post_message", {}, {"sends:external"}),
    ("get_weather", {"city": "Rome"}, set()),
    ("calculator", {}, set()),
    ("query_database", {}, {"reads:private"}),
]


@pytest.mark.parametrize(("name", "arguments", "labels"), LABELS)
def test_shipped_labels(name: str, arguments: dict[str, str], labels: set[str]) -> None:
    assert Labels(()).of(ToolCall(name, arguments)) == labels


SECRET, SEND = call("get_secret", kind="function"), call("send_email", kind="function")
FETCH, QUERY = call("fetch", kind="function"), call("query_database", kind="function")


@pytest.mark.parametrize(
    ("calls", "found"),
    [
        ((SECRET, SEND), ["secret-then-send"]),
        ((SEND, SECRET), []),
        ((SEND,), []),
        ((SECRET,), []),
        ((FETCH, QUERY, SEND), ["lethal-trifecta"]),
        ((QUERY, FETCH, SEND), ["lethal-trifecta"]),
        ((FETCH, SEND, QUERY), []),
        ((FETCH, QUERY, SECRET, SEND), ["secret-then-send", "lethal-trifecta"]),
    ],
)
@pytest.mark.parametrize("way", ["one answer", "history", "calls of one session", "calls of one run"])
def test_chains_are_seen_however_the_calls_come(calls: tuple[ToolCall, ...], found: list[str], way: str) -> None:
    judge = inspector("undeclared: allow")
    if way == "one answer":
        signals = list(judge.inspect(answered(*calls)))
    elif way == "history":
        signals = list(judge.inspect(answered(calls[-1], history=calls[:-1])))
    else:
        signals = []
        for at, made in enumerate(calls):
            one_run = Caller("bot", session=f"s{at}", run="r")
            who = Caller("bot", session="s") if way == "calls of one session" else one_run
            mcp = replace(made, kind="mcp_tool")
            signals += judge.inspect(asked(mcp, caller=who, server=f"server{at}:1", now=NOW + at))
    assert [signal.detail["kind"] for signal in signals if signal.rule == "tools.chain"] == found


def test_others_and_later_runs_are_not_blamed() -> None:
    judge = inspector()
    first, send = asked(replace(SECRET, kind="mcp_tool")), replace(SEND, kind="mcp_tool")
    list(judge.inspect(first))
    assert rules(judge.inspect(asked(send, caller=Caller("bot", session="other")))) == []
    assert rules(judge.inspect(asked(send, caller=Caller("else", session="s1")))) == []
    assert rules(judge.inspect(asked(send, now=NOW + 3601))) == []
    assert rules(judge.inspect(asked(send))) == [("tools.chain", "secret-then-send")]


def test_own_labels_and_chains() -> None:
    text = """
    shipped_chains: false
    labels:
      - {tools: [lookup], when: [{path: /table, equals: payroll}], labels: ['reads:payroll']}
      - {tools: ['*note*'], labels: [writes]}
    chains: [{name: payroll-leak, after: ['reads:payroll'], then: [writes], asks: approve}]
    """
    judge = inspector(text)
    assert rules(judge.inspect(answered(call("lookup", table="staff"), call("add_note")))) == []
    [found] = judge.inspect(answered(call("lookup", table="payroll"), call("add_note"), text="else"))
    assert (found.detail["kind"], found.action and found.action.word) == ("payroll-leak", "approve")
    assert rules(judge.inspect(answered(SECRET, SEND, text="third"))) == []
