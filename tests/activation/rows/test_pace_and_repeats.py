"""Velocity, fair between syncs; idempotency: the same write is done once and answered again."""

from __future__ import annotations

import pytest

from clyra_proxy.activation.inspection import RowInspection
from clyra_proxy.activation.rows.inspector import RowsInspector
from clyra_proxy.activation.rows.outcomes import OutcomeVault
from clyra_proxy.state.memory import MemoryState
from tests.activation.rows.support import NOW, SECRET, inspector, limits, people, rules, told, written

PACE = "rules: [{name: r, velocity: {rows_per_s: 10, burst: 100}}]"


def test_a_full_bucket_passes_and_an_empty_one_says_when() -> None:
    judge = inspector(limits(PACE))
    assert rules(judge.inspect(written(people(100)))) == []
    (found,) = judge.inspect(written(people(20), exchange="b"))
    assert (found.rule, found.retry_after) == ("rows.velocity", pytest.approx(2.0))
    assert rules(judge.inspect(written(people(20), exchange="c", now=NOW + 2.01))) == []


def test_what_did_not_leave_gives_its_tokens_back() -> None:
    judge = inspector(limits(PACE))
    first = written(people(100))
    assert rules(judge.inspect(first)) == []
    judge.settle(first, frozenset(), 403, b"")
    assert rules(judge.inspect(written(people(100), exchange="b"))) == []


def test_a_batch_larger_than_the_bucket_passes_once() -> None:
    judge = inspector(limits(PACE))
    assert rules(judge.inspect(written(people(300)))) == []
    (found,) = judge.inspect(written(people(1), exchange="b"))
    assert found.retry_after == pytest.approx(20.1)


def test_a_flood_does_not_starve_another_sync() -> None:
    judge = inspector(limits(PACE))
    passed = {"flood": 0, "calm": 0}
    for tick in range(600):
        now = NOW + tick / 10
        for attempt in range(5):
            if not list(judge.inspect(written(people(10), sync="flood", now=now, exchange=f"f{tick}-{attempt}"))):
                passed["flood"] += 10
        if tick % 20 == 0 and not list(judge.inspect(written(people(8), sync="calm", now=now, exchange=f"c{tick}"))):
            passed["calm"] += 8
    assert passed["calm"] == 240  # four rows a second, below its half of the rate: never refused
    assert 250 <= passed["flood"] <= 100 + 600


def test_a_sync_that_is_alone_has_everything() -> None:
    judge = inspector(limits(PACE))
    passed = sum(not list(judge.inspect(written(people(1), now=NOW + n / 20, exchange=str(n)))) for n in range(2000))
    assert 1080 <= passed <= 1101


def test_buckets_are_apart_where_policy_says() -> None:
    judge = inspector(limits(PACE))
    assert rules(judge.inspect(written(people(100), tenant="one"))) == []
    assert rules(judge.inspect(written(people(100), tenant="two", exchange="b"))) == []
    assert rules(judge.inspect(written(people(100), tenant="one", destination="other:443", exchange="c"))) == []
    assert rules(judge.inspect(written(people(50), tenant="one", exchange="d"))) == ["rows.velocity"]


ONCE = "rules: [{name: r, idempotency: {}}]"


def done(judge: RowsInspector, inspection: RowInspection, status: int = 200, body: bytes = b'{"ok":true}') -> list[str]:
    found = rules(judge.inspect(inspection))
    sent = frozenset(range(len(inspection.batch.rows))) if not found else frozenset[int]()
    judge.settle(inspection, sent, status if sent else 429, body)
    return found


def test_a_repeat_is_answered_with_what_became_of_the_first() -> None:
    judge = inspector(limits(ONCE))
    body = b'{"inputs":[{"id":"u0"}]}'
    assert done(judge, written(people(1), body=body)) == []
    (found,) = judge.inspect(written(people(1), body=b'{"inputs": [ {"id": "u0"} ]}', exchange="x2"))
    assert (found.rule, found.detail["kind"], found.detail["first"]) == ("rows.duplicate", "done", "x1")
    assert found.answer is not None
    assert (found.answer.status, found.answer.body) == (200, b'{"ok":true}')
    assert found.answer.headers == {"clyra-duplicate-of": "x1", "content-type": "application/json"}


