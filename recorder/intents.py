"""Write-ahead intents waiting for their outcome, so that a reader of the log never has to guess.

An intent is answered by the outcome of the same exchange. One that stays open past its deadline, or whose source has
gone silent, is closed by an outcome `unknown`; should the real outcome still arrive, it is recorded and supersedes
that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from recorder.chain import Appended
from recorder.record import RECORDER_SOURCE, micros_of

DEFAULT_DEADLINE_S = 3600
FORGET_CLOSED_S = 86_400

type Key = tuple[str, str]
"""(source id, exchange id)"""


class Intent(NamedTuple):
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
    _stored: set[Key] = field(default_factory=set)
    _changed: set[Key] = field(default_factory=set)

    @classmethod
    def load(cls, connection: sqlite3.Connection) -> Intents:
        rows = connection.execute(
            "SELECT source, exchange, typ, seq, leaf, deadline, closed_seq, closed_leaf FROM intents"
        )
        known = {(row[0], row[1]): Intent(*row[2:]) for row in rows}
        return cls(known, set(known))

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
        if self.known.pop(key, None) is None:
            return
        if key in self._stored:
            self._changed.add(key)
        else:
            self._changed.discard(key)

    def closed_unknown(self, key: Key, made: Appended) -> None:
        self.known[key] = self.known[key]._replace(closed_seq=made.seq, closed_leaf=made.leaf)
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
        """Write what changed since the last save, inside the caller's transaction.

        Done with each anchored checkpoint only: most intents are answered long before, and then never touch the disk
        but as a record. What is known in between, `Replay` finds in the records themselves.
        """
        gone = [key for key in self._changed if key not in self.known]
        if gone:
            connection.executemany("DELETE FROM intents WHERE source = ? AND exchange = ?", gone)
        kept = [key for key in self._changed if key in self.known]
        if kept:
            connection.executemany("INSERT OR REPLACE INTO intents VALUES(?,?,?,?,?,?,?,?)", map(self._row, kept))

    def saved(self) -> None:
        """The transaction of the last `save` is durable."""
        for key in self._changed:
            (self._stored.add if key in self.known else self._stored.discard)(key)
        self._changed.clear()

    def _row(self, key: Key) -> tuple[Any, ...]:
        one = self.known[key]
        return (*key, one.typ, one.seq, one.leaf, one.deadline, one.closed_seq, one.closed_leaf)


class Replay:
    """Brings stored intents up to date from the records that follow, each given once, in order.

    Records the stored rows already reflect may be among them: what they say is said again, to the same end.
    """

    def __init__(self, intents: Intents) -> None:
        self._intents = intents
        self._by_seq = {intent.seq: key for key, intent in intents.known.items()}

    def see(self, seq: int, leaf: bytes, line: bytes) -> None:
        """Take notice of one stored record, of any type."""
        if b'"phase":"' not in line:
            return
        record = orjson.loads(line)
        data, source = record["data"], record["src"]["id"]
        phase, exchange = data.get("phase"), data.get("exchange")
        if not isinstance(exchange, str):
            return
        made = Appended(seq, leaf, line)
        if source == RECORDER_SOURCE:
            closed = self._by_seq.get(record["refs"][0]["seq"])
            if closed is not None and closed in self._intents.known:
                self._intents.closed_unknown(closed, made)
        elif phase == "intent":
            deadline = micros_of(record["ts"]) // 1_000_000 + data.get("deadline_s", DEFAULT_DEADLINE_S)
            self._intents.opened((source, exchange), record["typ"], made, deadline)
            self._by_seq[seq] = (source, exchange)
        elif phase == "outcome":
            self._intents.answered((source, exchange))
