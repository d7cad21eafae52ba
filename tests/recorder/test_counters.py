"""Counters and open intents outlive a crash though no commit writes them out; files of version 1 are taken over."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest

from recorder import counters, database, migration
from recorder.admission import Outcome, parse_batch
from recorder.errors import StoreCorruptError, StoreFullError
from recorder.intents import Intents
from recorder.layout import Layout
from recorder.store import Store
from tests.support.recorder_process import batch_body, intent, outcome

OpenStore = Callable[..., Store]


def _commit(store: Store, source: str, first: int, *events: dict[str, Any], **header: Any) -> Outcome:
    done = store.commit([parse_batch(batch_body(source, first, events, **header), "source", "a" * 64)])
    (result,) = done.results
    assert isinstance(result, Outcome)
    return result


def _rows(layout: Layout, table: str) -> int:
    with sqlite3.connect(layout.database) as connection:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    connection.close()
    return found


def _anchor_every_time(monkeypatch: pytest.MonkeyPatch, wanted: bool) -> None:
    monkeypatch.setattr(Store, "_anchor_due", lambda _self, _size: wanted)


def test_open_intents_are_found_again_in_the_records(
    layout: Layout, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened, answered and closed as unknown before, at and after an anchor: each run begins with the same."""
    _anchor_every_time(monkeypatch, wanted=False)
    store = open_store()
    _commit(store, "p", 1, intent("old"), intent("done"), intent("late"), intent("lost", deadline_s=1))
    _commit(store, "quiet", 1, intent("silent"))
    _anchor_every_time(monkeypatch, wanted=True)
    _commit(store, "p", 5, outcome("done"), intent("at anchor"))
    _anchor_every_time(monkeypatch, wanted=False)
    _commit(store, "p", 7, outcome("old"), intent("new", deadline_s=77), intent("short"), outcome("short"))
    later = time.time() + 10
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: later)
        store.commit([], frozenset({"quiet"}))
    known = {key: (made.seq, made.leaf, made.closed_seq, made.closed_leaf) for key, made in store.intents.known.items()}
    deadlines = {key: made.deadline for key, made in store.intents.known.items()}
    assert {key[1] for key in known} == {"late", "lost", "silent", "at anchor", "new"}
    assert _rows(layout, "intents") == 5  # as of the anchor
    store.shut()
    for _ in range(2):
        store = open_store()
        assert known == {
            key: (made.seq, made.leaf, made.closed_seq, made.closed_leaf) for key, made in store.intents.known.items()
        }
        assert all(abs(made.deadline - deadlines[key]) <= 1 for key, made in store.intents.known.items())
        store.shut()
    _anchor_every_time(monkeypatch, wanted=True)
    store = open_store()
    _commit(store, "p", 11, outcome("new"), outcome("late"))
    assert _rows(layout, "intents") == 3
    with sqlite3.connect(layout.database) as connection:
        assert Intents.load(connection).known == store.intents.known
    connection.close()


