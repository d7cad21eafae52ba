"""The loop breaker: repetitions, totals, cool-off, who is counted with whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.genai.budgets.inspector import compile_inspector
from clyra_proxy.genai.inspection import Caller, Inspection, Workshop
from clyra_proxy.genai.model import Conversation, Direction, Provenance, Segment, ToolCall, Usage
from clyra_proxy.policy.genai.budgets import Budgets, Loops
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.verdict.model import Action
from tests.genai.budgets.support import NOW, SECRET, answered, asked, inspector, rules

OFF = "calls: off, tool_calls: off, repeated_calls: off, repeated_prompts: off, similar_prompts: off, cool_off_s: 0"


def loops(text: str, agents: str = "") -> str:
    """Limits with everything else off."""
    given = {part.partition(":")[0].strip() for part in text.split(",")}
    rest = ", ".join(part for part in OFF.split(", ") if part.partition(":")[0] not in given)
    return f"{{drift: {{enabled: false}}, loops: {{{text}, {rest}{', agents: ' + agents if agents else ''}}}}}"


def tool(name: str = "search", **arguments: Any) -> ToolCall:
    return ToolCall(name, arguments)


def mcp(call: ToolCall, caller: Caller | None = None, server: str = "mcp:1") -> Inspection:
    made = ToolCall(call.name, call.arguments, kind="mcp_tool")
    conversation = Conversation("mcp", Direction.REQUEST, "tools/call", calls=(made,))
    return Inspection(conversation, caller or Caller("bot", session="s"), server, "mcp", "x", now=NOW)


def test_repeated_calls_of_a_model() -> None:
    judge = inspector(loops("repeated_calls: 3"))
    request = asked()
    found = [rules(judge.inspect(answered(request, tool(q="a", n=1)))) for _ in range(5)]
    assert found == [[], [], [], [("loop.repeat", "repeated_calls")], [("loop.repeat", "repeated_calls")]]
    assert rules(judge.inspect(answered(request, tool(q="b", n=1)))) == []
    assert rules(judge.inspect(answered(request, tool("other", q="a", n=1)))) == []


def test_order_of_members_is_no_difference() -> None:
    judge = inspector(loops("repeated_calls: 1"))
    list(judge.inspect(mcp(ToolCall("t", {"a": 1, "b": [1, 2]}))))
    assert rules(judge.inspect(mcp(ToolCall("t", {"b": [1, 2], "a": 1})))) == [("loop.repeat", "repeated_calls")]
    assert rules(judge.inspect(mcp(ToolCall("t", {"b": [2, 1], "a": 1})))) == []


def test_history_is_counted_once() -> None:
    judge = inspector(loops("repeated_calls: 1, tool_calls: 2"))
    earlier = ToolCall("t", {"a": 1}, history=True)
    first = asked()
    assert rules(judge.inspect(answered(first, tool("t", a=1)))) == []
    for number in range(10):
        said = Segment("same", Provenance.USER, history=True)
        again = asked(f"question {number}", history=(said,), calls=(earlier,))
        assert rules(judge.inspect(again)) == []


def test_totals_of_a_run() -> None:
    judge = inspector(loops("calls: 2, tool_calls: 3"))
    requests = [asked(f"q{number}") for number in range(3)]
    assert [rules(judge.inspect(one)) for one in requests] == [[], [], [("loop.limit", "calls")]]
    two = answered(requests[0], tool(a=1), tool(a=2))
    assert rules(judge.inspect(two)) == []
    assert rules(judge.inspect(two)) == [("loop.limit", "tool_calls")]


def test_tokens_and_time_of_a_run() -> None:
    judge = inspector(loops("tokens: 100, seconds: 60"))
    request = asked("one")
    assert rules(judge.inspect(request)) == []
    judge.settle(request, Usage(60, 39))
    assert rules(judge.inspect(asked("two", now=NOW + 60))) == []
    judge.settle(request, Usage(1, 0))
    assert rules(judge.inspect(asked("three", now=NOW + 60))) == [("loop.limit", "tokens")]
    late = rules(judge.inspect(asked("four", now=NOW + 61)))
    assert late == [("loop.limit", "tokens"), ("loop.limit", "seconds")]


@pytest.mark.parametrize(
    ("first", "second", "equal", "similar"),
    [
        ("do it", "do it", True, True),
        ("row 17 of 90", "row 18 of 90", False, True),
        ("try  again", "Try again\n", False, True),
        ("id 550e8400-e29b-41d4-a716-446655440000", "id 67e55044-10b1-426f-9247-bb680e5fe0c8", False, True),
        ("commit deadbeefcafe", "commit 0123456789abcdef", False, True),
        ("book a flight to Rome", "book a flight to Oslo", False, False),
    ],
)
def test_equal_and_similar_prompts(first: str, second: str, equal: bool, similar: bool) -> None:
    for limit, expected in (("repeated_prompts", equal), ("similar_prompts", similar)):
        judge = inspector(loops(f"{limit}: 1"))
        list(judge.inspect(asked(first)))
        assert (rules(judge.inspect(asked(second))) == [("loop.repeat", limit)]) is expected


def test_results_of_tools_are_no_prompts() -> None:
    judge = inspector(loops("repeated_prompts: 1"))
    result = (Segment("OK", Provenance.TOOL_RESULT),)
    for _ in range(5):
        assert rules(judge.inspect(asked("", history=result))) == []


def test_window_forgets() -> None:
    judge = inspector(loops("repeated_prompts: 1, window_s: 60"))
    list(judge.inspect(asked("x")))
    assert rules(judge.inspect(asked("x", now=NOW + 70))) == []


def test_caught_run_cools_off() -> None:
    judge = inspector(loops("repeated_calls: 1, cool_off_s: 30"))
    who, other = Caller("bot", session="s"), Caller("bot", session="other")
    for found in ([], [("loop.repeat", "repeated_calls")]):
        assert rules(judge.inspect(mcp(tool(a=1), who))) == found
    assert rules(judge.inspect(mcp(tool(a=2), who))) == [("loop.limit", "cooling_off")]
    assert rules(judge.inspect(asked("x", caller=who, now=NOW + 29))) == [("loop.limit", "cooling_off")]
    assert rules(judge.inspect(asked("x", caller=who, now=NOW + 30))) == []
    assert rules(judge.inspect(mcp(tool(a=1), other))) == []


def test_defaults_mark_and_written_limits_block() -> None:
    default = inspector("drift: {enabled: false}")
    signals = [signal for _ in range(30) for signal in default.inspect(mcp(tool(a=1)))]
    assert signals
    assert {signal.action for signal in signals} == {Action.MARK}
    written = inspector(loops("repeated_calls: 25"))
    signals = [signal for _ in range(30) for signal in written.inspect(mcp(tool(a=1)))]
    assert {signal.action for signal in signals} == {None}
    handed_on = Loops.model_validate_json(Loops().model_dump_json())
    again = compile_inspector(Budgets(loops=handed_on), Path(), Workshop(MemoryState(), SECRET))
    assert {signal.action for _ in range(30) for signal in again.inspect(mcp(tool(a=1)))} == {Action.MARK}


def test_agents_can_have_limits_of_their_own() -> None:
    judge = inspector(
        loops("repeated_prompts: 1", agents="[{agents: ['poller*'], repeated_prompts: 3, cool_off_s: 0}]")
    )
    poller = Caller("poller-7", session="s")
    assert [bool(list(judge.inspect(asked("x")))) for _ in range(2)] == [False, True]
    assert [bool(list(judge.inspect(asked("x", caller=poller)))) for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (Caller("a", session="s"), Caller("a", session="s"), True),
        (Caller("a", session="s"), Caller("a", session="t"), False),
        (Caller("a", session="s", run="r"), Caller("a", session="t", run="r"), True),
        (Caller("a", session="s", auth="proxy"), Caller("b", session="s", auth="proxy"), False),
        (Caller("python", session="s", auth="process"), Caller("uvicorn", session="s", auth="process"), True),
        (Caller("a", auth="proxy"), Caller("a", auth="proxy"), True),
        (Caller("a", auth="proxy"), Caller("b", auth="proxy"), False),
        (Caller("python3", auth="process"), Caller("python3", auth="process"), False),
        (Caller(), Caller(), False),
        (Caller(session="s"), Caller(session="s"), True),
    ],
)
def test_what_a_run_is_for_tool_servers(first: Caller, second: Caller, together: bool) -> None:
    judge = inspector(loops("repeated_calls: 1"))
    list(judge.inspect(mcp(tool(a=1), first)))
    assert bool(rules(judge.inspect(mcp(tool(a=1), second)))) is together


def test_a_conversation_is_a_run_when_nothing_else_is_known() -> None:
    judge = inspector(loops("repeated_calls: 1"))
    nobody = Caller()
    for text in ("plan a trip", "write a poem"):
        assert rules(judge.inspect(answered(asked(text, caller=nobody), tool(a=1)))) == []
    longer = asked("and then?", caller=nobody, history=(Segment("plan a trip", Provenance.USER, history=True),))
    assert rules(judge.inspect(answered(longer, tool(a=1)))) == [("loop.repeat", "repeated_calls")]


def test_loops_can_be_off() -> None:
    judge = inspector("{drift: {enabled: false}, loops: {enabled: false, repeated_calls: 1}}")
    assert [rules(judge.inspect(mcp(tool(a=1)))) for _ in range(5)] == [[]] * 5


def test_prompts_that_tell_the_time_are_of_one_conversation() -> None:
    judge = inspector(loops("repeated_calls: 1"))
    for minute, found in ((15, []), (16, [("loop.repeat", "repeated_calls")])):
        request = asked("plan a trip", caller=Caller(), system=f"It is 10:{minute}.")
        assert rules(judge.inspect(answered(request, tool(a=1)))) == found