@pytest.mark.parametrize(
    "changed",
    [
        {"body": b'{"inputs":[{"id":"u1"}]}'},
        {"agent": "other"},
        {"tenant": "other"},
        {"run": "r2"},
        {"destination": "other:443"},
        {"endpoint": "POST /other"},
        {"now": NOW + 301},
    ],
)
def test_what_differs_is_another_write(changed: dict[str, object]) -> None:
    judge = inspector(limits(ONCE))
    body = b'{"inputs":[{"id":"u0"}]}'
    assert done(judge, written(people(1), body=body)) == []
    again = {"body": body, "exchange": "x2", **changed}
    assert rules(judge.inspect(written(people(1), **again))) == []  # type: ignore[arg-type]


def test_a_write_that_is_under_way_is_told_to_come_again() -> None:
    judge = inspector(limits(ONCE))
    assert rules(judge.inspect(written(people(1), body=b"{}"))) == []
    (found,) = judge.inspect(written(people(1), body=b"{}", exchange="x2"))
    assert (found.detail["kind"], found.answer, found.retry_after > 0) == ("under_way", None, True)
    assert rules(judge.inspect(written(people(1), body=b"{}", exchange="x3", now=NOW + 121))) == []


@pytest.mark.parametrize("status", [0, 400, 401, 409, 429, 500, 503])
def test_after_a_failure_the_sender_may_try_again(status: int) -> None:
    judge = inspector(limits(ONCE))
    assert done(judge, written(people(1), body=b"{}"), status) == []
    assert rules(judge.inspect(written(people(1), body=b"{}", exchange="x2"))) == []


def test_a_write_of_which_nothing_left_may_be_tried_again() -> None:
    judge = inspector(limits(ONCE))
    first = written(people(1), body=b"{}")
    assert rules(judge.inspect(first)) == []
    judge.settle(first, frozenset(), 200, b"{}")
    assert rules(judge.inspect(written(people(1), body=b"{}", exchange="x2"))) == []


def test_keys_of_senders() -> None:
    judge = inspector(limits("rules: [{name: r, idempotency: {derive: false}}]"))
    assert done(judge, written(people(1), body=b"{}", key="k1")) == []
    (found,) = judge.inspect(written(people(1), body=b"{}", key="k1", exchange="x2"))
    assert found.detail["kind"] == "done"
    (reused,) = judge.inspect(written(people(1), body=b'{"other":1}', key="k1", exchange="x3"))
    assert (reused.detail["kind"], reused.answer) == ("key_reused", None)
    assert rules(judge.inspect(written(people(1), body=b"{}", exchange="x4"))) == []


def test_writes_without_rows_are_left_alone() -> None:
    judge = inspector(limits(ONCE))
    for number in range(3):
        assert done(judge, written([], body=b'{"sqlText":"commit"}', key="k", exchange=str(number))) == []


def test_an_answer_that_is_too_large_is_not_kept_but_the_write_is_not_done_again() -> None:
    judge = inspector(limits("rules: [{name: r, idempotency: {largest_answer: 10}}]"))
    assert done(judge, written(people(1), body=b"{}"), body=b"x" * 11) == []
    (found,) = judge.inspect(written(people(1), body=b"{}", exchange="x2"))
    assert (found.detail["kind"], found.answer) == ("done", None)


def test_a_repeat_counts_nothing() -> None:
    judge = inspector(limits("rules: [{name: r, idempotency: {}, per_run: 10}]"))
    assert done(judge, written(people(10), body=b"{}")) == []
    for number in range(5):
        assert told(judge.inspect(written(people(10), body=b"{}", exchange=f"y{number}")))[0][1] == "done"


def test_answers_are_kept_encrypted() -> None:
    state = MemoryState()
    judge = inspector(limits(ONCE), state)
    done(judge, written(people(1), body=b"{}"), body=b'{"token":"hush-hush"}')
    ((key, text),) = state.entries("outcome/", NOW)
    assert "hush" not in text
    vault = OutcomeVault(SECRET, 100)
    assert vault.read(key, text) is not None
    assert vault.read("outcome/other", text) is None
    assert OutcomeVault(b"x" * 32, 100).read(key, text) is None
    for damaged in (text[:-3], "", "[]", "[1", "{}", '["a"]', '["a","b",200]'):
        assert vault.read(key, damaged) is None


def test_a_damaged_record_is_none() -> None:
    state = MemoryState()
    judge = inspector(limits(ONCE), state)
    done(judge, written(people(1), body=b"{}"))
    ((key, _),) = state.entries("outcome/", NOW)
    state.put(key, "nonsense", NOW, 100)
    assert rules(judge.inspect(written(people(1), body=b"{}", exchange="x2"))) == []
