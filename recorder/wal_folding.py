"""Moves what stands in a write-ahead log into its SQLite database, in a thread of its own.

SQLite itself does so within a commit, every thousandth page: whoever wrote that page waits for a thousand pages and two
syncs, ten milliseconds or more, and all who wait for a commit with it. Here the thread that commits goes on. What is
committed is durable or not by its own sync, whenever it is moved; should this thread fail, SQLite does the work as
ever, only later. Reference: https://sqlite.org/wal.html, sections 2.1 and 3.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

EVERY = 128
"""Commits from one move to the next, where nothing else is said: some hundred pages."""
_PATIENCE_S = 0.005
"""How long writers are kept out while readers are waited for. If they do not make way, another move will try again."""


class WalFolding:
    """One per process that writes. path: the database. every: commits from one move to the next. Told by one thread at
    a time.

    longest: pages of the log past which writers are kept out for the short rest of a move, so that the log can begin
    anew. Several processes that write need that: hardly ever do all of them pause. A single one needs it not (None):
    what SQLite is left to do within its commits is little then.
    """

    def __init__(self, path: Path, longest: int | None = None, every: int = EVERY) -> None:
        self._path = path
        self._every = every
        self._longest = longest
        self._commits = 0
        self._wanted = threading.Event()
        self._over = False
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None  # kept here, so that a forked child does not close it

    def committed(self) -> None:
        """Something was committed: now and then that is reason to move what there is. Never waits, never raises."""
        self._commits += 1
        if self._commits % self._every:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="wal-folding", daemon=True)
            self._thread.start()
        self._wanted.set()

    def close(self) -> None:
        """End the thread; a move that is under way is finished."""
        self._over = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # it ends, and SQLite does the work
            connection = self._connection = sqlite3.connect(self._path, timeout=_PATIENCE_S, isolation_level=None)
            try:
                while self._wanted.wait() and not self._over:
                    self._wanted.clear()
                    fold(connection, self._longest)
            finally:
                connection.close()


def fold(connection: sqlite3.Connection, longest: int | None = None) -> None:
    """Move what there is; begin the log anew where it has more than `longest` pages. Raises sqlite3.Error."""
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if longest is not None and pages > longest:
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
