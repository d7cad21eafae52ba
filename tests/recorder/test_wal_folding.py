"""What is written ahead is moved to its place beside the writers: in the end it is there, and the log stays short."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder import wal_folding
from recorder.wal_folding import WalFolding, fold

PAGE = 4096


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "some.db"
    with _connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE texts(text)")
    connection.close()
    return path


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection


def _write(connection: sqlite3.Connection, commits: int, told: Callable[[], None]) -> None:
    for _ in range(commits):
        connection.execute("INSERT INTO texts VALUES(?)", ("x" * PAGE,))
        told()


def _until(done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_what_is_committed_comes_to_its_place_while_the_writer_goes_on(database: Path) -> None:
    connection, folding, small = _connect(database), WalFolding(database), database.stat().st_size
    _write(connection, wal_folding.EVERY - 1, folding.committed)
    assert database.stat().st_size == small
    _write(connection, 1, folding.committed)
    assert _until(lambda: database.stat().st_size > wal_folding.EVERY * PAGE)
    folding.close()
    connection.close()


def test_a_long_log_begins_anew_though_others_write(database: Path) -> None:
    connections = [_connect(database) for _ in range(2)]
    mover = _connect(database)
    for _ in range(20):
        for connection in connections:
            _write(connection, 20, lambda: None)
        fold(mover, 30)
    log = database.with_name("some.db-wal")
    assert log.stat().st_size < 200 * PAGE
    assert connections[0].execute("SELECT count(*) FROM texts").fetchone() == (800,)
    for connection in (*connections, mover):
        connection.close()


def test_a_reader_that_stays_keeps_nobody_from_writing(database: Path) -> None:
    connection, reader, mover = _connect(database), _connect(database), _connect(database)
    mover.execute("PRAGMA busy_timeout=1")
    _write(connection, 50, lambda: None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM texts").fetchone() == (50,)
    _write(connection, 50, lambda: None)
    fold(mover, 10)
    _write(connection, 50, lambda: None)
    assert reader.execute("SELECT count(*) FROM texts").fetchone() == (50,)
    for one in (connection, reader, mover):
        one.close()


def test_its_thread_begins_when_needed_and_ends_when_closed(database: Path) -> None:
    def threads() -> int:
        return sum(thread.name == "wal-folding" for thread in threading.enumerate())

    before, folding = threads(), WalFolding(database)
    for _ in range(wal_folding.EVERY):
        assert threads() == before
        folding.committed()
    assert threads() == before + 1
    folding.close()
    assert threads() == before
    folding.close()


def test_where_it_fails_nobody_hears_of_it(tmp_path: Path) -> None:
    folding = WalFolding(tmp_path / "no" / "such.db")
    for _ in range(3 * wal_folding.EVERY):
        folding.committed()
    folding.close()
