"""Rows per request, run and window; deletes; shares of a table; and what is given back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from clyra_proxy.activation.model import Operation
from clyra_proxy.errors import PolicyError
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.sqlite import SqliteState
from clyra_proxy.state.store import StateError
from tests.activation.rows.support import NOW, inspector, limits, people, rules, shipped, told, written


def test_a_request_with_too_many_rows() -> None:
    judge = inspector(limits("rules: [{name: small, targets: [contacts], per_request: 10}]"))
    assert rules(judge.inspect(written(people(10)))) == []
    assert told(judge.inspect(written(people(11)))) == [("rows.limit", "request", ())]
    assert rules(judge.inspect(written(people(11), target="deals"))) == []


@pytest.mark.parametrize(
    ("rule", "changed", "expected"),
    [
        ("targets: [cont*]", {}, True),
        ("targets: [CONTACTS]", {}, True),
        ("targets: [deals]", {}, False),
        ("operations: [upsert]", {}, True),
        ("operations: [delete, insert]", {}, False),
        ("destinations: [hubspot]", {}, True),
        ("destinations: [api.hubapi.com]", {}, True),
        ("destinations: ['*.hubapi.com:443']", {}, True),
        ("destinations: [salesforce]", {}, False),
        ("agents: [retl]", {}, True),
        ("agents: [other]", {}, False),
        ("tenants: [acme]", {}, True),
        ("tenants: [umbrella]", {}, False),
        ("syncs: ['s?']", {}, True),
        ("syncs: [s2]", {}, False),
    ],
)
def test_rules_are_addressed(rule: str, changed: dict[str, str], expected: bool) -> None:
    judge = inspector(limits(f"rules: [{{name: r, {rule}, per_request: 1}}]"))
    assert (rules(judge.inspect(written(people(2), **changed))) != []) is expected  # type: ignore[arg-type]


def test_the_first_rule_that_gives_a_limit_decides() -> None:
    judge = inspector(
        limits(
            "rules: [{name: a, targets: [contacts], per_run: 5}, {name: b, per_request: 2}, {name: c, per_request: 1}]"
        )
    )
    found = list(judge.inspect(written(people(3))))
    assert [(one.rule, one.detail["by"]) for one in found] == [("rows.limit", "b")]
    assert told(judge.inspect(written(people(3), exchange="x2")))[-1] == ("rows.limit", "run", ())


def test_off_lifts_a_later_limit() -> None:
    judge = inspector(limits("rules: [{name: a, per_request: off}, {name: b, per_request: 1}]"))
    assert rules(judge.inspect(written(people(50)))) == []


def test_a_run_is_counted_over_its_requests() -> None:
    judge = inspector(limits("rules: [{name: r, per_run: 100}]"))
    for number in range(10):
        assert rules(judge.inspect(written(people(10), exchange=f"x{number}"))) == []
    (found,) = judge.inspect(written(people(1), exchange="y"))
    assert (found.rule, dict(found.detail)) == (
        "rows.limit",
        {"kind": "run", "by": "r", "limit": 100, "observed": 101},
    )
    assert rules(judge.inspect(written(people(10), run="r2", exchange="z"))) == []
    assert rules(judge.inspect(written(people(10), target="deals", exchange="w"))) == []


def test_what_was_refused_counts_nothing_and_what_did_not_leave_is_given_back() -> None:
    judge = inspector(limits("rules: [{name: r, per_run: 10}]"))
    assert rules(judge.inspect(written(people(11), exchange="a"))) == ["rows.limit"]
    judge.settle(written(people(11), exchange="a"), frozenset(), 403, b"")
    first = written(people(10), exchange="b")
    assert rules(judge.inspect(first)) == []
    judge.settle(first, frozenset(range(4)), 207, b"")
    assert rules(judge.inspect(written(people(6), exchange="c"))) == []
    assert rules(judge.inspect(written(people(1), exchange="d"))) == ["rows.limit"]


def test_settling_twice_gives_back_once() -> None:
    judge = inspector(limits("rules: [{name: r, per_run: 10}]"))
    first = written(people(10), exchange="a")
    assert rules(judge.inspect(first)) == []
    for _ in range(3):
        judge.settle(first, frozenset(range(5)), 200, b"")
    assert rules(judge.inspect(written(people(6), exchange="b"))) == ["rows.limit"]


def test_in_shadow_everything_counts_and_is_told() -> None:
    judge = inspector(limits("rules: [{name: r, per_run: 10}]"))
    assert rules(judge.inspect(written(people(20), enforced=False))) == ["rows.limit"]
    (found,) = judge.inspect(written(people(1), enforced=False, exchange="y"))
    assert found.detail["observed"] == 21


def test_windows_slide() -> None:
    judge = inspector(limits("rules: [{name: r, windows: [{rows: 100, window_s: 60}]}]"))
    assert rules(judge.inspect(written(people(100)))) == []
    assert told(judge.inspect(written(people(1), run="r2", exchange="b"))) == [("rows.limit", "window", ())]
    assert rules(judge.inspect(written(people(100), run="r3", exchange="c", now=NOW + 70))) == []


def test_windows_are_shared_by_what_policy_says() -> None:
    judge = inspector(limits("rules: [{name: r, windows: [{rows: 10, per: [tenant]}]}]"))
    assert rules(judge.inspect(written(people(10), destination="a:443", agent="one"))) == []
    assert rules(judge.inspect(written(people(1), destination="b:443", agent="two", exchange="b"))) == ["rows.limit"]
    assert rules(judge.inspect(written(people(1), tenant="other", exchange="c"))) == []


@pytest.mark.parametrize(
    ("settings", "count", "expected"),
    [
        ("deletes: {allow: false}", 3, [("rows.deletes", "denied", (0, 1, 2))]),
        ("deletes: {per_request: 2}", 3, [("rows.deletes", "request", ())]),
        ("deletes: {per_request: 3}", 3, []),
        ("deletes: {per_run: 2}", 3, [("rows.deletes", "run", ())]),
        ("deletes: {share: 0.02}, table_rows: 100", 3, [("rows.deletes", "run", ())]),
        ("deletes: {share: 0.03}, table_rows: 100", 3, []),
    ],
)
def test_deletes(settings: str, count: int, expected: list[tuple[str, str, tuple[int, ...]]]) -> None:
    judge = inspector(limits(f"rules: [{{name: r, {settings}}}]"))
    assert told(judge.inspect(written(people(count), operation=Operation.DELETE))) == expected
    assert told(judge.inspect(written(people(count), exchange="u"))) == []


def test_deletes_between_other_rows_are_found() -> None:
    judge = inspector(limits("rules: [{name: r, deletes: {allow: false}}]"))
    from tests.activation.rows.support import rows

    mixed = (*rows(people(3)), *rows(people(2), Operation.DELETE, first=3), *rows(people(2), first=5))
    assert told(judge.inspect(written(mixed))) == [("rows.deletes", "denied", (3, 4))]


def test_shipped_limits_hold_back_a_mass_delete_and_let_a_sync_pass() -> None:
    judge = inspector(shipped())
    for number in range(20):
        assert rules(judge.inspect(written(people(200, first=200 * number), exchange=f"x{number}"))) == []
    assert told(judge.inspect(written(people(101), operation=Operation.DELETE, exchange="d"))) == [
        ("rows.deletes", "request", ())
    ]


def test_share_of_a_table_counts_records_once() -> None:
    judge = inspector(limits("rules: [{name: r, share: 0.1, table_rows: 5000}]"))
    for number in range(20):  # the same 250 records again and again
        assert rules(judge.inspect(written(people(250), exchange=f"x{number}"))) == []
    found = []
    for number in range(3):
        found += list(judge.inspect(written(people(200, first=1000 + 200 * number), exchange=f"y{number}")))
    assert [one.rule for one in found] == ["rows.share"] * 2
    assert found[-1].detail["limit"] == 500


def test_small_shares_are_exact() -> None:
    judge = inspector(limits("rules: [{name: r, share: 0.05, table_rows: 100}]"))
    assert rules(judge.inspect(written(people(5)))) == []
    assert rules(judge.inspect(written(people(1, first=5), exchange="b"))) == ["rows.share"]


def test_share_counts_over_workers(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.sqlite")
    section = limits("rules: [{name: r, share: 0.1, table_rows: 5000}]")
    one, two = inspector(section, state), inspector(section, state)
    assert rules(one.inspect(written(people(300), exchange="a"))) == []
    assert rules(two.inspect(written(people(150, first=300), exchange="b"))) == []
    assert rules(two.inspect(written(people(100, first=500), exchange="c"))) == ["rows.share"]
    assert rules(one.inspect(written(people(1, first=900), exchange="d"))) == ["rows.share"]
    state.close()


def test_table_sizes_by_name_and_file(tmp_path: Path) -> None:
    (tmp_path / "sizes.yaml").write_text("crm.contacts: 10\nbig_*: 1000\n")
    section = limits("table_sizes_file: sizes.yaml\ntable_sizes: {deals: 4}\nrules: [{name: r, share: 0.5}]")
    judge = inspector(section, base_dir=tmp_path)
    cases = [("CRM.Contacts", 6, True), ("crm.contacts", 5, False), ("deals", 3, True), ("big_one", 400, False)]
    for number, (target, count, refused) in enumerate(cases):
        found = rules(judge.inspect(written(people(count), target=target, exchange=f"x{number}", run=f"r{number}")))
        assert (found == ["rows.share"]) is refused, target
    (tmp_path / "sizes.yaml").write_text("[1]")
    with pytest.raises(PolicyError):
        inspector(section, base_dir=tmp_path)


class _Broken(MemoryState):
    def add_all(self, *_: object) -> list[object]:  # type: ignore[override]
        raise StateError("gone")

    take = put_new = entries = put = add_all  # type: ignore[assignment]


def test_a_lost_store_does_what_policy_says_for_each_limit() -> None:
    text = (
        "default: {per_run: 5, deletes: {}, idempotency: {}, nulls: {}, velocity: {rows_per_s: 5}}\n"
        "on_loss: {limits: %s, deletes: %s, velocity: %s, idempotency: %s, profiles: %s}"
    )
    for word in ("mark", "block"):
        judge = inspector(limits(text % ((word,) * 5)), _Broken())
        found = list(judge.inspect(written(people(2), operation=Operation.DELETE, body=b"{}")))
        assert {one.rule for one in found} == {"rows.limit", "rows.deletes", "rows.velocity", "rows.duplicate"}
        for one in found:
            assert one.detail == {"kind": "state_lost"}
            assert (one.action is None, one.retry_after > 0) == (word == "block", word == "block")
        found = list(judge.inspect(written(people(2), exchange="u")))
        assert "rows.null_overwrite" in {one.rule for one in found}


def test_rows_of_nobody() -> None:
    section = limits("unattributed: mark")
    judge = inspector(section)
    assert rules(judge.inspect(written(people(1), sync="", run=""))) == ["rows.unattributed"]
    assert rules(judge.inspect(written(people(1), sync="", run="r"))) == []
    assert rules(judge.inspect(written([], sync="", run=""))) == []
    assert rules(inspector(limits("unattributed: allow")).inspect(written(people(1), sync="", run=""))) == []


CHILD = """
import sys
from pathlib import Path
from clyra_proxy.state.sqlite import SqliteState
from tests.activation.rows.support import inspector, limits, people, written
judge = inspector(limits("rules: [{name: r, per_run: 500, deletes: {per_run: 70}}]"), SqliteState(Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
from clyra_proxy.activation.model import Operation
passed = sum(not list(judge.inspect(written(people(7), exchange=f"{sys.argv[2]}-{n}"))) for n in range(40))
deleted = sum(
    not list(judge.inspect(written(people(3), operation=Operation.DELETE, target="d", exchange=f"{sys.argv[2]}d{n}")))
    for n in range(20)
)
print(passed, deleted)
"""


def test_processes_do_not_exceed_a_limit_together(tmp_path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / "state.sqlite"), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for number in range(3)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    answers = [tuple(map(int, child.communicate(timeout=60)[0].split())) for child in children]
    assert sum(answer[0] for answer in answers) == 71
    assert sum(answer[1] for answer in answers) == 23
