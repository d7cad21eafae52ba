"""How much a worker keeps for one target: so many copies and so many bytes, never more.

Guarantee: what is held for a copy is given back once, when the copy leaves, and nothing can be taken for it after that;
asking never waits. Used by the data path and by the mirrors' thread.
"""

from __future__ import annotations

import threading

from clyra_proxy.enforcement.mirror.model import Copy


class Budget:
    """most_copies, most_bytes: bounds."""

    def __init__(self, most_copies: int, most_bytes: int) -> None:
        self._most_copies = most_copies
        self._most_bytes = most_bytes
        self._inside: set[int] = set()
        self._bytes = 0
        self._lock = threading.Lock()

    def enter(self, copy: Copy) -> bool:
        """A place for one more copy, when there is one."""
        with self._lock:
            if len(self._inside) >= self._most_copies:
                return False
            self._inside.add(id(copy))
            return True

    def take(self, copy: Copy, amount: int) -> bool:
        """Room for so many bytes more, when there is any and the copy has not left."""
        with self._lock:
            if self._bytes + amount > self._most_bytes or id(copy) not in self._inside:
                return False
            self._bytes += amount
            copy.held += amount
            return True

    def give(self, copy: Copy, amount: int) -> None:
        """Bytes of a copy that are not kept any more."""
        with self._lock:
            amount = min(amount, copy.held)
            self._bytes -= amount
            copy.held -= amount

    def leave(self, copy: Copy) -> None:
        """The copy is done with, and all that is held for it."""
        with self._lock:
            if id(copy) in self._inside:
                self._inside.discard(id(copy))
                self._bytes -= copy.held
                copy.held = 0

    @property
    def copies(self) -> int:
        return len(self._inside)

    @property
    def held(self) -> int:
        """Bytes."""
        return self._bytes
