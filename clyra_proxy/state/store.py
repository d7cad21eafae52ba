"""The one interface to state that outlives an exchange: counters, remembered values, leases.

Guarantees: operations are atomic across the workers of one machine; keys never carry content (callers hash); what
expires is forgotten. Calls may block, so they are made in scanning threads, and on the event loop only for a short work
while the store is `prompt`. A store that fails raises StateError; what then happens is declared by who asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

SLOTS = 20
"""A window is counted in this many slots and the one that is ending: a total covers the window and at most a twentieth
more, never less, so that nothing inside a window is ever forgotten."""

LONGEST_KEY = 512
LONGEST_VALUE = 1 << 20
"""In characters. A longer key or value is refused with StateError: the store is bounded."""


class StateError(Exception):
    """The store could not be read or written."""


class Admission(NamedTuple):
    """What became of a conditional addition; a tuple, as several are made for every batch of rows.

    total: the counter after it (before it, when it was refused).
    """

    admitted: bool
    total: int


class Addition(NamedTuple):
    """An addition to a sliding-window counter, made by `add_all`. limit: as in `add_within`; None: unconditional."""

    key: str
    amount: int
    window_s: int
    limit: int | None = None


class Taken(NamedTuple):
    """What became of taking tokens. wait_s: seconds after which asking again can help; 0 when it was granted."""

    granted: bool
    wait_s: float = 0.0


class StateStore(Protocol):
    """Windows and lifetimes in seconds. `now`: seconds since the epoch, given by the caller: tests can move it."""

    @property
    def prompt(self) -> bool:
        """Whether answers come in microseconds, now: without a network between, and without a wait lately."""
        ...

    def together(self, now: float) -> AbstractContextManager[object]:
        """What this thread asks inside is one step where the store can do that: cheaper, and all of it or nothing.

        Leaving raises StateError when any part failed. A store that cannot takes every part by itself.
        """
        ...

    def add(self, key: str, amount: int, window_s: int, now: float) -> int:
        """Add to a sliding-window counter (error at most a twentieth of the window); the total after adding.

        A correction of an earlier addition is added with that addition's `now`, so that both leave the window at once.
        """
        ...

    def add_within(self, key: str, amount: int, limit: int, window_s: int, now: float) -> Admission:
        """As `add`, only when the total stays at or below `limit`; asking and adding are one step."""
        ...

    def add_all(self, additions: Sequence[Addition], now: float) -> list[Admission]:
        """Make several additions in one step, each judged by its own limit; what became of each, in order."""
        ...

    def take(self, key: str, amount: int, rate: float, burst: float, now: float, reserve: float = 0.0) -> Taken:
        """Take tokens from a bucket that holds `burst` of them and fills by `rate` a second.

        Granted when `reserve` tokens stay, or when the bucket is full above the reserve: then the level may fall below
        zero, so that an amount larger than the bucket passes once and is paid for afterwards. A negative amount gives
        tokens back.
        """
        ...

    def total(self, key: str, window_s: int, now: float) -> int: ...

    def get(self, key: str, now: float) -> str | None: ...

    def put(self, key: str, value: str, now: float, ttl_s: int | None = None) -> None: ...

    def put_new(self, key: str, value: str, now: float, ttl_s: int | None = None) -> str:
        """Store unless something stands there; what stands after."""
        ...

    def delete(self, key: str) -> None: ...

    def entries(self, prefix: str, now: float, limit: int = 1000) -> list[tuple[str, str]]:
        """Keys that begin with `prefix` and their values, in order of keys, at most `limit` of them."""
        ...

    def acquire(self, key: str, holder: str, limit: int, lease_s: int, now: float) -> bool:
        """Take one of `limit` places; false when none is free. A lease ends by itself. Who holds one renews it."""
        ...

    def release(self, key: str, holder: str) -> None: ...


def slot_of(window_s: int, now: float) -> int:
    """Number of the slot that `now` falls into, counted from the epoch."""
    return int(now * SLOTS // max(window_s, 1))


class Bucket(NamedTuple):
    """A token bucket as stores keep it: its level at a moment. text: how it is written."""

    level: float
    at: float

    @classmethod
    def read(cls, text: str | None, burst: float, now: float) -> Bucket:
        """The stored bucket; a full one when there is none."""
        if text is None:
            return cls(burst, now)
        level, _, at = text.partition(" ")
        return cls(float(level), float(at))

    @property
    def text(self) -> str:
        return f"{self.level!r} {self.at!r}"

    def take(self, amount: int, rate: float, burst: float, now: float, reserve: float) -> tuple[Bucket | None, Taken]:
        """The bucket after taking (None: nothing is taken), and the answer."""
        level = min(burst, self.level + max(0.0, now - self.at) * rate)
        needed = min(float(amount), max(0.0, burst - reserve))
        missing = needed + reserve - level
        if missing > 0 and amount > 0:
            return None, Taken(False, missing / rate)
        return Bucket(min(burst, level - amount), max(now, self.at)), Taken(True)

    def lifetime_s(self, rate: float, burst: float) -> int:
        """Seconds until it is full again and need not be remembered."""
        return math.ceil((burst - self.level) / rate) + 1


def refuse_unstorable(key: str, value: str = "") -> None:
    """Raise StateError for a key or value that is too long to be stored, or is not Unicode text."""
    if len(key) > LONGEST_KEY or len(value) > LONGEST_VALUE:
        raise StateError("a key or value is too long to be stored")
    try:
        key.encode()
        value.encode()
    except UnicodeEncodeError as error:
        raise StateError("a key or value holds a lone surrogate") from error
