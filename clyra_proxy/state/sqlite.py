"""State in one SQLite file that all workers of a machine share.

Guarantees: every operation is one transaction, so it is atomic across threads and processes; a reader never waits for
a writer (WAL); the file is 0600 and never followed through a symbolic link; what expired is swept away a little with
each write, and past `SOFT_PAGES` the entries that expire next go before their time, so that the file stays below
`MAX_PAGES` whatever clients do. What never expires (pins, approvals) is never evicted. A process has one connection
behind a lock: threads queue in memory instead of polling the file; a forked child opens its own and never touches its
parent's. Losing power may lose the last moments, never the file (https://sqlite.org/wal.html, synchronous=NORMAL).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from clyra_proxy.state.store import SLOTS, Addition, Admission, Bucket, StateError, Taken, refuse_unstorable, slot_of
from clyra_proxy.state.sweep import MAX_PAGES, Sweeper

STATE_FILE = "state.sqlite"
"""Name of the file in the data folder."""

BUSY_MS = 2000
_BATCH = 64  # writes between two steps of the sweep
_LEFT_TO_THE_PARENT: list[object] = []  # sessions from before a fork: closing one here would take part in its locks

_SCHEMA = """
CREATE TABLE IF NOT EXISTS counters (key TEXT, slot INTEGER, amount INTEGER NOT NULL, ends REAL NOT NULL,
  PRIMARY KEY (key, slot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL, ends REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (key TEXT, holder TEXT, ends REAL NOT NULL, PRIMARY KEY (key, holder)) WITHOUT ROWID;
"""
_COUNT = (
    "INSERT INTO counters VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount, "
    "ends = max(ends, excluded.ends)"
)
_SUM = "SELECT coalesce(sum(amount), 0) FROM counters WHERE key = ? AND slot >= ?"
_PUT = "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, ends = excluded.ends"
_GET = "SELECT value FROM kept WHERE key = ? AND (ends IS NULL OR ends > ?)"
_RANGE = "SELECT key, value FROM kept WHERE key >= ? AND key < ? AND (ends IS NULL OR ends > ?) ORDER BY key LIMIT ?"


class _Session:
    """The connection of one process. pid: whose it is."""

    __slots__ = ("connection", "lock", "pid", "sweeper", "writes")

    def __init__(self, path: Path) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.writes = 0
        self.connection = _open(path)
        self.sweeper = Sweeper(self.connection)


class SqliteState:
    """A StateStore. path: the file; its folder must exist. Opened when first used, in each process anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._session: _Session | None = None
        self._opening = threading.Lock()

    def add(self, key: str, amount: int, window_s: int, now: float) -> int:
        return self.add_all((Addition(key, amount, window_s),), now)[0].total

    def add_within(self, key: str, amount: int, limit: int, window_s: int, now: float) -> Admission:
        return self.add_all((Addition(key, amount, window_s, limit),), now)[0]

    def add_all(self, additions: Sequence[Addition], now: float) -> list[Admission]:
        for one in additions:
            refuse_unstorable(one.key)
        with self._writing(now) as run:
            return [self._admit(run, one, now) for one in additions]

    def take(self, key: str, amount: int, rate: float, burst: float, now: float, reserve: float = 0.0) -> Taken:
        refuse_unstorable(key)
        with self._writing(now) as run:
            row = run.execute(_GET, (key, now)).fetchone()
            standing = Bucket.read(None if row is None else str(row[0]), burst, now)
            bucket, taken = standing.take(amount, rate, burst, now, reserve)
            if bucket is not None:
                run.execute(_PUT, (key, bucket.text, now + bucket.lifetime_s(rate, burst)))
            return taken

    def total(self, key: str, window_s: int, now: float) -> int:
        with self._reading() as run:
            return self._sum(run, key, window_s, now)

    def get(self, key: str, now: float) -> str | None:
        with self._reading() as run:
            row = run.execute(_GET, (key, now)).fetchone()
            return None if row is None else str(row[0])

    def put(self, key: str, value: str, now: float, ttl_s: int | None = None) -> None:
        refuse_unstorable(key, value)
        with self._writing(now) as run:
            run.execute(_PUT, (key, value, _end(now, ttl_s)))

    def put_new(self, key: str, value: str, now: float, ttl_s: int | None = None) -> str:
        refuse_unstorable(key, value)
        with self._writing(now) as run:
            row = run.execute(_GET, (key, now)).fetchone()
            if row is not None:
                return str(row[0])
            run.execute(_PUT, (key, value, _end(now, ttl_s)))
            return value

    def delete(self, key: str) -> None:
        with self._writing(0.0) as run:
            run.execute("DELETE FROM kept WHERE key = ?", (key,))

    def entries(self, prefix: str, now: float, limit: int = 1000) -> list[tuple[str, str]]:
        with self._reading() as run:
            return list(run.execute(_RANGE, (prefix, prefix + "\U0010ffff", now, limit)))

    def acquire(self, key: str, holder: str, limit: int, lease_s: int, now: float) -> bool:
        refuse_unstorable(key, holder)
        with self._writing(now) as run:
            run.execute("DELETE FROM leases WHERE key = ? AND ends <= ?", (key, now))
            held = run.execute("SELECT count(*), total(holder = ?) FROM leases WHERE key = ?", (holder, key)).fetchone()
            if held[0] >= limit and not held[1]:
                return False
            run.execute(
                "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET ends = excluded.ends",
                (key, holder, now + lease_s),
            )
            return True

    def release(self, key: str, holder: str) -> None:
        with self._writing(0.0) as run:
            run.execute("DELETE FROM leases WHERE key = ? AND holder = ?", (key, holder))

    def close(self) -> None:
        """Close this process's connection; the next use opens it again."""
        session, self._session = self._session, None
        if session is not None and session.pid == os.getpid():
            with session.lock:
                session.connection.close()

    def _admit(self, run: sqlite3.Connection, one: Addition, now: float) -> Admission:
        before = self._sum(run, one.key, one.window_s, now)
        if one.limit is not None and before + one.amount > one.limit:
            return Admission(False, before)
        slot = slot_of(one.window_s, now)
        run.execute(_COUNT, (f"{one.window_s} {one.key}", slot, one.amount, now + 2 * one.window_s))
        return Admission(True, before + one.amount)

    @staticmethod
    def _sum(run: sqlite3.Connection, key: str, window_s: int, now: float) -> int:
        return int(run.execute(_SUM, (f"{window_s} {key}", slot_of(window_s, now) - SLOTS)).fetchone()[0])

    def _current(self) -> _Session:
        session = self._session
        if session is None or session.pid != os.getpid():
            with self._opening:
                session = self._session
                if session is None or session.pid != os.getpid():
                    _LEFT_TO_THE_PARENT.append(session)
                    session = self._session = _Session(self._path)
        return session

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with _told_as_state_error():
            session = self._current()
            with session.lock:
                yield session.connection

    @contextlib.contextmanager
    def _writing(self, now: float) -> Iterator[sqlite3.Connection]:
        with _told_as_state_error():
            session = self._current()
            with session.lock:
                run = session.connection
                run.execute("BEGIN IMMEDIATE")
                try:
                    yield run
                    session.writes += 1
                    if now and session.writes % _BATCH == 0:
                        session.sweeper.step(now)
                    run.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        run.execute("ROLLBACK")
                    raise


@contextlib.contextmanager
def _told_as_state_error() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeError, OverflowError) as error:
        raise StateError(f"the state file cannot be used: {type(error).__name__}: {error}") from error


def _end(now: float, ttl_s: int | None) -> float | None:
    return None if ttl_s is None else now + ttl_s


def _open(path: Path) -> sqlite3.Connection:
    """Connect, making file and tables when needed. Raises sqlite3.Error or OSError."""
    with _alone(path.with_name(f"{path.name}.lock")):
        _make_private(path)
        run = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        try:
            run.execute("PRAGMA journal_mode = WAL")
            run.execute("PRAGMA synchronous = NORMAL")
            run.execute("PRAGMA temp_store = MEMORY")
            run.execute(f"PRAGMA max_page_count = {MAX_PAGES}")
            for statement in filter(None, map(str.strip, _SCHEMA.split(";"))):
                run.execute(statement)
        except BaseException:
            run.close()
            raise
        return run


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time makes the file: SQLite does not wait for its lock while it turns to WAL."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make_private(path: Path) -> None:
    """Make the file 0600, unless it is. It is never opened when it exists: closing it would drop SQLite's locks on it.

    Raises OSError for what is not a plain file.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a plain file")
    if mode & 0o077:
        path.chmod(0o600)
