"""Brings the file of an older recorder to the layout of this one, in one transaction: all of it or nothing.

Version 1 kept one row for each event a source handed in (`events`), and its open intents with every commit. Version 2
keeps one row for a run of events (`runs`); intents are as of the last anchored checkpoint, which those of version 1,
being newer, satisfy: what the records say once more leads to the same end. Version 3 has tables for changes of keys,
empty in a log that never had one. The log itself is never touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

MAX_RUN = 1024


def to_version_2(connection: sqlite3.Connection, new_tables: str) -> None:
    """Inside the caller's transaction: events become runs."""
    connection.execute(new_tables)
    rows = connection.execute("SELECT source, seq, digest FROM events ORDER BY source, seq")
    connection.executemany("INSERT INTO runs VALUES(?,?,?)", _runs(rows))
    connection.execute("DROP TABLE events")


def to_version_3(connection: sqlite3.Connection, new_tables: str) -> None:
    """Inside the caller's transaction: room for changes of keys."""
    for statement in filter(None, map(str.strip, new_tables.split(";"))):
        connection.execute(statement)


def _runs(rows: Iterator[tuple[str, int, bytes]]) -> Iterator[tuple[str, int, bytes]]:
    """Gather contiguous counters of one source."""
    owner, first, digests = "", 0, list[bytes]()
    for source, number, digest in rows:
        if source != owner or number != first + len(digests) or len(digests) == MAX_RUN:
            if digests:
                yield owner, first, b"".join(digests)
            owner, first, digests = source, number, []
        digests.append(digest)
    if digests:
        yield owner, first, b"".join(digests)
