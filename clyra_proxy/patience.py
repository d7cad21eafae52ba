"""How long work in a thread may go on: nobody can end a thread from outside, so long work asks between its steps.

Rule: who waits for work sets its time with `within`; the steps of work on input from outside call `go_on`, which raises
once that time is over. So a body that takes long is refused, and the thread is free for the next one, instead of
ending work that nobody waits for. Outside of `within` there is no bound, and `go_on` does nothing.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from contextvars import ContextVar

_end: ContextVar[float] = ContextVar("end", default=math.inf)


class OutOfTimeError(Exception):
    """Nobody waits for this work any more."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give the work inside so much time."""
    token = _end.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


def go_on() -> None:
    """Raises OutOfTimeError when the time that `within` gave is over."""
    end = _end.get()
    if end is not math.inf and time.monotonic() > end:
        raise OutOfTimeError
