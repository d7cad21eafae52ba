"""Null overwrites and jumps in how values are spread: found where they are, silent on ordinary runs."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.rows.distinct import Distinct
from clyra_proxy.activation.rows.inspector import RowsInspector
from clyra_proxy.activation.rows.shifts import shift
from clyra_proxy.activation.rows.sketches import FieldSketch, count_empty, is_empty
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.sqlite import SqliteState
from clyra_proxy.verdict.model import Action
from tests.activation.rows.support import NOW, inspector, limits, people, rules, told, written

DAY = 86_400.0


def batch(source: random.Random, size: int = 100, **changes: Any) -> list[dict[str, Any]]:
    """People of a company: names, plans of three kinds, amounts around a hundred, a phone for one in five."""
    rows = []
    for _ in range(size):
        row = {
            "id": f"u{source.randrange(10**9)}",
            "plan": source.choice(["free", "free", "free", "pro", "team"]),
            "amount": round(source.lognormvariate(4.6, 0.5), 2),
            "phone": f"+1212555{source.randrange(10_000):04d}" if source.random() < 0.2 else None,
            "active": source.random() < 0.8,
        }
        rows.append({**row, **{name: make(source) for name, make in changes.items()}})
    return rows


def run(
    judge: RowsInspector, source: random.Random, number: int, batches: int = 10, size: int = 100, **changes: Any
) -> list[str]:
    """One run of a sync, a day after the one before; the rules that were told."""
    found: list[str] = []
    for part in range(batches):
        now = NOW + number * DAY + part
        inspection = written(batch(source, size, **changes), run=f"r{number}", exchange=f"{number}-{part}", now=now)
        found += rules(judge.inspect(inspection))
        judge.settle(inspection, frozenset(range(size)), 200, b"")
    return found


WATCHED = "default: {nulls: {}, distribution: {}, idempotency: {enabled: false}}"


def test_ordinary_runs_are_silent() -> None:
    for seed in range(6):
        judge, source = inspector(limits(WATCHED)), random.Random(seed)
        found = [run(judge, source, number) for number in range(6)]
        assert all("rows.distribution" not in one for one in found)
        # without earlier runs a field that is mostly empty is told, and does not stop anything; with them it is not
        assert all(one == [] for one in found[1:]), seed


@pytest.mark.parametrize(
    "change",
    [
        {"amount": lambda source: round(source.lognormvariate(4.6, 0.5) * 10, 2)},
        {"amount": lambda source: 0},
        {"amount": lambda source: -round(source.lognormvariate(4.6, 0.5), 2)},
        {"amount": lambda source: str(round(source.lognormvariate(4.6, 0.5), 2))},
        {"plan": lambda source: "team"},
        {"plan": lambda source: source.choice(["gold", "silver"])},
        {"active": lambda source: source.random() < 0.2},
        {"phone": lambda source: f"+1212555{source.randrange(10_000):04d}"},
    ],
    ids=["ten times", "zero", "negative", "text", "one plan", "other plans", "flipped", "filled"],
)
def test_jumps_are_found(change: dict[str, Any]) -> None:
    judge, source = inspector(limits(WATCHED)), random.Random(7)
    for number in range(4):
        run(judge, source, number)
    found = run(judge, source, 4, **change)
    assert "rows.distribution" in found


def test_a_jump_asks_for_what_policy_says() -> None:
    for word, action in (("mark", "MARK"), ("block", None)):
        text = (
            f"default: {{nulls: {{enabled: false}}, distribution: {{action: {word}}}, idempotency: {{enabled: false}}}}"
        )
        judge, source = inspector(limits(text)), random.Random(3)
        for number in range(3):
            run(judge, source, number)
        rows = batch(source, 450, plan=lambda _: "team")
        (signal,) = judge.inspect(written(rows, run="r9", now=NOW + 9 * DAY))
        assert (signal.rule, signal.detail["field"]) == ("rows.distribution", "plan")
        assert (None if signal.action is None else signal.action.name) == action


def test_runs_that_were_refused_are_not_learned_from() -> None:
    text = "default: {nulls: {enabled: false}, distribution: {action: block}, idempotency: {enabled: false}}"
    judge, source = inspector(limits(text)), random.Random(5)
    for number in range(3):
        run(judge, source, number)
    for number in range(3, 8):
        assert "rows.distribution" in run(judge, source, number, plan=lambda _: "team")


def test_what_passes_in_shadow_becomes_ordinary() -> None:
    judge, source = (
        inspector(limits("default: {distribution: {runs: 2}, nulls: {}, idempotency: {}}")),
        random.Random(5),
    )
    for number in range(3):
        run(judge, source, number)
    found = []
    for number in range(3, 8):
        rows = batch(source, 500, plan=lambda _: "team")
        found.append(rules(judge.inspect(written(rows, run=f"r{number}", now=NOW + number * DAY, enforced=False))))
    assert "rows.distribution" in found[0]
    assert found[-1] == []


def test_runs_are_compared_over_workers(tmp_path: Path) -> None:
    state, source = SqliteState(tmp_path / "state.sqlite"), random.Random(11)
    first, second = inspector(limits(WATCHED), state), inspector(limits(WATCHED), state)
    for number in range(3):
        run(first, source, number)
    assert "rows.distribution" in run(second, source, 3, plan=lambda _: "team")
    state.close()


def test_nothing_of_a_value_is_kept(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.sqlite")
    judge = inspector(limits(WATCHED), state)
    rows = [{"id": f"id-{n}", "email": "jane.secret@example.com", "note": f"hush {n}"} for n in range(300)]
    list(judge.inspect(written(rows)))
    kept = repr(state.entries("", NOW))
    assert "profile/" in kept
    assert not any(word in kept for word in ("jane", "hush", "id-7"))
    state.close()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"a": "x"}] * 30 + [{"a": None}] * 10, []),
        ([{"a": "x"}] * 15 + [{"a": None}] * 25, [("rows.null_overwrite", "batch", tuple(range(15, 40)))]),
        ([{"a": "x"}] * 15 + [{"a": ""}] * 25, [("rows.null_overwrite", "batch", tuple(range(15, 40)))]),
        ([{"a": "x"}] * 15 + [{"a": " "}] * 25, [("rows.null_overwrite", "batch", tuple(range(15, 40)))]),
        ([{"a": "x"}] * 15 + [{"a": []}] * 25, [("rows.null_overwrite", "batch", tuple(range(15, 40)))]),
        ([{"a": 1}] * 15 + [{"a": 0}] * 25, []),
        ([{"a": True}] * 15 + [{"a": False}] * 25, []),
        ([{"a": None}] * 19, []),
        ([{"a": None}] * 20, [("rows.null_overwrite", "batch", tuple(range(20)))]),
    ],
)
def test_null_overwrites(rows: list[dict[str, Any]], expected: list[Any]) -> None:
    judge = inspector(limits("rules: [{name: r, nulls: {}}]"))
    assert told(judge.inspect(written(rows))) == expected


@pytest.mark.parametrize("operation", [Operation.INSERT, Operation.DELETE, Operation.SEND])
def test_what_overwrites_nothing_is_no_null_overwrite(operation: Operation) -> None:
    judge = inspector(limits("rules: [{name: r, nulls: {}}]"))
    assert told(judge.inspect(written([{"a": None}] * 50, operation=operation))) == []


def test_null_overwrites_one_row_at_a_time() -> None:
    judge = inspector(limits("rules: [{name: r, nulls: {}}]"))
    found = [rules(judge.inspect(written([{"id": str(n), "a": None}], exchange=f"x{n}"))) for n in range(40)]
    assert found == [[]] * 19 + [["rows.null_overwrite"]] * 21


def test_null_overwrites_rise_over_earlier_runs() -> None:
    judge = inspector(limits("default: {nulls: {}, distribution: {enabled: false}, idempotency: {enabled: false}}"))
    for number in range(3):
        rows = [{"id": str(n), "a": None if n % 100 < 5 else "x"} for n in range(400)]
        assert rules(judge.inspect(written(rows, run=f"r{number}", now=NOW + number * DAY))) == []
    rows = [{"id": str(n), "a": None if n % 100 < 40 else "x"} for n in range(400)]
    assert rules(judge.inspect(written(rows, run="r9", now=NOW + 9 * DAY))) == ["rows.null_overwrite"]


def test_only_the_fields_that_are_watched() -> None:
    judge = inspector(limits("rules: [{name: r, nulls: {fields: [email]}}]"))
    assert rules(judge.inspect(written([{"a": None}] * 50))) == []
    assert rules(judge.inspect(written([{"email": None}] * 50, exchange="b"))) == ["rows.null_overwrite"]


_ANY = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.lists(st.none(), max_size=1),
    st.dictionaries(st.text(max_size=1), st.none(), max_size=1),
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(_ANY, max_size=30))
def test_counting_empties_agrees_with_looking_at_each(values: list[Any]) -> None:
    assert count_empty(tuple(values), set(map(type, values))) == sum(map(is_empty, values))


@settings(max_examples=60)
@given(st.lists(_ANY, max_size=60), st.integers(0, 2**32 - 1))
def test_sketches_survive_writing_and_adding(values: list[Any], seed: int) -> None:
    sketch = FieldSketch(len(values), 0)
    sketch.add(tuple(value for value in values if not is_empty(value)), seed)
    again = FieldSketch.from_json(sketch.as_json())
    assert again == sketch
    again.merge(sketch)
    assert sum(again.cells.values()) == 2 * sum(sketch.cells.values())
    assert shift(again, sketch, 1) < 0.05 or sum(sketch.cells.values()) < 50


@pytest.mark.parametrize("count", [0, 1, 10, 100, 1000, 5000, 50_000])
def test_distinct_keys_are_estimated(count: int) -> None:
    sketch, other = Distinct(), Distinct()
    keys = [f"key {n}" for n in range(count - 1)] + ["\ud800"] * (count > 0)
    for start in range(0, count, 700):
        sketch.add(keys[start : start + 700], 1 << 63 | 5)
    other.add(keys[count // 2 :], 1 << 63 | 5)
    sketch.add(keys, 1 << 63 | 5)
    sketch.merge(Distinct.read(other.text))
    assert abs(sketch.estimate() - count) <= max(1, 0.08 * count)


def test_a_damaged_sketch_is_empty() -> None:
    assert Distinct.read("%%%").estimate() == 0


def test_state_of_other_fields_is_bounded() -> None:
    judge = inspector(limits(WATCHED), MemoryState())
    wide = [{f"f{n}": n for n in range(500)} for _ in range(50)]
    for part in range(10):
        assert rules(judge.inspect(written(wide, exchange=f"x{part}"))) == []


def test_people_are_no_alarm() -> None:
    judge = inspector(limits(WATCHED))
    for number in range(3):
        for part in range(5):
            rows = people(100, first=10_000 + 1000 * number + 100 * part)
            assert rules(judge.inspect(written(rows, run=f"r{number}", exchange=f"{number}{part}"))) == []


@pytest.mark.parametrize(("size", "batches"), [(50, 1), (10, 4), (100, 1)])
def test_small_runs_are_learned_from_by_every_worker(size: int, batches: int) -> None:
    state = MemoryState()
    workers = [inspector(limits("default: {nulls: {}, idempotency: {enabled: false}}"), state) for _ in range(2)]
    source = random.Random(7)
    for number in range(4):
        run(workers[number % 2], source, number, batches, size, phone=lambda source: "1")
    for worker in workers:
        asked = written(
            [{"id": f"x{n}", "phone": None if n % 2 else "1"} for n in range(40)], run="r9", now=NOW + 9 * DAY
        )
        assert rules(worker.inspect(asked)) == ["rows.null_overwrite"]


def test_a_jump_is_seen_after_runs_of_a_hundred_rows() -> None:
    judge, source = inspector(limits(WATCHED)), random.Random(3)
    for number in range(4):
        assert "rows.distribution" not in run(judge, source, number, 1)
    assert "rows.distribution" in run(judge, source, 9, 1, plan=lambda source: "enterprise")


def test_only_what_policy_or_earlier_runs_say_keeps_empty_rows_back() -> None:
    rows = [{"id": str(n), "a": None} for n in range(50)]
    (found,) = inspector(limits("rules: [{name: r, nulls: {}}]")).inspect(written(rows))
    assert found.action is Action.MARK
    (found,) = inspector(limits("rules: [{name: r, nulls: {share: 0.4}}]")).inspect(written(rows))
    assert found.action is None
