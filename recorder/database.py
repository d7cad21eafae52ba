"""The SQLite file of the log: WAL, synchronous=FULL, one writer, held by an exclusive lock.

`records` keeps each line with its leaf hash; `state` is one row that changes in the same transaction as the records it
describes; `anchors` are checkpoints with their frontier, from which any window can be continued; `intents` are the
write-ahead records that waited for their outcome at the newest anchor; `runs` lets a source hand in the same event
twice without harm; `rotations` are the statements that changed the log's keys, `checkpoints` those that stay provable
when the key that signed them is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recorder import migration
from recorder.errors import StoreCorruptError, StoreFullError, StoreLockedError
from recorder.merkle import Frontier

_APPLICATION_ID = 0x436C7972  # "Clyr"
_VERSION = 3
LONGEST_WAL = 2048
"""Pages of the write-ahead log past which a commit moves what `WalFolding` left, so that the log begins anew: one that
is written over again syncs twice as fast as one that grows."""
_TABLES = """
CREATE TABLE records(seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL, line BLOB NOT NULL);
CREATE TABLE state(one INTEGER PRIMARY KEY CHECK(one = 1), origin TEXT NOT NULL, size INTEGER NOT NULL,
  frontier BLOB NOT NULL, note BLOB NOT NULL, last_ts INTEGER NOT NULL, own_seq INTEGER NOT NULL);
CREATE TABLE anchors(size INTEGER PRIMARY KEY, frontier BLOB NOT NULL, note BLOB NOT NULL, made INTEGER NOT NULL);
CREATE TABLE sources(id TEXT PRIMARY KEY, key_name TEXT NOT NULL, last INTEGER NOT NULL, lost INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TABLE intents(source TEXT NOT NULL, exchange TEXT NOT NULL, typ TEXT NOT NULL, seq INTEGER NOT NULL,
  leaf BLOB NOT NULL, deadline INTEGER NOT NULL, closed_seq INTEGER, closed_leaf BLOB,
  PRIMARY KEY(source, exchange)) WITHOUT ROWID;
CREATE TABLE bundles(start INTEGER PRIMARY KEY, end INTEGER NOT NULL, digest TEXT NOT NULL, path TEXT NOT NULL);
"""
_RUNS = """
CREATE TABLE runs(source TEXT NOT NULL, first INTEGER NOT NULL, digests BLOB NOT NULL,
  PRIMARY KEY(source, first)) WITHOUT ROWID;
"""
_KEYS = """
CREATE TABLE rotations(seq INTEGER PRIMARY KEY, envelope BLOB NOT NULL, possession TEXT NOT NULL);
CREATE TABLE checkpoints(size INTEGER PRIMARY KEY, note BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class State:
    """The one row that says where the log stands. note: the newest signed checkpoint."""

    origin: str
    size: int
    frontier: bytes
    note: bytes
    last_ts: int
    own_seq: int


class ExclusiveLock:
    """An advisory lock on a file, held for the life of the process. Two writers on one log would fork it."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreCorruptError(
                f"There is no log in {path.parent} that can be opened.",
                f"The system says: {error.strerror}.",
                "Run `clyra-recorder init`, or check --home.",
            ) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise StoreLockedError(
                f"Another recorder (process {holder}) has {path.parent} open.",
                "Two recorders writing one log would give it two histories.",
                "Stop the other one, or give this one its own --home.",
            ) from None
        with contextlib.suppress(OSError):  # the number only helps a person; the lock holds without it
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The writer's connection; creates the tables in a new file. Raises StoreFullError, StoreCorruptError."""
    try:
        fresh = not path.exists()
        if fresh:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_size_limit=67108864")
        connection.execute("PRAGMA cache_size=-16384")
        connection.execute(f"PRAGMA wal_autocheckpoint={LONGEST_WAL}")
        _create_tables(connection)
    except sqlite3.OperationalError as error:
        raise StoreFullError(f"Cannot open the log {path}.", f"SQLite says: {error}.", "Free disk space.") from None
    except sqlite3.DatabaseError as error:
        raise StoreCorruptError(f"{path} is not a readable log.", f"SQLite says: {error}.") from None
    except OSError as error:
        raise StoreFullError(f"Cannot open the log {path}: {error.strerror}.", "", "Free disk space.") from None
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A read-only connection that may live beside the writer."""
    if not path.exists():
        raise StoreCorruptError(f"There is no log at {path}.", "", "Run `clyra-recorder init`, or check --home.")
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)


def _create_tables(connection: sqlite3.Connection) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if (application, version) == (_APPLICATION_ID, _VERSION):
        return
    if application == _APPLICATION_ID and 1 <= version < _VERSION:
        _migrate(connection, version)
        return
    if application or version or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreCorruptError(
            "The log file was written by another program or version.",
            f"Its application id is {application:#x}, its version {version}.",
            "Use the recorder that wrote it, or another --home.",
        )
    pragmas = f"PRAGMA application_id={_APPLICATION_ID}; PRAGMA user_version={_VERSION};"
    connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} {_RUNS} {_KEYS} {pragmas} COMMIT;")


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version < 2:
            migration.to_version_2(connection, _RUNS)
        migration.to_version_3(connection, _KEYS)
        connection.execute(f"PRAGMA user_version={_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def read_state(connection: sqlite3.Connection) -> State | None:
    """Where the log stands, or None for an empty store."""
    row = connection.execute("SELECT origin, size, frontier, note, last_ts, own_seq FROM state").fetchone()
    return State(*row) if row else None


def read_lines(connection: sqlite3.Connection, start: int, end: int) -> Iterator[tuple[int, bytes, bytes]]:
    """(seq, leaf, line) of records [start, end), in order."""
    yield from connection.execute(
        "SELECT seq, leaf, line FROM records WHERE seq >= ? AND seq < ? ORDER BY seq", (start, end)
    )


def frontier_at(connection: sqlite3.Connection, size: int) -> Frontier:
    """The compact range of the tree over the first `size` records. Raises StoreCorruptError."""
    row = connection.execute(
        "SELECT size, frontier FROM anchors WHERE size <= ? ORDER BY size DESC LIMIT 1", (size,)
    ).fetchone()
    frontier = Frontier.from_bytes(*row) if row else Frontier()
    for (leaf,) in connection.execute(
        "SELECT leaf FROM records WHERE seq >= ? AND seq < ? ORDER BY seq", (frontier.size, size)
    ):
        frontier.append(leaf)
    if frontier.size != size:
        raise StoreCorruptError(f"The log has no tree of size {size}.", f"It ends at {frontier.size}.")
    return frontier
