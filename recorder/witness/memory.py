"""What a witness remembers: for each log the newest checkpoint it cosigned, in a SQLite file.

Rule: a checkpoint is stored, durably and only if the stored one is still the one it was checked against, before anybody
sees its cosignature. Two requests, or two processes on one file, can therefore never be given two histories.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from recorder.errors import StoreCorruptError
from recorder.witness.decision import Head

_APPLICATION_ID = 0x436C7957  # "ClyW"
_TABLES = """
CREATE TABLE IF NOT EXISTS heads(origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL,
  note BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rotations(origin TEXT PRIMARY KEY, member BLOB NOT NULL);
"""


class Memory:
    """The heads of all watched logs. Raises StoreCorruptError, and sqlite3.Error when the disk does."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            found = self._connection.execute("PRAGMA application_id").fetchone()[0]
            if found not in (0, _APPLICATION_ID):
                raise StoreCorruptError(f"{path} was written by another program.", "", "Choose another --home.")
            self._connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
            self._connection.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            raise StoreCorruptError(f"{path} cannot be used.", f"SQLite says: {error}.") from None

    def head(self, origin: str) -> Head:
        """The newest cosigned checkpoint of a log."""
        row = self._connection.execute("SELECT size, root FROM heads WHERE origin = ?", (origin,)).fetchone()
        return Head(row[0], row[1]) if row else Head()

    def replace(self, origin: str, known: Head, new: Head, note: bytes, at: int) -> bool:
        """Store `new` durably if `known` is still what is stored; False when somebody was faster."""
        run = self._connection
        if known.size == 0:
            run.execute("INSERT OR IGNORE INTO heads VALUES(?,0,?,x'',0)", (origin, known.root))
        done = run.execute(
            "UPDATE heads SET size = ?, root = ?, note = ?, at = ? WHERE origin = ? AND size = ? AND root = ?",
            (new.size, new.root, note, at, origin, known.size, known.root),
        )
        return done.rowcount == 1

    def rotations(self, origin: str) -> bytes:
        """The log's list of key changes as known; empty when there is none."""
        row = self._connection.execute("SELECT member FROM rotations WHERE origin = ?", (origin,)).fetchone()
        return bytes(row[0]) if row else b""

    def keep_rotations(self, origin: str, known: bytes, member: bytes) -> bool:
        """Store a longer list durably if `known` is still what is stored; False when somebody was faster."""
        run = self._connection
        run.execute("INSERT OR IGNORE INTO rotations VALUES(?,x'')", (origin,))
        done = run.execute("UPDATE rotations SET member = ? WHERE origin = ? AND member = ?", (member, origin, known))
        return done.rowcount == 1

    def newest(self) -> list[tuple[str, int, int]]:
        """(origin, size, POSIX time) of every log that was cosigned."""
        rows = self._connection.execute("SELECT origin, size, at FROM heads WHERE at > 0 ORDER BY origin")
        return [(str(origin), int(size), int(at)) for origin, size, at in rows]

    def close(self) -> None:
        self._connection.close()
