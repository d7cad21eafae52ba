"""Sliding windows of events: how many in the last seconds, out of how many exchanges.

Guarantees: a window is kept in `SLOTS` slots, so that an answer covers the window and at most a twentieth more, never
less; memory is the same however much is counted.
"""

from __future__ import annotations

from collections import deque

SLOTS = 20


class Window:
    """length_s: of the window, in seconds. Moments must not run backwards by more than a slot."""

    __slots__ = ("_length_s", "_slots", "events", "sample")

    def __init__(self, length_s: int) -> None:
        self._length_s = length_s
        self._slots: deque[list[int]] = deque()
        self.events = 0
        self.sample = 0

    def add(self, events: int, sample: int, now: float) -> None:
        """Count, and forget what is too old."""
        slot = int(now * SLOTS // self._length_s)
        self.forget(now)
        if not self._slots or self._slots[-1][0] < slot:
            self._slots.append([slot, 0, 0])
        last = self._slots[-1]
        last[1] += events
        last[2] += sample
        self.events += events
        self.sample += sample

    def forget(self, now: float) -> None:
        """Drop what has left the window."""
        oldest = int(now * SLOTS // self._length_s) - SLOTS
        while self._slots and self._slots[0][0] < oldest:
            _, events, sample = self._slots.popleft()
            self.events -= events
            self.sample -= sample


class History:
    """Sums of the windows that held anything and are over, the last `most` of them."""

    __slots__ = ("_current", "_index", "_length_s", "_past")

    def __init__(self, length_s: int, most: int) -> None:
        self._length_s = length_s
        self._past: deque[int] = deque(maxlen=most)
        self._index = -1
        self._current = 0

    def add(self, events: int, now: float) -> None:
        """Count in the window that `now` falls into."""
        index = int(now // self._length_s)
        if index != self._index:
            if self._current:
                self._past.append(self._current)
            self._index, self._current = index, 0
        self._current += events

    @property
    def mean(self) -> float | None:
        """Mean of the earlier windows, None before the first of them is over."""
        return sum(self._past) / len(self._past) if self._past else None
