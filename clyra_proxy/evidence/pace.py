"""When the next batch of events goes to the recorder.

Each batch costs one signature, one message and, at the recorder, a disk write: under load a few large batches carry
what many small ones would, for less of the processor that the traffic needs too. So while the worker is busy it gathers
what the work in hand adds, until as many wait as go on, so that there is work left while the batch is written, or for a
bounded time. A worker with nothing else to do keeps nobody waiting but for a moment since the batch before, and not
even that when nothing is under way that could join.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SHORTEST_S = 0.002
"""Time from one batch to the next, at least, while more may join."""
LONGEST_S = 0.006
"""Time from one batch to the next, at most, while the worker is busy."""
IDLE_TURN_S = 0.00005
"""A turn of the event loop that is over so soon had nothing else to do."""


class Pace:
    """Calls `send` when it is time. Lives on one event loop.

    enough: whether at least as many wait for the next batch as are under way and do not.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[], None], enough: Callable[[], bool]) -> None:
        self._loop = loop
        self._send = send
        self._enough = enough
        self._sent_at = 0.0
        self._turned_at = 0.0
        self._next: asyncio.Handle | None = None

    def sent(self) -> None:
        """A batch has just gone."""
        self._sent_at = self._loop.time()

    def ask(self) -> None:
        """Somebody waits for the next batch."""
        if not self._due_within(0.0):
            self._next = self._loop.call_soon(self._look)

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
        """Whether the next batch is due, or looked at, that soon anyway; if not, what was planned is off."""
        if self._next is not None:
            due = self._next.when() if isinstance(self._next, asyncio.TimerHandle) else 0.0
            if due <= self._loop.time() + delay:
                return True
            self._next.cancel()
        return False

    def _look(self) -> None:
        now = self._loop.time()
        since, idle, enough = now - self._sent_at, now - self._turned_at <= IDLE_TURN_S, self._enough()
        if since >= LONGEST_S or (idle and enough) or (since >= SHORTEST_S and (idle or enough)):
            self._fire()
        elif idle:
            self._next = self._loop.call_later(SHORTEST_S - since, self._fire)
        else:  # let the loop turn, and see whether that takes it any time
            self._turned_at = now
            self._next = self._loop.call_soon(self._look)

    def _fire(self) -> None:
        self._next = None
        self._send()
