"""One thread beside the event loop for work that may be late, wrong or stuck, and must never matter.

Guarantees: `submit` never waits and never raises; what is done is told on the event loop, once, whatever comes of it;
at most `MOST_WAITING` pieces of work wait. A piece that outlives its time is given up: if it is running, its thread is
left to itself and another takes its place, and after `MOST_STUCK` of those the lane closes for good. Threads are
daemons: a stuck one cannot keep the process from ending.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

log = logging.getLogger("clyra.candidate")

MOST_WAITING = 512
MOST_STUCK = 3


class LaneError(Exception):
    """Work came to nothing. why: `overflow`, `timeout`, `stopped` or the type of what it raised."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(slots=True, eq=False)
class _Job[Result]:
    work: Callable[[], Result]
    tell: Callable[[Result | LaneError], None]
    timer: asyncio.TimerHandle | None = None
    told: bool = False


class Lane:
    """Lives on one event loop. Threads are started when there is work."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[_Job[Any]] = deque()
        self._wake = threading.Condition()
        self._running: dict[int, _Job[Any]] = {}
        self._serving = 0  # number of the thread that may take work
        self._alive = False
        self._stuck = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._open_jobs = 0

    def submit[Result](
        self, work: Callable[[], Result], tell: Callable[[Result | LaneError], None], patience_s: float
    ) -> None:
        """Do `work` in the thread; `tell` hears its result or why there is none, at the latest after `patience_s`."""
        self._loop = loop = asyncio.get_running_loop()
        job: _Job[Result] = _Job(work, tell)
        self._open_jobs += 1
        self._idle.clear()
        if self._stuck >= MOST_STUCK or len(self._waiting) >= MOST_WAITING:
            why = "stopped" if self._stuck >= MOST_STUCK else "overflow"
            loop.call_soon(self._end, job, LaneError(why))
            return
        job.timer = loop.call_later(patience_s, self._give_up, job)
        with self._wake:
            self._waiting.append(job)
            self._wake.notify()
        if not self._alive:
            self._start()

    async def drain(self) -> None:
        """Return when everything submitted was told; each has its time, so this ends."""
        await self._idle.wait()

    def _start(self) -> None:
        self._alive = True
        self._serving += 1
        threading.Thread(target=self._serve, args=(self._serving,), name=self._name, daemon=True).start()

    def _serve(self, number: int) -> None:
        while True:
            with self._wake:
                while not self._waiting and number == self._serving:
                    self._wake.wait()
                if number != self._serving:
                    return
                job = self._waiting.popleft()
                self._running[number] = job
            try:
                result: object = job.work()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told by its type
                result = LaneError(type(error).__name__)
            self._running.pop(number, None)
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._end, job, result)

    def _give_up(self, job: _Job[Any]) -> None:
        """Its time is over. Runs on the loop."""
        with self._wake:
            if job in self._waiting:
                self._waiting.remove(job)
            elif self._running.get(self._serving) is job:
                self._stuck += 1
                self._alive = False
                self._serving += 1  # the thread that is stuck takes nothing more
        self._end(job, LaneError("timeout"))
        if not self._alive:
            log.error("the candidate policy is stuck on an exchange (%d of %d times)", self._stuck, MOST_STUCK)
            self._replace()

    def _replace(self) -> None:
        if self._stuck < MOST_STUCK:
            if self._waiting:
                self._start()
            return
        log.error("the candidate policy is not asked any more until the proxy is started again")
        for job in tuple(self._waiting):
            self._end(job, LaneError("stopped"))
        self._waiting.clear()

    def _end[Result](self, job: _Job[Result], result: Result | LaneError) -> None:
        if job.told:
            return
        job.told = True
        if job.timer is not None:
            job.timer.cancel()
        self._open_jobs -= 1
        if not self._open_jobs:
            self._idle.set()
        job.tell(result)
