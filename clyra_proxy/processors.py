"""Event loops of workers keep to a processor of their own, where there are as many workers as processors.

Linux moves a busy process to whichever processor looks free at that moment. With one worker for each, that is hardly
ever a gain: for some milliseconds two event loops share a processor, and both find cold caches. Measured on two
processors, with recorder, upstream and load beside: 5 to 10 % more exchanges a second, and a 95th percentile at 1,000 a
second of 8 ms instead of 12. Where there are more processors than workers nothing is bound, because then there may
be a freer one. Other threads of a worker go where there is room. Reference: sched_setaffinity(2).
"""

from __future__ import annotations

import os

_found: frozenset[int] = frozenset()
"""The processors of this process, once its event loop was bound to one of them."""


def keep_to_own(slot: int, workers: int) -> bool:
    """Bind the calling thread to the processor of its slot, from 0; whether there is one for each worker."""
    global _found
    if not hasattr(os, "sched_setaffinity"):
        return False
    found = os.sched_getaffinity(0)
    if workers != len(found) or workers < 2 or slot >= workers:
        return False
    try:
        os.sched_setaffinity(0, {sorted(found)[slot]})
    except OSError:  # they were taken from us meanwhile
        return False
    _found = frozenset(found)
    return True


def roam() -> None:
    """Let the calling thread run on every processor of this process, whatever the thread that began it was bound to."""
    if _found:
        try:
            os.sched_setaffinity(0, _found)
        except OSError:
            return  # fewer are left; it runs all the same
