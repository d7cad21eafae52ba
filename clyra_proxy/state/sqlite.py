"""State in one SQLite file that all workers of a machine share.

Guarantees: every operation is one transaction, or with others one (`together`), so it is atomic across threads and
processes; what expired is swept away a little with each write, and past `SOFT_PAGES` the entries that expire next go
before their time, so that the file stays below `MAX_PAGES` whatever clients do. What never expires (pins, approvals)
is never evicted. The file itself and its transactions are in `clyra_proxy.state.sqlite_file`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from itertools import batched, chain
from pathlib import Path

from clyra_proxy.state.sqlite_file import StateFile
from clyra_proxy.state.store import SLOTS, Addition, Admission, Bucket, Taken, refuse_unstorable, slot_of

STATE_FILE = "state.sqlite"
"""Name of the file in the data folder."""

_AT_ONCE = 64  # counters in one statement
_COUNTED = " ON CONFLICT DO UPDATE SET amount = amount + excluded.amount, ends = max(ends, excluded.ends)"
_SUM = "(SELECT coalesce(sum(amount), 0) FROM counters WHERE key = ? AND slot >= ?)"
_PUT = "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, ends = excluded.ends"
_PUT_NEW = (
    "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, ends = excluded.ends "
    "WHERE ends <= ?"
)
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
            different = len({(one.key, one.window_s) for one in additions}) == len(additions)
            at_once = _AT_ONCE if different else 1  # else each must see what those before it added
            return [admission for some in batched(additions, at_once) for admission in self._admit(run, some, now)]

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
            return self._sums(run, ((key, window_s),), now)[0]

    def get(self, key: str, now: float) -> str | None:
        with self._file.reading() as run:
            row = run.execute(_GET, (key, now)).fetchone()
            return None if row is None else str(row[0])

    def put(self, key: str, value: str, now: float, ttl_s: int | None = None) -> None:
        refuse_unstorable(key, value)
        self._file.write(now, _PUT, (key, value, _end(now, ttl_s)))

    def put_new(self, key: str, value: str, now: float, ttl_s: int | None = None) -> str:
        refuse_unstorable(key, value)
        with self._file.writing(now) as run:
            if run.execute(_PUT_NEW, (key, value, _end(now, ttl_s), now)).rowcount:
                return value
            return str(run.execute(_GET, (key, now)).fetchone()[0])

    def delete(self, key: str) -> None:
        self._file.write(0.0, "DELETE FROM kept WHERE key = ?", (key,))

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
        self._file.write(0.0, "DELETE FROM leases WHERE key = ? AND holder = ?", (key, holder))

    def close(self) -> None:
        """Close this process's connection; the next use opens it again."""
        self._file.close()

    def _admit(self, run: sqlite3.Connection, additions: Sequence[Addition], now: float) -> list[Admission]:
        """Additions to different counters: all are read in one statement, and written in one."""
        admissions: list[Admission] = []
        rows: list[tuple[str, int, int, float]] = []
        sums = self._sums(run, [(one.key, one.window_s) for one in additions], now)
        for one, before in zip(additions, sums, strict=True):
            if one.limit is not None and before + one.amount > one.limit:
                admissions.append(Admission(False, before))
                continue
            admissions.append(Admission(True, before + one.amount))
            slot = slot_of(one.window_s, now)
            rows.append((f"{one.window_s} {one.key}", slot, one.amount, now + 2 * one.window_s))
        if rows:
            run.execute(_count(len(rows)), tuple(chain.from_iterable(rows)))
        return admissions

    @staticmethod
    def _sums(run: sqlite3.Connection, counters: Iterable[tuple[str, int]], now: float) -> tuple[int, ...]:
        """What stands in counters, each a key and a window."""
        asked = [(f"{window_s} {key}", slot_of(window_s, now) - SLOTS) for key, window_s in counters]
        found: tuple[int, ...] = run.execute(_sum(len(asked)), tuple(chain.from_iterable(asked))).fetchone()
        return found

    def together(self, now: float) -> AbstractContextManager[object]:
        return self._file.writing(now)


@lru_cache(maxsize=64)
def _sum(counters: int) -> str:
    return f"SELECT {', '.join([_SUM] * counters)}"


@lru_cache(maxsize=64)
def _count(counters: int) -> str:
    return f"INSERT INTO counters VALUES {', '.join(['(?, ?, ?, ?)'] * counters)}{_COUNTED}"  # noqa: S608 - nothing of it is given


def _end(now: float, ttl_s: int | None) -> float | None:
    return None if ttl_s is None else now + ttl_s
