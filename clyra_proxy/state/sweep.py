"""Forgetting: a few rows with every batch of writes, so that the state file never needs a long clean-up.

Guarantees: every row is looked at again after as many steps as there are batches of rows; a step costs `ROWS` rows
whatever the size of the file; below `SOFT_PAGES` only what expired goes, above it also the half of each batch that
expires next (as Redis does under `volatile-ttl`); rows without an end stay.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

MAX_PAGES = 32_768
"""The file's size limit, in pages of 4 KiB: 128 MiB. Past it writing fails, and who asked fails closed."""

SOFT_PAGES = MAX_PAGES * 3 // 4
ROWS = 256


@dataclass(slots=True)
class _Table:
    """name and columns of the primary key. first: before every key. after: key of the last row looked at."""

    name: str
    columns: tuple[str, ...]
    first: tuple[object, ...]
    after: tuple[object, ...]


class Sweeper:
    """Walks the tables of one connection in turn; called inside a write transaction."""

    def __init__(self, connection: sqlite3.Connection, soft_pages: int = SOFT_PAGES) -> None:
        self._run = connection
        self._soft_pages = soft_pages
        self._tables = [
            _Table("counters", ("key", "slot"), ("", 0), ("", 0)),
            _Table("kept", ("key",), ("",), ("",)),
            _Table("leases", ("key", "holder"), ("", ""), ("", "")),
        ]
        self._turn = 0

    def step(self, now: float) -> None:
        """Look at the next rows of the next table. Raises sqlite3.Error."""
        table = self._tables[self._turn % len(self._tables)]
        self._turn += 1
        columns = ", ".join(table.columns)
        marks = ", ".join("?" * len(table.columns))
        rows = self._run.execute(
            f"SELECT {columns}, ends FROM {table.name} WHERE ({columns}) > ({marks}) "  # noqa: S608 - names from here
            f"ORDER BY {columns} LIMIT {ROWS}",
            table.after,
        ).fetchall()
        table.after = (
            rows[-1][:-1] if len(rows) == ROWS else tuple("" if name != "slot" else 0 for name in table.columns)
        )
        gone = [row[:-1] for row in rows if row[-1] is not None and row[-1] <= now]
        if not gone and self._is_crowded():
            mortal = sorted((row for row in rows if row[-1] is not None), key=lambda row: row[-1])
            gone = [row[:-1] for row in mortal[: (len(mortal) + 1) // 2]]
        where = " AND ".join(f"{name} = ?" for name in table.columns)
        self._run.executemany(f"DELETE FROM {table.name} WHERE {where}", gone)  # noqa: S608 - names from here

    def _is_crowded(self) -> bool:
        pages = self._run.execute("PRAGMA page_count").fetchone()[0]
        free = self._run.execute("PRAGMA freelist_count").fetchone()[0]
        return bool(pages - free > self._soft_pages)
