"""The log: counters, gaps, intents, clocks, recovery; what must be refused is refused."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from recorder import database
from recorder.admission import BatchError, Outcome, parse_batch
from recorder.chain import Chain
from recorder.errors import StoreCorruptError, StoreLockedError
from recorder.layout import Layout
from recorder.merkle import Frontier, leaf_hash
from recorder.store import Store
from tests.support.recorder_process import batch_body, intent, outcome

OpenStore = Callable[..., Store]


def _commit(store: Store, source: str, first: int, *events: dict[str, Any], **header: Any) -> Outcome:
    done = store.commit([parse_batch(batch_body(source, first, events, **header), "source", "a" * 64)])
    (result,) = done.results
    assert isinstance(result, Outcome)
    return result


def _records(layout: Layout) -> list[dict[str, Any]]:
    """All records, after proving the whole log from its lines."""
    connection = database.open_for_reading(layout.database)
    frontier, prev, found = Frontier(), "0" * 64, []
    for seq, leaf, line in database.read_lines(connection, 0, 1 << 60):
        record = orjson.loads(line)
        assert (seq, leaf, record["prev"], record["seq"]) == (frontier.size, leaf_hash(line), prev, seq)
        frontier.append(leaf)
        prev = leaf.hex()
        found.append(record)
    state = database.read_state(connection)
    assert state is not None
    assert frontier.to_bytes() == state.frontier
    connection.close()
    return found


def _of_type(layout: Layout, typ: str) -> list[dict[str, Any]]:
    return [record["data"] for record in _records(layout) if record["typ"] == typ]


def test_an_intent_is_answered_by_its_outcome(layout: Layout, open_store: OpenStore) -> None:
    store = open_store()
    assert _commit(store, "p", 1, intent("x"), outcome("x")).acked == 2
    records = _records(layout)
    assert [record["typ"] for record in records[:4]] == ["sys.genesis", "sys.key", "sys.key", "sys.config"]
    made, answer = records[4:]
    assert answer["refs"] == [{"rel": "answers", "seq": made["seq"], "sha256": answer["prev"]}]
    assert store.intents.open_count == 0


def test_the_same_event_twice_is_one_record(layout: Layout, open_store: OpenStore) -> None:
    store = open_store()
    for _ in range(3):
        assert _commit(store, "p", 1, intent("x"), outcome("x")) == Outcome(2)
    assert _commit(store, "p", 2, outcome("x"), intent("y")) == Outcome(3)
    assert len(_records(layout)) == 4 + 3


def test_another_event_under_a_used_counter_is_refused(layout: Layout, open_store: OpenStore) -> None:
    store = open_store()
    _commit(store, "p", 1, intent("x"))
    assert _commit(store, "p", 1, intent("other")).rejected == [(1, "conflict")]
    store.shut()
    assert _commit(open_store(), "p", 1, intent("other")).rejected == [(1, "conflict")]
    assert len([record for record in _records(layout) if record["typ"] == "pef.http_call"]) == 1


def test_a_jump_of_the_counter_is_a_declared_gap(layout: Layout, open_store: OpenStore) -> None:
    store = open_store()
    _commit(store, "p", 3, intent("x"), cause="overflow")
    assert _of_type(layout, "sys.gap") == [{"source": "p", "first": 1, "last": 2, "count": 2, "cause": "overflow"}]
    assert _commit(store, "p", 2, intent("late")).rejected == [(2, "not_recorded")]


@pytest.mark.parametrize(
    "bad",
    [
        {"typ": "sys.close", "data": {"cause": "forged"}},
        {"typ": "pef.unknown", "data": {}},
        {"typ": "pef.http_call", "data": {}},
        {"data": {}},
        intent("x") | {"origin": "other"},
        intent("x") | {"seq": 9},
        intent("x") | {"ts": "2020-01-01T00:00:00.000000Z"},
        intent("x") | {"surprise": 1},
        intent("x", surprise=1),
        intent("x", generation=1.5),
        intent("x", generation=1.0),
        intent("x", generation=2**53),
        intent("x", deadline_s="soon"),
        intent("x", route="x" * 300),
        intent("x") | {"claim": {"Model": "x"}},
        intent("x") | {"refs": "no"},
        outcome("x") | {"data": {"phase": "outcome", "exchange": "x"}},
    ],
)
def test_an_event_that_breaks_the_rules_is_a_gap_and_stops_nothing(
    layout: Layout, open_store: OpenStore, bad: dict[str, Any]
) -> None:
    result = _commit(open_store(), "p", 1, bad, intent("good"))
    assert [number for number, _ in result.rejected] == [1]
    assert result.acked == 2
    (gap,) = _of_type(layout, "sys.gap")
    assert (gap["cause"], gap["first"], gap["last"]) == ("invalid", 1, 1)
    assert _records(layout)[-1]["data"]["exchange"] == "good"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"source":"p"}',
        b'{"source":"p","first":0}',
        b'{"source":"p","first":true}',
        b'{"source":"P","first":1}',
        b'{"source":"recorder","first":1}',
        b'{"source":"p","first":1,"cause":"because"}',
        b'{"source":"p","first":1,"other":1}',
        b'{"source":"p","first":1,"spooled":1}',
        b'{"source":"p","first":9007199254740991}',
        b'{"source":"p","first":1}' + b"\n{}" * 4097,
    ],
)
def test_unusable_batches(body: bytes) -> None:
    with pytest.raises(BatchError):
        parse_batch(body, "source", "")


def test_a_key_of_one_source_cannot_speak_for_another(open_store: OpenStore) -> None:
    assert parse_batch(b'{"source":"sdk-7","first":1}', "sdk", "").source == "sdk-7"
    with pytest.raises(BatchError):
        parse_batch(b'{"source":"proxy-1","first":1}', "sdk", "")
    store = open_store()
    _commit(store, "sdk-7", 1, intent("x"))
    done = store.commit([parse_batch(batch_body("sdk-7", 2, [intent("y")]), "sdk", "")])
    assert isinstance(done.results[0], BatchError)


def test_spooled_events_are_announced(layout: Layout, open_store: OpenStore) -> None:
    _commit(open_store(), "p", 1, intent("x"), outcome("x"), spooled=True)
    assert [record["typ"] for record in _records(layout)[4:]] == ["sys.spool", "pef.http_call", "pef.http_call"]
    assert _of_type(layout, "sys.spool") == [{"source": "p", "first": 1, "last": 2, "count": 2}]


@pytest.mark.parametrize(("silent", "cause"), [(frozenset({"p"}), "source_lost"), (frozenset[str](), "deadline")])
def test_an_intent_without_outcome_is_closed_as_unknown(
    layout: Layout, open_store: OpenStore, silent: frozenset[str], cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    _commit(store, "p", 1, intent("x", deadline_s=600))
    store.shut()
    store = open_store()
    store.commit([], frozenset())
    assert store.intents.open_count == 1
    if not silent:
        import recorder.store as module

        later = module.time.time() + 1000
        monkeypatch.setattr(module.time, "time", lambda: later)
    store.commit([], silent)
    unknown = _records(layout)[-1]
    assert unknown["data"] == {"phase": "outcome", "exchange": "x", "result": "unknown", "cause": cause}
    assert unknown["refs"][0]["seq"] == 4
    _commit(store, "p", 2, outcome("x"))
    assert [ref["rel"] for ref in _records(layout)[-1]["refs"]] == ["answers", "supersedes"]


class _Clock:
    """A wall clock and a boot clock, in microseconds, that the test moves."""

    def __init__(self) -> None:
        self.wall, self.mono = 1_700_000_000_000_000, 5_000_000

    def __call__(self) -> tuple[int, int]:
        return self.wall, self.mono

    def pass_by(self, micros: int) -> None:
        self.wall += micros
        self.mono += micros


def test_a_step_of_the_clock_is_declared(layout: Layout, open_store: OpenStore) -> None:
    clock = _Clock()
    store = open_store(clock=clock)
    clock.pass_by(1_000_000)
    _commit(store, "p", 1, intent("a"))
    clock.wall -= 500_000  # slewed: hidden by holding the time still
    _commit(store, "p", 2, intent("b"))
    clock.wall -= 3_600_000_000
    _commit(store, "p", 3, intent("c"))
    store.shut()
    clock.wall -= 3_600_000_000
    store = open_store(clock=clock)
    _commit(store, "p", 4, intent("d"))
    assert [step["cause"] for step in _of_type(layout, "sys.clock")] == ["step", "restart"]
    last, step_before = "", False
    for record in _records(layout):
        assert record["ts"] >= last or step_before
        last, step_before = record["ts"], record["typ"] == "sys.clock"
    times = [(record["boot"], record["mono_us"]) for record in _records(layout)]
    assert all(a[0] != b[0] or a[1] < b[1] for a, b in itertools.pairwise(times))


def test_only_one_recorder_may_write(open_store: OpenStore) -> None:
    store = open_store()
    with pytest.raises(StoreLockedError, match="two histories"):
        open_store()
    store.shut()
    open_store()


def test_a_restored_old_copy_is_refused(layout: Layout, open_store: OpenStore) -> None:
    store = open_store()
    _commit(store, "p", 1, intent("x"))
    store.shut()
    copy = layout.folder / "copy.db"
    shutil.copy(layout.database, copy)
    store = open_store()
    _commit(store, "p", 2, outcome("x"))
    store.shut()
    shutil.copy(copy, layout.database)
    with pytest.raises(StoreCorruptError, match="already signed"):
        open_store()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE records SET line = replace(line, 'agent-1', 'agent-2') WHERE seq = 4",
        "UPDATE records SET leaf = zeroblob(32) WHERE seq = 4",
        "DELETE FROM records WHERE seq = 5",
        "DELETE FROM records WHERE seq = 3",
        "UPDATE state SET frontier = (SELECT leaf FROM records WHERE seq = 0), size = 1",
        "UPDATE state SET note = replace(note, '6', '7')",
    ],
)
def test_a_damaged_tail_is_never_continued(layout: Layout, open_store: OpenStore, damage: str) -> None:
    store = open_store()
    _commit(store, "p", 1, intent("x"), outcome("x"))
    store.shut()
    connection = sqlite3.connect(layout.database)
    connection.execute(
        damage.replace("replace(line", "cast(replace(cast(line AS TEXT)")
        .replace("'agent-2')", "'agent-2') AS BLOB)")
        .replace("replace(note, '6', '7')", "cast(replace(cast(note AS TEXT), '6', '7') AS BLOB)")
    )
    connection.commit()
    connection.close()
    with pytest.raises(StoreCorruptError):
        open_store()


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_foreign_file_is_refused(layout: Layout, open_store: OpenStore, content: bytes) -> None:
    layout.database.write_bytes(content)
    with pytest.raises(StoreCorruptError):
        open_store()


def test_a_failed_commit_leaves_nothing_behind(
    layout: Layout, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    before = (store.size, store.root)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("injected")

    with monkeypatch.context() as patch:
        patch.setattr(Chain, "append", fail)
        with pytest.raises(RuntimeError, match="injected"):
            _commit(store, "p", 1, intent("x"))
    assert (store.size, store.root) == before
    assert _commit(store, "p", 1, intent("x")) == Outcome(1)
    assert store.size == before[0] + 1
    assert len(_records(layout)) == store.size


def test_the_log_can_be_closed_for_good(layout: Layout, open_store: OpenStore) -> None:
    open_store().close_log("decommissioned")
    assert _records(layout)[-1]["data"] == {"cause": "decommissioned"}
