"""What mirrors did, counted: for metrics at once, for the log once a second, one line for all that was counted.

Guarantee: the number of series is bounded by targets times outcomes; routes are only told in the log, at most
`MOST_ROUTES` a line, the rest under one name. Called on the data path and in the mirrors' thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter

from clyra_proxy.enforcement.mirror.lines import counts_line
from clyra_proxy.enforcement.mirror.model import Outcome, Result
from clyra_proxy.telemetry.line_log import LineLog
from clyra_proxy.telemetry.metrics import SEPARATOR, WorkerMetrics

MOST_ROUTES = 1000
OTHERS = "(other routes)"


class Counting:
    """metrics: of the worker; only ever touched on its own event loop."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._metrics = metrics
        self._home: asyncio.AbstractEventLoop | None = None
        self._lines: LineLog | None = None
        self._counts: Counter[tuple[str, str, Outcome]] = Counter()
        self._lock = threading.Lock()

    def serve(self, home: asyncio.AbstractEventLoop, lines: LineLog) -> None:
        """home: the worker's event loop. lines: the log."""
        self._home, self._lines = home, lines

    def count(self, target: str, route: str, outcome: Outcome) -> None:
        with self._lock:
            key = (target, route, outcome)
            if key not in self._counts and len(self._counts) >= MOST_ROUTES:
                key = (target, OTHERS, outcome)
            self._counts[key] += 1
        self._publish("clyra_mirror_requests_total", f"{target}{SEPARATOR}{outcome.value}")

    def compared(self, target: str, result: Result, line: bytes) -> None:
        """A pair of answers was looked at; its line."""
        self._publish("clyra_mirror_compared_total", f"{target}{SEPARATOR}{result.value}")
        if self._lines is not None:
            self._lines.write_line(line)

    def flush(self) -> None:
        """Write what was counted since the last time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if counts and self._lines is not None:
            self._lines.write_line(counts_line(counts, time.time()))

    def _publish(self, family: str, labels: str) -> None:
        if self._home is not None:
            with contextlib.suppress(RuntimeError):  # the worker is gone
                self._home.call_soon_threadsafe(self._metrics.add, family, labels)
