"""State in the memory of one process: for tests, and for commands that run without workers.

Guarantees: the same answers as `SqliteState` (one test-suite judges both); safe between threads; what expired is
dropped at the latest when the store would grow past `most` entries, and then what expires next goes first.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from clyra_proxy.state.store import SLOTS, Addition, Admission, Bucket, StateError, Taken, refuse_unstorable, slot_of

_NEVER = float("inf")


class MemoryState:
    """A StateStore. most: entries of each kind that are kept."""

    def __init__(self, most: int = 100_000) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._slots: dict[tuple[str, int], dict[int, int]] = {}
        self._ends: dict[tuple[str, int], float] = {}
        self._values: dict[str, tuple[str, float]] = {}
        self._leases: dict[str, dict[str, float]] = {}

    prompt = True

    def together(self, now: float) -> AbstractContextManager[object]:
        return nullcontext()

    def add(self, key: str, amount: int, window_s: int, now: float) -> int:
        refuse_unstorable(key)
        with self._lock:
            self._count(key, amount, window_s, now)
            return self._sum(key, window_s, now)

    def add_within(self, key: str, amount: int, limit: int, window_s: int, now: float) -> Admission:
        refuse_unstorable(key)
        with self._lock:
            before = self._sum(key, window_s, now)
            if before + amount > limit:
                return Admission(False, before)
            self._count(key, amount, window_s, now)
            return Admission(True, before + amount)

    def add_all(self, additions: Sequence[Addition], now: float) -> list[Admission]:
        for one in additions:
            refuse_unstorable(one.key)
        with self._lock:
            return [self._admit(one, now) for one in additions]

    def take(self, key: str, amount: int, rate: float, burst: float, now: float, reserve: float = 0.0) -> Taken:
        refuse_unstorable(key)
        with self._lock:
            value, end = self._values.get(key, ("", 0.0))
            standing = Bucket.read(value if end > now else None, burst, now)
            bucket, answer = standing.take(amount, rate, burst, now, reserve)
            if bucket is not None:
                self._values[key] = (bucket.text, now + bucket.lifetime_s(rate, burst))
                self._make_room_for_values(now)
            return answer

    def total(self, key: str, window_s: int, now: float) -> int:
        with self._lock:
            return self._sum(key, window_s, now)

    def get(self, key: str, now: float) -> str | None:
        with self._lock:
            value, end = self._values.get(key, ("", 0.0))
            return value if end > now else None

    def put(self, key: str, value: str, now: float, ttl_s: int | None = None) -> None:
        refuse_unstorable(key, value)
        with self._lock:
            self._values[key] = (value, _end(now, ttl_s))
            self._make_room_for_values(now)

    def put_new(self, key: str, value: str, now: float, ttl_s: int | None = None) -> str:
        refuse_unstorable(key, value)
        with self._lock:
            standing, end = self._values.get(key, ("", 0.0))
            if end > now:
                return standing
            self._values[key] = (value, _end(now, ttl_s))
            self._make_room_for_values(now)
            return value

    def delete(self, key: str) -> None:
        with self._lock:
            self._values.pop(key, None)

    def entries(self, prefix: str, now: float, limit: int = 1000) -> list[tuple[str, str]]:
        with self._lock:
            found = sorted(
                (key, value) for key, (value, end) in self._values.items() if key.startswith(prefix) and end > now
            )
        return found[:limit]

    def acquire(self, key: str, holder: str, limit: int, lease_s: int, now: float) -> bool:
        refuse_unstorable(key, holder)
        with self._lock:
            held = {who: end for who, end in self._leases.get(key, {}).items() if end > now}
            if holder not in held and len(held) >= limit:
                return False
            self._leases[key] = {**held, holder: now + lease_s}
            return True

    def release(self, key: str, holder: str) -> None:
        with self._lock:
            held = self._leases.get(key, {})
            held.pop(holder, None)
            if not held:
                self._leases.pop(key, None)

    def _admit(self, one: Addition, now: float) -> Admission:
        before = self._sum(one.key, one.window_s, now)
        if one.limit is not None and before + one.amount > one.limit:
            return Admission(False, before)
        self._count(one.key, one.amount, one.window_s, now)
        return Admission(True, before + one.amount)

    def _count(self, key: str, amount: int, window_s: int, now: float) -> None:
        place, slot = (key, window_s), slot_of(window_s, now)
        slots = self._slots.setdefault(place, {})
        slots[slot] = slots.get(slot, 0) + amount
        for old in [one for one in slots if one < slot - SLOTS]:
            del slots[old]
        self._ends[place] = max(self._ends.get(place, 0.0), now + 2 * window_s)
        if len(self._ends) > self._most:
            for gone in _soonest(self._ends, now):
                del self._ends[gone], self._slots[gone]

    def _sum(self, key: str, window_s: int, now: float) -> int:
        oldest = slot_of(window_s, now) - SLOTS
        return sum(amount for slot, amount in self._slots.get((key, window_s), {}).items() if slot >= oldest)

    def _make_room_for_values(self, now: float) -> None:
        if len(self._values) <= self._most:
            return
        ends = {key: end for key, (_, end) in self._values.items() if end != _NEVER}
        if not ends:
            raise StateError("the store is full of values that never expire")
        for gone in _soonest(ends, now):
            del self._values[gone]


def _end(now: float, ttl_s: int | None) -> float:
    return _NEVER if ttl_s is None else now + ttl_s


def _soonest[Key](ends: dict[Key, float], now: float) -> list[Key]:
    """Everything that expired, or the eighth that expires next when nothing has."""
    expired = [key for key, end in ends.items() if end <= now]
    return expired or sorted(ends, key=lambda key: ends[key])[: max(1, len(ends) // 8)]
