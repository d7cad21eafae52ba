"""The one interface to state that outlives an exchange: counters, remembered values, leases.

Guarantees: operations are atomic across the workers of one machine; keys never carry content (callers hash); what
expires is forgotten. Calls may block for microseconds on a lock, so they are made in scanning threads, never on the
event loop. A store that fails raises StateError; what then happens is declared by who asked.
"""

from __future__ import annotations

from typing import Protocol


class StateError(Exception):
    """The store could not be read or written."""


class StateStore(Protocol):
    """Windows and lifetimes in seconds. `now`: seconds since the epoch, given by the caller: tests can move it."""

    def add(self, key: str, amount: int, window_s: int, now: float) -> int:
        """Add to a sliding-window counter (error at most a twentieth of the window); the total after adding."""
        ...

    def total(self, key: str, window_s: int, now: float) -> int: ...

    def get(self, key: str, now: float) -> str | None: ...

    def put(self, key: str, value: str, now: float, ttl_s: int | None = None) -> None: ...

    def put_new(self, key: str, value: str, now: float, ttl_s: int | None = None) -> str:
        """Store unless something stands there; what stands after."""
        ...

    def delete(self, key: str) -> None: ...

    def acquire(self, key: str, holder: str, limit: int, lease_s: int, now: float) -> bool:
        """Take one of `limit` places; false when none is free. A lease ends by itself."""
        ...

    def release(self, key: str, holder: str) -> None: ...
