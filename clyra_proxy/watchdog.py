"""A time limit for synchronous work on the event loop.

Rule: no check may hold the event loop longer than its budget. Checks run inline because a thread hop costs more than
most of them; the price is that one that hangs would hang the worker. So a watchdog thread looks at the clock, and
when the main thread has been inside one guarded step for too long it sends it a signal whose handler raises
`CheckTimeout` there, which the guard turns into the check's declared outcome. The handler runs in the main thread and
looks at the same variable that entering and leaving the step set, so a step that ended in time is never interrupted.
Where Python swallows what is raised (in `__del__`, in the callback of a weak reference), and the step goes on, it is
interrupted again after half a budget, until it has been left.
Code that never returns to the interpreter (a hang inside a C extension) cannot be interrupted; the supervisor's
heartbeat ends such a worker, and its connections are cut short.
"""

from __future__ import annotations

import signal
import threading
import time
from threading import get_ident
from types import FrameType

_SIGNAL = signal.SIGVTALRM


class CheckTimeout(Exception):  # noqa: N818 - a time limit, named as asyncio and the reason code name it
    """A synchronous step exceeded its budget and was interrupted."""


class Watchdog:
    """Interrupts guarded steps of the main thread that last longer than `budget` seconds.

    `enter()` and `leave()` are called around every guarded step and cost one assignment each; steps may not nest, and
    an inner `enter()` restarts the clock of the outer one. In any other thread both do nothing: what runs there holds
    up nobody, and must not be taken for a step of the main thread.
    """

    def __init__(self, budget: float = 1.0) -> None:
        self.budget = budget
        self._entered = 0.0
        self._main = threading.main_thread().ident
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def enter(self) -> None:
        if get_ident() == self._main:
            self._entered = time.monotonic()

    def leave(self) -> None:
        if get_ident() == self._main:
            self._entered = 0.0

    @property
    def running(self) -> bool:
        return self._thread is not None

    def start(self) -> None:
        """Install the handler and start looking. Must be called from the main thread."""
        if self._thread is None:
            signal.signal(_SIGNAL, self._interrupt)
            self._stop.clear()
            self._thread = threading.Thread(target=self._look, name="watchdog", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
            signal.signal(_SIGNAL, signal.SIG_IGN)

    def _late(self) -> bool:
        entered = self._entered
        return entered > 0.0 and time.monotonic() - entered > self.budget

    def _look(self) -> None:
        main = threading.main_thread().ident or 0
        while not self._stop.wait(self.budget / 4):
            if self._late():
                signal.pthread_kill(main, _SIGNAL)

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        if self._late():
            self._entered = time.monotonic() - self.budget / 2  # another follows: this one may be swallowed
            raise CheckTimeout(f"longer than {self.budget:g} s")


WATCHDOG = Watchdog()
"""The one watchdog of a worker; `clyra_proxy.engine.worker` starts it."""
