"""How long to wait before a process that died is started again."""

from __future__ import annotations

import time

FIRST_S = 0.5
LONGEST_S = 30.0
HEALTHY_S = 60.0


class Backoff:
    """The first restart comes at once; each further one in quick succession waits twice as long, up to 30 s.

    A process that lived for a minute was healthy: its next death counts as the first again.
    """

    def __init__(self) -> None:
        self.deaths = 0
        self._last = time.monotonic()

    def next(self) -> float:
        """Count a death; the seconds to wait."""
        now = time.monotonic()
        if now - self._last > HEALTHY_S:
            self.deaths = 0
        self._last = now
        self.deaths += 1
        return 0.0 if self.deaths == 1 else min(LONGEST_S, FIRST_S * 2.0 ** (self.deaths - 2))
