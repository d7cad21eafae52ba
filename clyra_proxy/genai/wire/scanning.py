"""Threads in which conversations are looked at, so that no text however large or hostile stalls the event loop.

Guarantees: at most `THREADS` looks run at once and at most `MOST_WAITING` wait; a look that outlives its budget is
given up by who asked, and by its thread at the next step (`patience`), so that it keeps no other look waiting; what
waited too long is never begun. Steps are short, because everything they run is linear in bounded input.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from clyra_proxy.patience import OutOfTimeError, within
from clyra_proxy.processors import roam

THREADS = max(2, min(4, os.cpu_count() or 2))
MOST_WAITING = 256


class ScanningOverflowError(Exception):
    """More conversations wait than this worker holds."""


class ScanningTimeoutError(Exception):
    """A look took longer than its budget."""


class ScanningRoom:
    """One worker's threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="scan", initializer=roam)
        self._waiting = 0

    async def run[Result](self, look: Callable[[], Result], budget_s: float) -> Result:
        """Call `look` in a thread. Raises what it raises, ScanningOverflowError, ScanningTimeoutError."""
        if self._waiting >= MOST_WAITING:
            raise ScanningOverflowError
        self._waiting += 1
        end = time.monotonic() + budget_s
        try:
            async with asyncio.timeout(budget_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, _patiently, look, end)
        except (TimeoutError, OutOfTimeError) as error:
            raise ScanningTimeoutError from error
        finally:
            self._waiting -= 1

    def start(self, work: Callable[[], None]) -> None:
        """Call `work` in a thread some time soon; nobody waits for it."""
        self._threads.submit(work)

    def close(self) -> None:
        """Let what runs end; begin nothing more."""
        self._threads.shutdown(wait=True, cancel_futures=False)


def _patiently[Result](look: Callable[[], Result], end: float) -> Result:
    with within(end - time.monotonic()):
        return look()
