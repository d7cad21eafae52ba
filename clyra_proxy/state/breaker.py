"""Leave alone a server that keeps failing, and try one call from time to time.

Guarantees: after `limit` failures in a row nobody waits for the server; after a pause one call tries, and its result
decides; pauses double up to `LONGEST_S`. Safe between threads; never blocks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LONGEST_S = 5.0


class Breaker:
    """first_s: the first pause. clock: seconds that never run backwards."""

    def __init__(self, limit: int = 2, first_s: float = 0.25, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._first_s = self._pause_s = first_s
        self._clock = clock
        self._failures = 0
        self._tries_at = 0.0
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        return self._failures >= self._limit

    def admit(self) -> bool:
        """Whether a call may be made; of many that ask while it is open, one after each pause."""
        if not self.is_open:
            return True
        with self._lock:
            now = self._clock()
            if not self.is_open:
                return True
            if now < self._tries_at:
                return False
            self._tries_at = now + self._pause_s
            return True

    def succeeded(self) -> None:
        if self._failures:
            with self._lock:
                self._failures = 0
                self._pause_s = self._first_s

    def failed(self) -> None:
        with self._lock:
            if self.is_open:
                self._pause_s = min(2 * self._pause_s, LONGEST_S)
            self._failures = min(self._failures + 1, self._limit)
            self._tries_at = self._clock() + self._pause_s
