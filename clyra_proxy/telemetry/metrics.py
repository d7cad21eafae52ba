"""One worker's metrics: plain integers while it serves, published as a small file for whoever exposes them.

Guarantees: counting an exchange costs a few dictionary updates, no lock, no system call; publishing replaces one file
atomically. A worker that is gone leaves its last file behind, so that summed counters never run backwards
(`telemetry.exposition`). Must be used from one thread, the event loop's.
"""

from __future__ import annotations

import os
import resource
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import orjson
import psutil

from clyra_proxy.exchange import BodyTally, Exchange
from clyra_proxy.telemetry.metric_families import FAMILIES
from clyra_proxy.verdict.model import Coverage, Verdict

SEPARATOR = "\x1f"
"""Joins label values into one key."""


class WorkerMetrics:
    """Counters, histograms and gauges of worker number `worker`."""

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self._counters: dict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._histograms: dict[str, dict[str, list[float]]] = defaultdict(dict)
        self._gauges: dict[str, Callable[[], float]] = {}
        self._totals: dict[str, Callable[[], float]] = {}
        self._process = psutil.Process()
        self.read_gauge("clyra_worker_resident_bytes", lambda: self._process.memory_info().rss)
        self.read_total("clyra_worker_cpu_seconds_total", _cpu_seconds)

    def count(self, exchange: Exchange) -> None:
        """Count one decided exchange at its end."""
        verdict = exchange.verdict
        if verdict is None:
            raise ValueError(f"exchange {exchange.id} has no verdict")
        self.add("clyra_exchanges_total", f"{verdict.decision}{SEPARATOR}{verdict.mode}")
        if verdict.findings:
            self._count_findings(exchange, verdict)
        self._count_body("request", exchange.request_body, verdict.request_coverage)
        self._count_body("response", exchange.response_body, verdict.response_coverage)
        if exchange.error:
            self.add("clyra_transport_errors_total")
        if exchange.websocket:
            self.add("clyra_websocket_sessions_total")
        self.observe("clyra_exchange_seconds", (time.perf_counter_ns() - exchange.started_ns) / 1e9)
        if exchange.upstream_ns:
            self.observe("clyra_upstream_seconds", exchange.upstream_ns / 1e9)
        for check, microseconds in verdict.check_us.items():
            self.observe("clyra_check_seconds", microseconds / 1e6, check)

    def add(self, name: str, labels: str = "", amount: float = 1) -> None:
        """Raise a counter. labels: values in the family's order, joined by SEPARATOR."""
        self._counters[name][labels] += amount

    def observe(self, name: str, value: float, labels: str = "") -> None:
        """Put one value into a histogram."""
        series = self._histograms[name].get(labels)
        if series is None:
            series = self._histograms[name][labels] = [0.0] * (len(FAMILIES[name].buckets) + 2)
        series[bisect_left(FAMILIES[name].buckets, value)] += 1
        series[-1] += value

    def read_gauge(self, name: str, read: Callable[[], float]) -> None:
        """Name the function that reads a gauge when metrics are published."""
        self._gauges[FAMILIES[name].name] = read

    def read_total(self, name: str, read: Callable[[], float]) -> None:
        """Name the function that reads a counter somebody else keeps."""
        self._totals[FAMILIES[name].name] = read

    def snapshot(self) -> bytes:
        """Everything as JSON."""
        for name, read in self._totals.items():
            self._counters[name][""] = read()
        return orjson.dumps(
            {
                "worker": self.worker,
                "pid": os.getpid(),
                "time": time.time(),
                "counters": self._counters,
                "histograms": self._histograms,
                "gauges": {name: read() for name, read in self._gauges.items()},
            }
        )

    def publish(self, folder: Path) -> None:
        """Replace this worker's file in `folder`. Raises OSError when it cannot be written."""
        path = folder / f"{self.worker}-{os.getpid()}.json"
        fresh = path.with_suffix(".new")
        fresh.write_bytes(self.snapshot())
        fresh.replace(path)

    def _count_findings(self, exchange: Exchange, verdict: Verdict) -> None:
        for finding in verdict.findings:
            self.add("clyra_findings_total", f"{finding.rule}{SEPARATOR}{finding.mode}")
        deciding = verdict.deciding
        if exchange.denial is not None and deciding is not None:
            self.add("clyra_denials_total", deciding.reason.value)

    def _count_body(self, direction: str, tally: BodyTally, coverage: Coverage) -> None:
        self.add("clyra_coverage_total", f"{direction}{SEPARATOR}{coverage.seen}")
        if tally.seen:
            self.add("clyra_body_bytes_total", direction, tally.seen)
            self.add("clyra_released_bytes_total", direction, tally.released)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