def test_a_failed_commit_forgets_the_intents_it_opened(
    layout: Layout, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    _commit(store, "p", 1, intent("kept"))

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("injected")

    with monkeypatch.context() as patch:
        patch.setattr(counters, "save", fail)
        with pytest.raises(StoreFullError, match="injected"):
            _commit(store, "p", 2, outcome("kept"), intent("gone"))
    assert {key[1] for key in store.intents.known} == {"kept"}
    assert _commit(store, "p", 2, outcome("kept"), intent("gone")) == Outcome(3)


@pytest.mark.parametrize("reopen", [False, True])
def test_an_event_of_an_old_run_is_known_by_its_digest(layout: Layout, open_store: OpenStore, reopen: bool) -> None:
    store = open_store()
    bad = intent("bad", surprise=1)
    _commit(store, "p", 1, intent("a"), bad, intent("c"))
    _commit(store, "p", 6, intent("f"))
    _commit(store, "q", 1, intent("other"))
    if reopen:
        store.shut()
        store = open_store()
    again = _commit(store, "p", 1, intent("a"), bad, intent("x"), intent("d"), intent("e"), intent("f"), intent("g"))
    assert again.acked == 7
    assert again.rejected == [(2, "not_recorded"), (3, "conflict"), (4, "not_recorded"), (5, "not_recorded")]
    assert (store.sources["p"].last, store.sources["p"].lost) == (7, 3)
    assert _commit(store, "p", 6, intent("f"), intent("g"), intent("h")) == Outcome(8)


def test_a_source_that_only_said_hello_is_stored_once_it_hands_in(layout: Layout, open_store: OpenStore) -> None:
    store = open_store()
    assert _commit(store, "p", 1) == Outcome(0)
    _commit(store, "p", 1, intent("a"))
    store.shut()
    store = open_store()
    assert _commit(store, "p", 1, intent("a")) == Outcome(1)
    assert _rows(layout, "sources") == 1


def _to_version_1(layout: Layout, store: Store) -> None:
    """Write the file as version 1 of the recorder did."""
    known = dict(store.intents.known)
    sources = dict(store.sources)
    store.shut()
    connection = sqlite3.connect(layout.database)
    connection.execute(
        "CREATE TABLE events(source TEXT NOT NULL, seq INTEGER NOT NULL, digest BLOB NOT NULL, at INTEGER NOT NULL,"
        " PRIMARY KEY(source, seq)) WITHOUT ROWID"
    )
    for row in connection.execute("SELECT source, first, digests FROM runs").fetchall():
        run = counters.Run(*row)
        for number in range(run.first, run.last + 1):
            if run.digest_of(number) != counters.NOT_RECORDED:
                connection.execute("INSERT INTO events VALUES(?,?,?,?)", (run.source, number, run.digest_of(number), 7))
    for table in ("runs", "rotations", "checkpoints"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("DELETE FROM intents")
    connection.executemany(
        "INSERT INTO intents VALUES(?,?,?,?,?,?,?,?)",
        [(*key, m.typ, m.seq, m.leaf, m.deadline, m.closed_seq, m.closed_leaf) for key, m in known.items()],
    )
    for name, source in sources.items():
        connection.execute("INSERT OR REPLACE INTO sources VALUES(?,?,?,?)", (name, "source", source.last, source.lost))
    connection.execute("PRAGMA user_version=1")
    connection.commit()
    connection.close()


def test_a_file_of_version_1_is_taken_over(
    layout: Layout, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "MAX_RUN", 2)
    store = open_store()
    first = [intent("a"), intent("b", surprise=1), intent("c"), intent("d"), intent("e"), outcome("a")]
    _commit(store, "p", 1, *first)
    _commit(store, "q", 4, intent("z"), intent("bad", surprise=1))
    known = dict(store.intents.known)
    _to_version_1(layout, store)
    with monkeypatch.context() as patch:
        patch.setattr(migration, "_runs", lambda _rows: iter([("p", 1, None)]))  # fails half-way: nothing has changed
        with pytest.raises(StoreCorruptError):
            open_store()
    assert _rows(layout, "events") == 6
    store = open_store()
    assert store.intents.known.keys() == known.keys()
    assert _commit(store, "p", 1, *first) == Outcome(6, [(2, "not_recorded")])
    assert _commit(store, "q", 4, intent("z")) == Outcome(5)
    assert _commit(store, "q", 6, outcome("z")) == Outcome(6)
    store.shut()
    assert open_store().intents.open_count == 3


def test_a_file_of_a_later_version_is_refused(layout: Layout, open_store: OpenStore) -> None:
    open_store().shut()
    connection = sqlite3.connect(layout.database)
    connection.execute(f"PRAGMA user_version={database._VERSION + 1}")
    connection.close()
    with pytest.raises(StoreCorruptError, match="another program or version"):
        open_store()
