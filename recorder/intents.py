"""Write-ahead intents waiting for their outcome, so that a reader of the log never has to guess.

An intent is answered by the outcome of the same exchange. One that stays open past its deadline, or whose source has
gone silent, is closed by an outcome `unknown`; should the real outcome still arrive, it is recorded and supersedes
that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from recorder.chain import Appended

DEFAULT_DEADLINE_S = 3600
FORGET_CLOSED_S = 86_400

type Key = tuple[str, str]
"""(source id, exchange id)"""


@dataclass(frozen=True, slots=True)
class Intent:
    """deadline: seconds since the epoch. closed_*: set once an outcome `unknown` was written for it."""

    typ: str
    seq: int
    leaf: bytes
    deadline: int
    closed_seq: int | None = None
    closed_leaf: bytes | None = None


@dataclass(slots=True)
class Intents:
    """All open intents, and those closed as unknown within the last day."""

    known: dict[Key, Intent] = field(default_factory=dict)
    _changed: set[Key] = field(default_factory=set)

    @classmethod
    def load(cls, connection: sqlite3.Connection) -> Intents:
        rows = connection.execute(
            "SELECT source, exchange, typ, seq, leaf, deadline, closed_seq, closed_leaf FROM intents"
        )
        return cls({(row[0], row[1]): Intent(*row[2:]) for row in rows})

    @property
    def open_count(self) -> int:
        return sum(1 for intent in self.known.values() if intent.closed_seq is None)

    def opened(self, key: Key, typ: str, made: Appended, deadline: int) -> None:
        self.known[key] = Intent(typ, made.seq, made.leaf, deadline)
        self._changed.add(key)

    def references(self, key: Key) -> list[dict[str, Any]]:
        """`refs` of an outcome of this exchange; empty when no intent is known."""
        intent = self.known.get(key)
        if intent is None:
            return []
        refs = [{"rel": "answers", "sha256": intent.leaf.hex(), "seq": intent.seq}]
        if intent.closed_leaf is not None and intent.closed_seq is not None:
            refs.append({"rel": "supersedes", "sha256": intent.closed_leaf.hex(), "seq": intent.closed_seq})
        return refs

    def answered(self, key: Key) -> None:
        if self.known.pop(key, None) is not None:
            self._changed.add(key)

    def closed_unknown(self, key: Key, made: Appended) -> None:
        self.known[key] = replace(self.known[key], closed_seq=made.seq, closed_leaf=made.leaf)
        self._changed.add(key)

    def overdue(self, now: float, silent: frozenset[str]) -> Iterator[tuple[Key, Intent, str]]:
        """Open intents to be closed now, with the cause."""
        for key, intent in list(self.known.items()):
            if intent.closed_seq is not None:
                if now > intent.deadline + FORGET_CLOSED_S:
                    self.answered(key)
            elif key[0] in silent:
                yield key, intent, "source_lost"
            elif now > intent.deadline:
                yield key, intent, "deadline"

    def save(self, connection: sqlite3.Connection) -> None:
        """Write what changed since the last save, inside the caller's transaction."""
        gone = [key for key in self._changed if key not in self.known]
        if gone:
            connection.executemany("DELETE FROM intents WHERE source = ? AND exchange = ?", gone)
        kept = [key for key in self._changed if key in self.known]
        if kept:
            connection.executemany("INSERT OR REPLACE INTO intents VALUES(?,?,?,?,?,?,?,?)", map(self._row, kept))

    def saved(self) -> None:
        """The transaction of the last `save` is durable."""
        self._changed.clear()

    def _row(self, key: Key) -> tuple[Any, ...]:
        one = self.known[key]
        return (*key, one.typ, one.seq, one.leaf, one.deadline, one.closed_seq, one.closed_leaf)
