"""The SQLite file that keeps state: opened once a process, written in transactions that operations can share.

Guarantees: a reader never waits for a writer (WAL); the file is 0600 and never followed through a symbolic link. A
process has one connection behind a lock: threads queue in memory instead of polling the file; a forked child opens its
own and never touches its parent's. What one thread writes inside of `writing` is one transaction: if any part of it
failed, nothing of it stands. Losing power may lose the last moments, never the file (https://sqlite.org/wal.html,
synchronous=NORMAL). `prompt` tells whether writing has been a matter of microseconds lately.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from types import TracebackType

from clyra_proxy.state.store import StateError
from clyra_proxy.state.sweep import MAX_PAGES, Sweeper

BUSY_MS = 2000
SLOW_S = 0.05
"""Waiting longer than this for a transaction to begin or end is slow."""
DISTRUST = 20
"""A file is not taken for prompt for this many times as long as it was slow: so much less is an event loop held."""
_BATCH = 64  # writes between two steps of the sweep
_LEFT_TO_THE_PARENT: list[object] = []  # sessions from before a fork: closing one here would take part in its locks

_SCHEMA = """
CREATE TABLE IF NOT EXISTS counters (key TEXT, slot INTEGER, amount INTEGER NOT NULL, ends REAL NOT NULL,
  PRIMARY KEY (key, slot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL, ends REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (key TEXT, holder TEXT, ends REAL NOT NULL, PRIMARY KEY (key, holder)) WITHOUT ROWID;
"""


class _Session:
    """The connection of one process. pid: whose it is. depth: transactions its holder is in, one inside of the other.

    broken: a part of the transaction failed, so that none of it may stand. slow_until: see `StateFile.prompt`.
    """

    __slots__ = ("broken", "connection", "depth", "lock", "pid", "slow_until", "sweeper", "writes")

    def __init__(self, path: Path) -> None:
        self.pid = os.getpid()
        self.lock = threading.RLock()
        self.depth = self.writes = 0
        self.broken = False
        self.slow_until = 0.0
        self.connection = _open(path)
        self.sweeper = Sweeper(self.connection)


class StateFile:
    """One file. Opened when first used, in each process anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._session: _Session | None = None
        self._opening = threading.Lock()

    @property
    def prompt(self) -> bool:
        """Whether no transaction was slow for a while."""
        session = self._session
        return session is not None and session.slow_until < monotonic()

    def writing(self, now: float) -> _Writing:
        """A transaction, or a part of the one this thread is in. now: 0 where nothing may be swept away."""
        return _Writing(self, now)

    def reading(self) -> _Reading:
        """The connection, for one statement that reads."""
        return _Reading(self)

    def close(self) -> None:
        """Close this process's connection; the next use opens it again."""
        session, self._session = self._session, None
        if session is not None and session.pid == os.getpid():
            with session.lock:
                session.connection.close()

    def session(self) -> _Session:
        """That of this process. Raises sqlite3.Error or OSError."""
        session = self._session
        if session is None or session.pid != os.getpid():
            with self._opening:
                session = self._session
                if session is None or session.pid != os.getpid():
                    _LEFT_TO_THE_PARENT.append(session)
                    session = self._session = _Session(self._path)
        return session


class _Reading:
    """Enters with the connection; raises StateError for what goes wrong inside."""

    __slots__ = ("_file", "_session")

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._session: _Session | None = None

    def __enter__(self) -> sqlite3.Connection:
        try:
            session = self._session = self._file.session()
            session.lock.acquire()
        except _TOLD as error:
            raise _told(error) from error
        return session.connection

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        if self._session is not None:
            self._session.lock.release()
        if isinstance(error, _TOLD):
            raise _told(error) from error


class _Writing:
    """Enters with the connection in a transaction; leaves with all of it written, or raises StateError and none is."""

    __slots__ = ("_file", "_now", "_session")

    def __init__(self, file: StateFile, now: float) -> None:
        self._file = file
        self._now = now
        self._session: _Session | None = None

    def __enter__(self) -> sqlite3.Connection:
        try:
            session = self._file.session()
            session.lock.acquire()
            try:
                if not session.depth:
                    _timed(session, "BEGIN IMMEDIATE")
            except BaseException:
                session.lock.release()
                raise
        except _TOLD as error:
            raise _told(error) from error
        session.depth += 1
        self._session = session
        return session.connection

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        session = self._session
        if session is None:
            return
        session.depth -= 1
        try:
            if session.depth:
                session.broken = session.broken or error is not None
            else:
                self._end(session, error)
        except _TOLD as failed:
            raise _told(failed) from failed
        finally:
            session.lock.release()
        if isinstance(error, _TOLD):
            raise _told(error) from error

    def _end(self, session: _Session, error: BaseException | None) -> None:
        broken, session.broken = session.broken or error is not None, False
        try:
            if not broken:
                session.writes += 1
                if self._now and session.writes % _BATCH == 0:
                    session.sweeper.step(self._now)
                _timed(session, "COMMIT")
                return
        except BaseException:
            _undo(session)
            raise
        _undo(session)
        if error is None:
            raise StateError("a part of what belongs together could not be written")


def _undo(session: _Session) -> None:
    with contextlib.suppress(sqlite3.Error):
        session.connection.execute("ROLLBACK")


_TOLD = (sqlite3.Error, OSError, UnicodeError, OverflowError)


def _told(error: BaseException) -> StateError:
    return StateError(f"the state file cannot be used: {type(error).__name__}: {error}")


def _timed(session: _Session, statement: str) -> None:
    """Run what may wait for other processes or for the disk."""
    started = monotonic()
    try:
        session.connection.execute(statement)
    finally:
        ended = monotonic()
        if ended - started > SLOW_S:
            session.slow_until = ended + DISTRUST * (ended - started)


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
