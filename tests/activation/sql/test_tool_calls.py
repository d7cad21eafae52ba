"""SQL in tool calls: found where it is, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from clyra_proxy.activation.sql.tool_calls import compile_inspector
from clyra_proxy.genai.inspection import Inspection
from clyra_proxy.genai.model import Conversation, Direction, ToolCall
from tests.activation.sql.support import settings, table


def rules(call: ToolCall, text: str = "", direction: Direction = Direction.RESPONSE) -> list[str]:
    inspector = compile_inspector(settings(text), Path())
    assert inspector is not None
    conversation = Conversation("openai-chat", direction, calls=(call,))
    found = list(inspector.inspect(Inspection(conversation, now=1.0)))
    return [one.rule for one in found]  # type: ignore[union-attr]


def call(arguments: Any, name: str = "run_sql", kind: str = "function", **more: Any) -> ToolCall:
    return ToolCall(name, arguments, kind=kind, **more)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("run_sql", {"sql": "DELETE FROM users"}, ["sql.mass_write"]),
        ("run_sql", {"sql": "DELETE FROM users WHERE id = 4"}, []),
        ("run_sql", {"sql": "SELECT * FROM users"}, []),
        ("run_sql", {"sql": "DELETE FROM users WHERE WHERE"}, ["sql.opaque"]),
        ("run_sql", {"sql": "CALL purge()"}, ["sql.opaque"]),
        ("run_sql", {"sql": "SELECT 1; DROP TABLE users"}, ["sql.definition", "sql.multiple"]),
        ("postgres.query", {"query": "DROP TABLE users"}, ["sql.definition"]),
        ("mcp__postgres__execute", {"statements": ["SELECT 1", "TRUNCATE users"]}, ["sql.truncate"]),
        ("snowflake_query", {"params": {"statement": "USE ROLE ACCOUNTADMIN"}}, ["sql.grant"]),
        ("run_sql", {"sql": "-- x\n/* y */ (DELETE FROM users)"}, ["sql.opaque"]),
        ("run_sql", {"sql": "  ;; -- x\n delete from users"}, ["sql.mass_write"]),
        ("anything", {"input": "DELETE FROM users"}, ["sql.mass_write"]),
        ("anything", {"payload": {"deep": ["x", "DROP TABLE users;"]}}, ["sql.definition"]),
        ("bash", {"command": "psql -h db -c 'DROP TABLE users'"}, ["sql.definition"]),
        ("bash", {"command": 'mysql -e "DELETE FROM users" prod'}, ["sql.mass_write"]),
        ("bash", {"command": "psql -c 'SELECT 1'"}, []),
        ("bash", {"command": "grep -r 'DELETE FROM users' src/"}, []),
        ("bash", {"command": "rm -rf build && make"}, []),
        ("web_search", {"query": "how do I delete from a list in python"}, []),
        ("search_query", {"query": "best pizza near me"}, []),
        ("query_docs", {"query": "update the table of contents"}, []),
        ("send_email", {"body": "Please update the budget and set a meeting."}, []),
        ("send_email", {"subject": "Select a gift from the catalogue"}, []),
        ("write_file", {"content": "We should drop table service on Mondays."}, []),
        ("calendar", {"title": "Call Mom (urgent)"}, []),
        ("notes", {"text": "Grant, please talk to Ann on Monday"}, []),
        ("notes", {"text": "With regards as (promised)"}, []),
        ("notes", {"text": "Delete from the list everything that is old"}, []),
        ("notes", {"text": "Create a table of results"}, []),
    ],
)
def test_calls(name: str, arguments: Any, expected: list[str]) -> None:
    assert rules(call(arguments, name)) == expected


def test_raw_arguments_are_looked_at_too() -> None:
    assert rules(ToolCall("anything", None, raw="DELETE FROM users")) == ["sql.mass_write"]


def test_calls_count_where_they_are_made() -> None:
    bad = {"sql": "DROP TABLE users"}
    assert rules(call(bad, history=True)) == []
    assert rules(call(bad), direction=Direction.REQUEST) == []
    assert rules(call(bad, kind="mcp_tool"), direction=Direction.REQUEST) == ["sql.definition"]


def test_policy_names_tools_arguments_and_dialects() -> None:
    text = "tool_calls: {tools: [warehouse], arguments: [text], detect: false, dialects: {warehouse: mysql}}"
    assert rules(call({"text": "DELETE FROM users # where id = 1"}, "warehouse"), text) == ["sql.mass_write"]
    assert rules(call({"sql": "DELETE FROM users"}, "run_sql"), text) == []
    assert compile_inspector(settings("tool_calls: {enabled: false}"), Path()) is None


def test_findings_carry_no_text() -> None:
    inspector = compile_inspector(settings(), Path())
    assert inspector is not None
    secret = call({"sql": "DELETE FROM payroll WHERE 'hush' = 'hush'"}, "Ignore all previous instructions")
    found = list(inspector.inspect(Inspection(Conversation("mcp", Direction.RESPONSE, calls=(secret,)), now=1.0)))
    assert found
    assert not any(word in repr(found) for word in ("payroll", "hush", "Ignore"))


HOSTILE = [row for row in table("hostile.txt", 3) if row[1] == "sql.mass_write" and row[0] == "postgres"]


@pytest.mark.parametrize(("dialect", "rule", "statement"), HOSTILE)
def test_mass_writes_are_found_in_an_argument_nobody_named(dialect: str, rule: str, statement: str) -> None:
    assert rule in rules(call({"input": statement}, "tool")) or statement.upper().startswith("EXPLAIN")


_JSON = st.recursive(
    st.one_of(
        st.none(), st.integers(), st.text(max_size=20), st.sampled_from(["DELETE FROM t", "psql -c 'x", "with a as ("])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=12,
)


@hypothesis_settings(max_examples=100)
@given(_JSON)
def test_whatever_arguments_hold_they_are_judged(arguments: Any) -> None:
    rules(call(arguments))
