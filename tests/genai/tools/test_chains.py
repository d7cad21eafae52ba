"""Chain rules: labels of calls, order, memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clyra_proxy.genai.inspection import Caller
from clyra_proxy.genai.model import ToolCall
from clyra_proxy.genai.tools.labels import Labels
from clyra_proxy.verdict.model import Action
from tests.genai.tools.support import NOW, answered, asked, call, inspector, rules

LABELS = [
    ("get_secret", {}, {"reads:secret"}),
    ("vault__readSecretValue", {}, {"reads:secret"}),
    ("create_secret", {}, set()),
    ("get_api_key", {}, {"reads:secret"}),
    ("count_tokens", {}, set()),
    ("get_wallet_balance", {}, set()),
    ("obsidian_list_files_in_vault", {}, {"reads:private"}),
    ("vault_read", {}, {"reads:secret"}),
    ("list_environments", {}, set()),
    ("check_password_strength", {}, set()),
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
@pytest.mark.parametrize("way", ["one answer", "history", "one session", "one run", "one agent", "nobody's session"])
def test_chains_are_seen_however_the_calls_come(calls: tuple[ToolCall, ...], found: list[str], way: str) -> None:
    judge = inspector("undeclared: allow")
    if way == "one answer":
        signals = list(judge.inspect(answered(*calls)))
    elif way == "history":
        signals = list(judge.inspect(answered(calls[-1], history=calls[:-1])))
    else:
        signals = []
        for at, made in enumerate(calls):
            who = {
                "one session": Caller("bot", session="s"),
                "one run": Caller("bot", session=f"s{at}", run="r"),
                "one agent": Caller("bot", session=f"s{at}"),
                "nobody's session": Caller(session="s"),
            }[way]
            mcp = replace(made, kind="mcp_tool")
            signals += judge.inspect(asked(mcp, caller=who, server=f"server{at}:1", now=NOW + at))
    assert [signal.detail["kind"] for signal in signals if signal.rule == "tools.chain"] == found


def test_others_and_later_runs_are_not_blamed() -> None:
    judge = inspector()
    first, send = asked(replace(SECRET, kind="mcp_tool")), replace(SEND, kind="mcp_tool")
    list(judge.inspect(first))
    assert rules(judge.inspect(asked(send, caller=Caller("bot", run="other")))) == []
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


def test_chains_can_be_of_a_session_alone() -> None:
    chain = "{name: c, after: ['reads:secret'], then: ['sends:external'], per: session}"
    judge = inspector(f"{{shipped_chains: false, chains: [{chain}]}}")
    list(judge.inspect(asked(replace(SECRET, kind="mcp_tool"))))
    send = replace(SEND, kind="mcp_tool")
    assert rules(judge.inspect(asked(send, caller=Caller("bot", session="other")))) == []
    assert rules(judge.inspect(asked(send))) == [("tools.chain", "c")]


@pytest.mark.parametrize(
    ("first", "second", "action"),
    [
        (Caller("bot", session="s"), Caller("bot", session="s"), Action.BLOCK),
        (Caller("bot", session="s", auth="proxy"), Caller("bot", session="t", auth="proxy"), Action.BLOCK),
        (Caller("bot", session="s", run="r"), Caller("bot", session="t", run="r"), Action.BLOCK),
        (Caller("python3", session="s", auth="process"), Caller("python3", session="t", auth="process"), Action.MARK),
    ],
)
def test_what_only_a_shared_name_links_is_marked(first: Caller, second: Caller, action: Action) -> None:
    judge = inspector()
    list(judge.inspect(asked(replace(SECRET, kind="mcp_tool"), caller=first)))
    [found] = judge.inspect(asked(replace(SEND, kind="mcp_tool"), caller=second))
    assert found.action is action
