"""What the log knows of each source's counter: how far it is, and what each number on the way stood for.

A row is written for a run of new events, not for each one, and the row of a source itself only when it is new or has
lost something: how far the source is follows from its last run. So a commit touches few pages however much it carries.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

DIGEST_SIZE = 16
NOT_RECORDED = bytes(DIGEST_SIZE)
"""Stands where the digest of an event would be that broke its schema."""


@dataclass(slots=True)
class Source:
    """What the log knows of a source: the key it signs with, its last counter, how many events were lost."""

    key_name: str
    last: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """New events of one source: what each counter from `first` on stands for, one digest after the other."""

    source: str
    first: int
    digests: bytes

    @property
    def last(self) -> int:
        return self.first + len(self.digests) // DIGEST_SIZE - 1

    def digest_of(self, number: int) -> bytes:
        """The digest of one event, NOT_RECORDED if it was refused, b"" if it is not in this run."""
        at = (number - self.first) * DIGEST_SIZE
        return self.digests[at : at + DIGEST_SIZE] if at >= 0 else b""


def event_digest(line: bytes) -> bytes:
    """What is remembered of an event, to know it again when it is sent twice."""
    return sha256(line).digest()[:DIGEST_SIZE]


def load(connection: sqlite3.Connection) -> dict[str, Source]:
    """All sources."""
    sources = {row[0]: Source(*row[1:]) for row in connection.execute("SELECT id, key_name, last, lost FROM sources")}
    for name, source in sources.items():
        newest = run_before(connection, name, 2**53)
        if newest is not None:
            source.last = max(source.last, newest.last)
    return sources


def save(
    connection: sqlite3.Connection, runs: Iterable[Run], sources: dict[str, Source], changed: Iterable[str]
) -> None:
    """Write new runs, and the rows of sources that are new or have lost something, inside the caller's transaction."""
    for run in runs:
        connection.execute("INSERT INTO runs VALUES(?,?,?)", (run.source, run.first, run.digests))
    for name in changed:
        source = sources[name]
        connection.execute(
            "INSERT OR REPLACE INTO sources VALUES(?,?,?,?)", (name, source.key_name, source.last, source.lost)
        )


def run_before(connection: sqlite3.Connection, source: str, number: int) -> Run | None:
    """The last run that starts at `number` or before; only this one can hold it."""
    row = connection.execute(
        "SELECT source, first, digests FROM runs WHERE source = ? AND first <= ? ORDER BY first DESC LIMIT 1",
        (source, number),
    ).fetchone()
    return Run(*row) if row else None
