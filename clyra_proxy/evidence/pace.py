"""When the next batch of events goes to the recorder.

Each batch costs one signature, one message and, at the recorder, a disk write: under load a few large batches carry
what many small ones would, for less of the processor that the traffic needs too. So a batch goes at once when there was
none just now; soon after another one it goes when the worker has nothing else to do, and while it is busy it gathers
what the work in hand adds, for a bounded time. A worker with time to spare never makes anybody wait for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SHORTEST_S = 0.002
"""Time from one batch to the next, at least."""
LONGEST_S = 0.006
"""Time from one batch to the next that a busy worker gathers, at most."""
IDLE_TURN_S = 0.00005
"""A turn of the event loop that is over so soon had nothing else to do."""


class Pace:
    """Calls `send` when it is time. Lives on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[], None]) -> None:
        self._loop = loop
        self._send = send
        self._sent_at = 0.0
        self._turned_at = 0.0
        self._next: asyncio.Handle | None = None

    def sent(self) -> None:
        """A batch has just gone."""
        self._sent_at = self._loop.time()

    def ask(self) -> None:
        """Somebody waits for the next batch."""
        wait = self._sent_at + SHORTEST_S - self._loop.time()
        if not self._due_within(wait):
            self._next = self._loop.call_later(wait, self._look) if wait > 0 else self._loop.call_soon(self._look)

    def within(self, delay: float) -> None:
        """Nobody waits, but the next batch goes after `delay` seconds at the latest."""
        if not self._due_within(delay):
            self._next = self._loop.call_later(delay, self._fire)

    def stop(self) -> None:
        """The batch goes now, or not at all."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _due_within(self, delay: float) -> bool:
        """Whether the next batch is due that soon anyway; if not, what was planned is off."""
        if self._next is not None:
            due = self._next.when() if isinstance(self._next, asyncio.TimerHandle) else 0.0
            if due <= self._loop.time() + delay:
                return True
            self._next.cancel()
        return False

    def _look(self) -> None:
        """Let the loop turn until it has nothing else to do, or it has been long enough."""
        now = self._loop.time()
        if now - self._turned_at <= IDLE_TURN_S or now >= self._sent_at + LONGEST_S:
            self._fire()
        else:
            self._turned_at = now
            self._next = self._loop.call_soon(self._look)

    def _fire(self) -> None:
        self._next = None
        self._send()
