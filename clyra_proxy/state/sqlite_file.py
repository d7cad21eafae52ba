"""The SQLite file that keeps state: opened once a process, written in transactions that operations can share.

Guarantees: a reader never waits for a writer (WAL); the file is 0600 and never followed through a symbolic link. A
process has one connection behind a lock: threads queue in memory instead of polling the file; a forked child opens its
own and never touches its parent's. What one thread writes inside of `writing` is one transaction: if any part of it
failed, nothing of it stands. What was written is moved to its place by a thread of its own (`recorder.wal_folding`),
since who writes may be an event loop. Losing power may lose the last moments, never the file
(https://sqlite.org/wal.html, synchronous=NORMAL). `prompt` tells whether writing has been a matter of microseconds
lately.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from types import TracebackType

from clyra_proxy.state.sqlite_connection import BUSY_MS, LONGEST_WAL, connect
from clyra_proxy.state.sqlite_waiting import begin, let_wait
from clyra_proxy.state.store import StateError
from clyra_proxy.state.sweep import Sweeper
from recorder.wal_folding import WalFolding

SLOW_S = 0.05
"""Waiting longer than this for a transaction to begin or end is slow."""
DISTRUST = 20
"""A file is not taken for prompt for this many times as long as it was slow: so much less is an event loop held."""
_BATCH = 64  # writes between two steps of the sweep
_FOLDED = 512  # and between two moves of what was written to its place
_LEFT_TO_THE_PARENT: list[object] = []  # sessions from before a fork: closing one here would take part in its locks


class _Session:
    """The connection of one process. pid: whose it is. depth: transactions its holder is in, one inside of the other.

    broken: a part of the transaction failed, so that none of it may stand. slow_until: see `StateFile.prompt`.
    busy_ms: how long SQLite itself waits for other processes.
    """

    __slots__ = (
        "broken",
        "busy_ms",
        "connection",
        "depth",
        "folding",
        "lock",
        "pid",
        "slow_until",
        "sweeper",
        "writes",
    )

    def __init__(self, path: Path) -> None:
        self.pid = os.getpid()
        self.lock = threading.RLock()
        self.depth = self.writes = 0
        self.broken = False
        self.slow_until = 0.0
        self.connection = connect(path)
        self.busy_ms = BUSY_MS
        self.sweeper = Sweeper(self.connection)
        self.folding = WalFolding(path, LONGEST_WAL, _FOLDED)

    def close(self) -> None:
        self.folding.close()
        self.connection.close()


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

    def write(self, now: float, statement: str, values: tuple[object, ...]) -> None:
        """One statement: a part of the transaction this thread is in, else one by itself. Raises StateError."""
        session = self._session
        if session is None or session.pid != os.getpid() or (session.writes + 1) % _BATCH == 0:
            with self.writing(now) as run:
                run.execute(statement, values)
            return
        with session.lock:
            try:
                if session.depth:
                    session.connection.execute(statement, values)
                else:
                    _timed(session, partial(begin, statement=statement, values=values))
                    session.writes += 1
                    session.folding.committed()
            except BaseException as error:
                session.broken = session.depth > 0
                if isinstance(error, _TOLD):
                    raise _told(error) from error
                raise

    def reading(self) -> _Reading:
        """The connection, for one statement that reads."""
        return _Reading(self)

    def close(self) -> None:
        """Close this process's connection; the next use opens it again."""
        session, self._session = self._session, None
        if session is not None and session.pid == os.getpid():
            with session.lock:
                session.close()

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
            try:
                if not session.depth:
                    let_wait(session, BUSY_MS)
            except BaseException:
                self._session = None
                session.lock.release()
                raise
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
                    _timed(session, begin)
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
                _timed(session, lambda one: one.connection.execute("COMMIT"))
                session.folding.committed()
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


def _timed(session: _Session, step: Callable[[_Session], object]) -> None:
    """Do what may wait for other processes or for the disk."""
    started = monotonic()
    try:
        step(session)
    finally:
        ended = monotonic()
        if ended - started > SLOW_S:
            session.slow_until = ended + DISTRUST * (ended - started)
