"""How a process connects to the SQLite file that keeps state, and what tables that has.

Guarantees: the file is made by one process at a time, is 0600, and is never followed through a symbolic link.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from clyra_proxy.state.sweep import MAX_PAGES

BUSY_MS = 2000
"""How long a statement waits for other processes."""
LONGEST_WAL = 8192
"""Pages of the write-ahead log past which `WalFolding` lets it begin anew; SQLite itself at twice as many."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS counters (key TEXT, slot INTEGER, amount INTEGER NOT NULL, ends REAL NOT NULL,
  PRIMARY KEY (key, slot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT NOT NULL, ends REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (key TEXT, holder TEXT, ends REAL NOT NULL, PRIMARY KEY (key, holder)) WITHOUT ROWID;
"""


def connect(path: Path) -> sqlite3.Connection:
    """Connect, making file and tables when needed. Raises sqlite3.Error or OSError."""
    with _alone(path.with_name(f"{path.name}.lock")):
        _make_private(path)
        run = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        try:
            run.execute("PRAGMA journal_mode = WAL")
            run.execute("PRAGMA synchronous = NORMAL")
            run.execute(f"PRAGMA wal_autocheckpoint = {2 * LONGEST_WAL}")
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
