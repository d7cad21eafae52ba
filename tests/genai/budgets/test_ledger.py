"""Budgets: reserving, refusing, settling; alone, in parallel, and over processes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.budgets import estimate
from clyra_proxy.genai.budgets.inspector import BudgetsInspector
from clyra_proxy.genai.budgets.prices import Price, Prices, shipped_prices
from clyra_proxy.genai.inspection import Caller
from clyra_proxy.genai.model import Usage
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.sqlite import SqliteState
from clyra_proxy.state.store import StateError
from tests.genai.budgets.support import NOW, answered, asked, inspector, limits, rules

UNSENT = Usage(0, 0)


def ask(judge: BudgetsInspector, exchange: str, **given_: object) -> list[tuple[str, str]]:
    return rules(judge.inspect(asked(exchange=exchange, **given_)))  # type: ignore[arg-type]


def test_tokens_are_reserved_then_corrected() -> None:
    judge = inspector(limits("{name: b, tokens: 250}"))
    assert ask(judge, "1", output=100) == []
    assert ask(judge, "2", output=100) == []
    assert ask(judge, "3", output=100) == [("budget.tokens", "window")]
    judge.settle(asked(exchange="3"), UNSENT)
    judge.settle(asked(exchange="1"), Usage(3, 10))
    assert ask(judge, "4", output=100) == []
    assert ask(judge, "5", output=100) == [("budget.tokens", "window")]
    assert ask(judge, "6", output=100, now=NOW + 4000) == []


def test_a_refused_request_takes_nothing() -> None:
    judge = inspector(limits("{name: b, tokens: 250, calls: 100}"))
    assert ask(judge, "big", output=1000) == [("budget.tokens", "window")]
    judge.settle(asked(exchange="big"), UNSENT)
    assert ask(judge, "small", output=230) == []


def test_what_shadow_lets_pass_is_counted_when_it_is_known() -> None:
    judge = inspector(limits("{name: b, tokens: 100}"))
    assert ask(judge, "1", output=500) == [("budget.tokens", "window")]
    judge.settle(asked(exchange="1"), Usage(5, 90))
    assert ask(judge, "2", output=1) == [("budget.tokens", "window")]


def test_calls_that_never_left_are_given_back() -> None:
    judge = inspector(limits("{name: b, calls: 1}"))
    assert ask(judge, "1") == []
    judge.settle(asked(exchange="1"), UNSENT)
    assert ask(judge, "2") == []
    judge.settle(asked(exchange="2"), Usage(1, 1))
    assert ask(judge, "3") == [("budget.rate", "window")]


def test_settling_twice_changes_nothing_more() -> None:
    judge = inspector(limits("{name: b, tokens: 300}"))
    ask(judge, "1", output=200)
    for _ in range(3):
        judge.settle(asked(exchange="1"), Usage(2, 3))
    assert ask(judge, "2", output=280) == []
    assert ask(judge, "3", output=20) == [("budget.tokens", "window")]


def test_uncounted_answers_are_estimated() -> None:
    judge = inspector(limits("{name: b, tokens: 1000}"))
    request = asked(exchange="1", output=900)
    assert rules(judge.inspect(request)) == []
    list(judge.inspect(answered(request, text="word " * 200)))
    judge.settle(request, Usage())
    assert ask(judge, "2", output=500) == []
    assert ask(judge, "3", output=500) == [("budget.tokens", "window")]


def test_cost_is_counted_in_prices_of_the_model() -> None:
    judge = inspector(limits("{name: b, cost: 0.01}"))
    assert ask(judge, "1", output=900) == []  # 900 * 10 $/M
    assert ask(judge, "2", output=900) == [("budget.cost", "window")]
    assert ask(judge, "3", output=900, model="gpt-4o-mini") == []
    judge.settle(asked(exchange="1"), Usage(10, 10))
    assert ask(judge, "4", output=800) == []


def test_places_are_limited_and_given_back() -> None:
    judge = inspector(limits("{name: b, concurrent: 2}"))
    assert [ask(judge, one) for one in "123"] == [[], [], [("budget.concurrency", "window")]]
    judge.settle(asked(exchange="3"), UNSENT)
    judge.settle(asked(exchange="1"), Usage())
    assert ask(judge, "4") == []
    assert ask(judge, "5") == [("budget.concurrency", "window")]
    assert ask(judge, "6", now=NOW + 1801) == []


@pytest.mark.parametrize(
    ("budget", "request_", "found"),
    [
        ("{name: b, input_tokens: 50}", {"text": "word " * 100}, [("budget.tokens", "input")]),
        ("{name: b, input_tokens: 500}", {"text": "word " * 100}, []),
        ("{name: b, output_tokens: 100}", {"output": 101}, [("budget.tokens", "output")]),
        ("{name: b, output_tokens: 100}", {"output": 100}, []),
        ("{name: b, output_tokens: 100}", {"output": -1}, [("budget.tokens", "output")]),
        ("{name: b, output_tokens: 100}", {"output": -1, "operation": "embeddings"}, []),
    ],
)
def test_single_calls_are_limited(budget: str, request_: dict[str, object], found: list[tuple[str, str]]) -> None:
    assert ask(inspector(limits(budget)), "1", **request_) == found


@pytest.mark.parametrize(
    ("per", "second", "shared"),
    [
        ("agent", Caller("bot", "acme", "s2", "r2", "proxy"), True),
        ("agent", Caller("else", "acme", "s1", "r1", "proxy"), False),
        ("agent", Caller("bot", "acme", "s2", "r2", "process"), False),  # a guess may be anybody
        ("agent", Caller("bot", "other", "s1", "r1", "proxy"), False),
        ("tenant", Caller("else", "acme", "s2", "r2"), True),
        ("tenant", Caller("bot", "other", "s1", "r1"), False),
        ("session", Caller("bot", "acme", "s1", "r2", "proxy"), True),
        ("session", Caller("bot", "acme", "s2", "r1"), False),
        ("run", Caller("bot", "acme", "s2", "r1", "proxy"), True),
        ("run", Caller("bot", "acme", "s1", "r2"), False),
        ("all", Caller("else", "other", "s2", "r2"), True),
        ("destination", Caller("else", "other", "s2", "r2"), True),
    ],
)
def test_what_is_counted_together(per: str, second: Caller, shared: bool) -> None:
    judge = inspector(limits(f"{{name: b, per: {per}, calls: 1}}"))
    assert ask(judge, "1", caller=Caller("bot", "acme", "s1", "r1", "proxy")) == []
    assert (ask(judge, "2", caller=second) == [("budget.rate", "window")]) is shared


def test_budgets_are_for_whom_they_select() -> None:
    judge = inspector(limits("{name: b, agents: ['b*'], models: ['gpt-4*'], calls: 1}"))
    ask(judge, "1")
    assert ask(judge, "2", caller=Caller("else")) == []
    assert ask(judge, "3", model="o3") == []
    assert ask(judge, "4", model="openai/GPT-4o") == [("budget.rate", "window")]


def test_tool_traffic_uses_no_model_budget() -> None:
    judge = inspector(limits("{name: b, calls: 1, tokens: 1}"))
    request = asked()
    mcp = replace(request, conversation=replace(request.conversation, protocol="mcp", operation="tools/call"))
    assert rules(judge.inspect(mcp)) == []
    assert rules(judge.inspect(mcp)) == []


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(-1, 300), st.integers(-1, 300), st.booleans()),
        min_size=1,
        max_size=25,
    )
)
def test_counter_is_what_was_used_plus_what_is_reserved(calls: list[tuple[int, int, int, bool]]) -> None:
    """Whatever is admitted, refused and settled in whatever order, the window holds exactly that."""
    state = MemoryState()
    judge = inspector(limits("{name: b, tokens: 1000}"), state)
    expected = 0
    for number, (output, used_in, used_out, now_settled) in enumerate(calls):
        request = asked(exchange=str(number), output=output)
        refused = bool(list(judge.inspect(request)))
        reserved = estimate.input_tokens(request.conversation) + output
        if refused:
            judge.settle(request, UNSENT)
        elif now_settled:
            judge.settle(request, Usage(used_in, used_out))
            sent = used_in if used_in >= 0 else estimate.input_tokens(request.conversation)
            expected += sent + (used_out if used_out >= 0 else output)
        else:
            expected += reserved
            assert expected <= 1000 or any(settled for *_, settled in calls)
    [counter] = [key for key, _ in state._slots]
    assert state.total(counter, 3600, NOW) == expected


def test_parallel_calls_do_not_overshoot() -> None:
    judge = inspector(limits("{name: b, tokens: 10000, concurrent: 1000}"))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: ask(judge, str(number), output=100), range(200)))
    admitted = sum(not one for one in found)
    tokens = 100 + estimate.input_tokens(asked().conversation)
    assert admitted == 10_000 // tokens


WORKER = """
import sys
from pathlib import Path
from clyra_proxy.state.sqlite import SqliteState
from tests.genai.budgets.support import asked, inspector, limits
judge = inspector(limits("{name: b, tokens: 10000}"), SqliteState(Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
print(sum(not list(judge.inspect(asked(exchange=f"{sys.argv[2]}-{n}", output=100))) for n in range(100)))
"""


def test_workers_do_not_overshoot_together(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path / "s"), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )
        for number in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    answers = [worker.communicate("\n", timeout=60)[0] for worker in workers]
    tokens = 100 + estimate.input_tokens(asked().conversation)
    assert sum(map(int, answers)) == 10_000 // tokens


def test_state_that_fails_is_an_error(tmp_path: Path) -> None:
    judge = inspector(limits("{name: b, calls: 5}"), SqliteState(tmp_path / "missing" / "s"))
    with pytest.raises(StateError):
        list(judge.inspect(asked()))


def test_prices_of_models() -> None:
    prices = Prices([shipped_prices()], 30.0)
    assert prices.of("gpt-4o-2024-08-06") == Price(2.5, 10.0)
    assert prices.of("gpt-4o-mini") == Price(0.15, 0.6)
    assert prices.of("anthropic.claude-3-haiku-20240307-v1:0") == Price(0.25, 1.25)
    assert prices.of("models/gemini-2.5-flash-lite") == Price(0.1, 0.4)
    assert prices.of("nobody-knows") == Price(30.0, 30.0)
    assert Price(0.05, 0.4).of(1, 0) == 1
    assert Price(2.5, 10.0).of(2, 1) == 15


def test_own_table_is_laid_over(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("prices: [{models: ['gpt-4o'], input: 0, output: 1000000}]\n")
    judge = inspector(limits("{name: b, cost: 5}", more="prices: prices.yaml"), folder=tmp_path)
    assert ask(judge, "1", output=5) == []
    assert ask(judge, "2", output=1) == [("budget.cost", "window")]
    (tmp_path / "prices.yaml").write_text("prices: [{models: ['gpt-4o'], in: 0}]\n")
    with pytest.raises(PolicyError):
        inspector(limits("{name: b, cost: 5}", more="prices: prices.yaml"), folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("", 1, 1), ("hello world", 2, 5), ("word " * 1000, 1000, 1500), ("日本語" * 100, 150, 400), ("é" * 100, 25, 120)],
)
def test_estimates_are_of_the_right_size(text: str, least: int, most: int) -> None:
    assert least <= estimate.tokens_of(text) <= most


def test_model_lists() -> None:
    text = "models: [{agents: [intern], allow: ['gpt-4o-mini']}, {allow: ['gpt-4o*', 'claude-*']}]"
    judge = inspector(f"{{loops: {{enabled: false}}, drift: {{enabled: false}}, {text}}}")
    assert ask(judge, "1", model="gpt-4o") == []
    assert ask(judge, "1", model="GPT-4o-mini") == []
    assert ask(judge, "1", model="o3") == [("budget.model", "not_listed")]
    assert ask(judge, "1", model="") == [("budget.model", "not_listed")]
    assert ask(judge, "1", model="gpt-4o", caller=Caller("intern")) == [("budget.model", "not_listed")]
    assert ask(judge, "1", model="gpt-4o-mini", caller=Caller("intern")) == []
