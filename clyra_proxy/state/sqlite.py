"""State in one SQLite file that all workers of a machine share.

Guarantees: every operation is one transaction, or with others one (`together`), so it is atomic across threads and
processes; what expired is swept away a little with each write, and past `SOFT_PAGES` the entries that expire next go
before their time, so that the file stays below `MAX_PAGES` whatever clients do. What never expires (pins, approvals)
is never evicted. The file itself and its transactions are in `clyra_proxy.state.sqlite_file`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from clyra_proxy.state.sqlite_file import StateFile
from clyra_proxy.state.store import SLOTS, Addition, Admission, Bucket, Taken, refuse_unstorable, slot_of

STATE_FILE = "state.sqlite"
"""Name of the file in the data folder."""

_COUNT = (
    "INSERT INTO counters VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount, "
    "ends = max(ends, excluded.ends)"
)
_SUM = "SELECT coalesce(sum(amount), 0) FROM counters WHERE key = ? AND slot >= ?"
_PUT = "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, ends = excluded.ends"
_GET = "SELECT value FROM kept WHERE key = ? AND (ends IS NULL OR ends > ?)"
_RANGE = "SELECT key, value FROM kept WHERE key >= ? AND key < ? AND (ends IS NULL OR ends > ?) ORDER BY key LIMIT ?"


class SqliteState:
    """A StateStore. path: the file; its folder must exist. Opened when first used, in each process anew."""

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path)

    @property
    def prompt(self) -> bool:
        return self._file.prompt

    def add(self, key: str, amount: int, window_s: int, now: float) -> int:
        return self.add_all((Addition(key, amount, window_s),), now)[0].total

    def add_within(self, key: str, amount: int, limit: int, window_s: int, now: float) -> Admission:
        return self.add_all((Addition(key, amount, window_s, limit),), now)[0]

    def add_all(self, additions: Sequence[Addition], now: float) -> list[Admission]:
        for one in additions:
            refuse_unstorable(one.key)
        with self._file.writing(now) as run:
            return [self._admit(run, one, now) for one in additions]

    def take(self, key: str, amount: int, rate: float, burst: float, now: float, reserve: float = 0.0) -> Taken:
        refuse_unstorable(key)
        with self._file.writing(now) as run:
            row = run.execute(_GET, (key, now)).fetchone()
            standing = Bucket.read(None if row is None else str(row[0]), burst, now)
            bucket, taken = standing.take(amount, rate, burst, now, reserve)
            if bucket is not None:
                run.execute(_PUT, (key, bucket.text, now + bucket.lifetime_s(rate, burst)))
            return taken

    def total(self, key: str, window_s: int, now: float) -> int:
        with self._file.reading() as run:
            return self._sum(run, key, window_s, now)

    def get(self, key: str, now: float) -> str | None:
        with self._file.reading() as run:
            row = run.execute(_GET, (key, now)).fetchone()
            return None if row is None else str(row[0])

    def put(self, key: str, value: str, now: float, ttl_s: int | None = None) -> None:
        refuse_unstorable(key, value)
        with self._file.writing(now) as run:
            run.execute(_PUT, (key, value, _end(now, ttl_s)))

    def put_new(self, key: str, value: str, now: float, ttl_s: int | None = None) -> str:
        refuse_unstorable(key, value)
        with self._file.writing(now) as run:
            row = run.execute(_GET, (key, now)).fetchone()
            if row is not None:
                return str(row[0])
            run.execute(_PUT, (key, value, _end(now, ttl_s)))
            return value

    def delete(self, key: str) -> None:
        with self._file.writing(0.0) as run:
            run.execute("DELETE FROM kept WHERE key = ?", (key,))

    def entries(self, prefix: str, now: float, limit: int = 1000) -> list[tuple[str, str]]:
        with self._file.reading() as run:
            return list(run.execute(_RANGE, (prefix, prefix + "\U0010ffff", now, limit)))

    def acquire(self, key: str, holder: str, limit: int, lease_s: int, now: float) -> bool:
        refuse_unstorable(key, holder)
        with self._file.writing(now) as run:
            run.execute("DELETE FROM leases WHERE key = ? AND ends <= ?", (key, now))
            held = run.execute("SELECT count(*), total(holder = ?) FROM leases WHERE key = ?", (holder, key)).fetchone()
            if held[0] >= limit and not held[1]:
                return False
            run.execute(
                "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET ends = excluded.ends",
                (key, holder, now + lease_s),
            )
            return True

    def release(self, key: str, holder: str) -> None:
        with self._file.writing(0.0) as run:
            run.execute("DELETE FROM leases WHERE key = ? AND holder = ?", (key, holder))

    def close(self) -> None:
        """Close this process's connection; the next use opens it again."""
        self._file.close()

    def _admit(self, run: sqlite3.Connection, one: Addition, now: float) -> Admission:
        before = self._sum(run, one.key, one.window_s, now)
        if one.limit is not None and before + one.amount > one.limit:
            return Admission(False, before)
        slot = slot_of(one.window_s, now)
        run.execute(_COUNT, (f"{one.window_s} {one.key}", slot, one.amount, now + 2 * one.window_s))
        return Admission(True, before + one.amount)

    @staticmethod
    def _sum(run: sqlite3.Connection, key: str, window_s: int, now: float) -> int:
        return int(run.execute(_SUM, (f"{window_s} {key}", slot_of(window_s, now) - SLOTS)).fetchone()[0])

    def together(self, now: float) -> AbstractContextManager[object]:
        return self._file.writing(now)


def _end(now: float, ttl_s: int | None) -> float | None:
    return None if ttl_s is None else now + ttl_s
