"""What came back from outside, kept beside the log in a SQLite file until bundles carry it away.

Rule: the shelf is evidence only through what it holds (signatures of others); losing it loses anchors, never records,
and changing it changes nothing that verifies. One process writes; sealing and the command line read.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recorder.anchoring.placed import Placed

_TABLES = """
CREATE TABLE IF NOT EXISTS notes(size INTEGER PRIMARY KEY, note BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS placed(size INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, content BLOB NOT NULL,
  at INTEGER NOT NULL, location TEXT NOT NULL, version TEXT NOT NULL, PRIMARY KEY(size, kind, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS targets(name TEXT PRIMARY KEY, size INTEGER NOT NULL, at INTEGER NOT NULL,
  failed_at INTEGER NOT NULL, error TEXT NOT NULL, alarm INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class TargetState:
    """size, at: newest success (0: never). failed_at, error: newest failure since then. alarm: a contradiction."""

    size: int = 0
    at: int = 0
    failed_at: int = 0
    error: str = ""
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing on the shelf."""

    size: int
    name: str
    placed: Placed


class Shelf:
    """Opened for writing by the anchoring process, read-only (`Shelf.reading`) by everybody else."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_TABLES)

    @classmethod
    def reading(cls, path: Path) -> Shelf | None:
        """The shelf as it is, or None when there is none yet."""
        if not path.exists():
            return None
        shelf = cls.__new__(cls)
        shelf._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=10.0)
        return shelf

    def keep(self, size: int, note: bytes, name: str, placed: Placed) -> None:
        """Store one success durably."""
        run = self._connection
        run.execute("BEGIN IMMEDIATE")
        run.execute("INSERT OR REPLACE INTO notes VALUES(?,?)", (size, note))
        run.execute(
            "INSERT OR REPLACE INTO placed VALUES(?,?,?,?,?,?,?)",
            (size, placed.kind, name, placed.content, placed.at, placed.location, placed.version),
        )
        run.execute("INSERT OR REPLACE INTO targets VALUES(?,?,?,0,'',0)", (name, size, placed.at))
        run.execute("COMMIT")

    def note_failure(self, name: str, at: int, error: str, *, alarm: bool) -> None:
        """Remember why the newest try failed."""
        before = self.target(name)
        self._connection.execute(
            "INSERT OR REPLACE INTO targets VALUES(?,?,?,?,?,?)", (name, before.size, before.at, at, error, alarm)
        )

    def target(self, name: str) -> TargetState:
        row = self._connection.execute(
            "SELECT size, at, failed_at, error, alarm FROM targets WHERE name = ?", (name,)
        ).fetchone()
        return TargetState(row[0], row[1], row[2], row[3], bool(row[4])) if row else TargetState()

    def note(self, size: int) -> bytes:
        """The signed checkpoint that was placed at a size. Raises KeyError."""
        row = self._connection.execute("SELECT note FROM notes WHERE size = ?", (size,)).fetchone()
        if row is None:
            raise KeyError(size)
        return bytes(row[0])

    def sizes(self, start: int, end: int) -> list[int]:
        """Sizes in (start, end] at which something was placed, ascending."""
        rows = self._connection.execute(
            "SELECT DISTINCT size FROM placed WHERE size > ? AND size <= ? ORDER BY size", (start, end)
        )
        return [int(size) for (size,) in rows]

    def at_size(self, size: int) -> Iterator[Kept]:
        """Everything that was placed at a size."""
        rows = self._connection.execute(
            "SELECT size, name, kind, content, at, location, version FROM placed WHERE size = ? ORDER BY kind, name",
            (size,),
        )
        for size_, name, kind, content, at, location, version in rows:
            yield Kept(size_, name, Placed(kind, bytes(content), at, location, version))

    def close(self) -> None:
        self._connection.close()
