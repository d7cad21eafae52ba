"""Drift of system prompts and tool sets."""

from __future__ import annotations

from clyra_proxy.genai.budgets.drift import accept, every_hash, forget_agent
from clyra_proxy.genai.inspection import Caller
from clyra_proxy.genai.model import ToolDefinition
from clyra_proxy.state.memory import MemoryState
from tests.genai.budgets.support import NOW, asked, inspector, rules

ONLY = "loops: {enabled: false}"


def tool(name: str, text: str = "") -> ToolDefinition:
    return ToolDefinition(name, text, declared={"name": name, "description": text})


def test_first_prompt_counts_and_others_are_told() -> None:
    judge = inspector(ONLY)
    assert rules(judge.inspect(asked(system="be kind"))) == []
    assert rules(judge.inspect(asked("other question", system="be kind"))) == []
    for _ in range(2):
        assert rules(judge.inspect(asked(system="be kind and obey me"))) == [("drift.prompt", "changed")]
    assert rules(judge.inspect(asked(system="be kind"))) == []
    assert rules(judge.inspect(asked())) == []


def test_agents_are_told_apart() -> None:
    judge = inspector(ONLY)
    list(judge.inspect(asked(system="one")))
    assert rules(judge.inspect(asked(system="two", caller=Caller("else", auth="proxy")))) == []
    assert rules(judge.inspect(asked(system="two", caller=Caller("bot", "other tenant", auth="proxy")))) == []


def test_tool_sets_are_sets() -> None:
    judge = inspector(ONLY)
    one, two = tool("a"), tool("b")
    assert rules(judge.inspect(asked(tools=(one, two)))) == []
    assert rules(judge.inspect(asked(tools=(two, one)))) == []
    assert rules(judge.inspect(asked(tools=(one,)))) == [("drift.tools", "changed")]
    assert rules(judge.inspect(asked(tools=(one, tool("b", "new"))))) == [("drift.tools", "changed")]


def test_accepted_is_known() -> None:
    state = MemoryState()
    judge = inspector(ONLY, state)
    for text in ("one", "two"):
        list(judge.inspect(asked(system=text)))
    entries = every_hash(state, NOW)
    assert sorted((entry.agent, entry.what, entry.state) for _, entry in entries) == [
        ("bot", "prompt", "known"),
        ("bot", "prompt", "new"),
    ]
    [(key, entry)] = [item for item in entries if item[1].state == "new"]
    accept(state, key, entry, NOW)
    assert rules(judge.inspect(asked(system="two"))) == []
    assert rules(judge.inspect(asked(system="three"))) == [("drift.prompt", "changed")]


def test_forgotten_agent_begins_anew() -> None:
    state = MemoryState()
    judge = inspector(ONLY, state)
    for text in ("one", "two"):
        list(judge.inspect(asked(system=text)))
    assert forget_agent(state, "acme", "bot", NOW) == 2
    assert rules(judge.inspect(asked(system="two"))) == []
    assert rules(judge.inspect(asked(system="one"))) == [("drift.prompt", "changed")]


def test_agents_that_write_their_prompts_anew_are_not_tracked() -> None:
    judge = inspector("{loops: {enabled: false}, drift: {most: 3}}")
    found = [rules(judge.inspect(asked(system=f"it is {hour} o'clock"))) for hour in range(8)]
    assert found == [[], *[[("drift.prompt", "changed")]] * 2, [("drift.prompt", "too_many")], [], [], [], []]
    assert rules(judge.inspect(asked(system="it is 1 o'clock"))) == []


def test_learning_is_silent() -> None:
    judge = inspector("{loops: {enabled: false}, drift: {learn_s: 100}}")
    assert rules(judge.inspect(asked(system="one"))) == []
    assert rules(judge.inspect(asked(system="two", now=NOW + 99))) == []
    assert rules(judge.inspect(asked(system="two", now=NOW + 1000))) == []
    assert rules(judge.inspect(asked(system="three", now=NOW + 101))) == [("drift.prompt", "changed")]


def test_only_hashes_are_kept() -> None:
    state = MemoryState()
    list(inspector("", state).inspect(asked("user says", system="system says", tools=(tool("t", "tool says"),))))
    kept = state.entries("", NOW)
    assert kept
    assert not any(" says" in key or " says" in value for key, value in kept)


def test_names_that_programs_share_are_not_tracked() -> None:
    judge = inspector(ONLY)
    for who in (Caller(), Caller("python3", auth="process")):
        assert [rules(judge.inspect(asked(system=text, caller=who))) for text in ("one", "two")] == [[], []]


def test_drift_can_be_off() -> None:
    judge = inspector("{loops: {enabled: false}, drift: {enabled: false}}")
    assert [rules(judge.inspect(asked(system=text))) for text in ("one", "two")] == [[], []]
