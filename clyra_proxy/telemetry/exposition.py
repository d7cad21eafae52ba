"""All workers' metrics as one Prometheus text, read from the files they publish.

Counters and histograms are summed over every worker that ever ran in this folder, gauges are shown for those that
published lately. A file that cannot be read is left out and counted in `clyra_metrics_unreadable`. The folder is
emptied when the proxy starts. Reference: Prometheus text exposition format 0.0.4.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from clyra_proxy import __version__
from clyra_proxy.telemetry.metric_families import FAMILIES, Family, Kind
from clyra_proxy.telemetry.metrics import SEPARATOR

FRESH_SECONDS = 15.0
"""A worker that published longer ago is gone or hangs: its gauges are not shown, `clyra_workers` counts it out."""


def render(folder: Path) -> bytes:
    """The text for `/metrics`. Never raises for what is in the folder."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(folder))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        snapshots, unreadable = _read(self._folder)
        now = time.time()
        alive = [one for one in snapshots if now - float(one["time"]) < FRESH_SECONDS]
        yield GaugeMetricFamily("clyra_workers", "Workers that published lately.", value=len(alive))
        yield GaugeMetricFamily("clyra_metrics_unreadable", "Worker files that could not be read.", value=unreadable)
        build = GaugeMetricFamily("clyra_build_info", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        for family in FAMILIES.values():
            if family.kind is Kind.COUNTER:
                yield _counter(family, snapshots)
            elif family.kind is Kind.HISTOGRAM:
                yield _histogram(family, snapshots)
            else:
                yield _gauge(family, alive)


def _read(folder: Path) -> tuple[list[dict[str, Any]], int]:
    snapshots, unreadable = [], 0
    for file in sorted(folder.glob("*.json")):
        try:
            snapshot = orjson.loads(file.read_bytes())
            snapshots.append({"time": 0.0, "counters": {}, "histograms": {}, "gauges": {}, **snapshot})
        except (OSError, orjson.JSONDecodeError, TypeError):
            unreadable += 1
    return snapshots, unreadable


def _counter(family: Family, snapshots: list[dict[str, Any]]) -> Metric:
    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    totals: defaultdict[str, float] = defaultdict(float)
    if not family.labels:
        totals[""] = 0.0
    for snapshot in snapshots:
        for key, value in snapshot["counters"].get(family.name, {}).items():
            totals[key] += value
    for key, value in sorted(totals.items()):
        metric.add_metric(_values(key), value)
    return metric


def _histogram(family: Family, snapshots: list[dict[str, Any]]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    size = len(family.buckets) + 2
    totals: dict[str, list[float]] = {} if family.labels else {"": [0.0] * size}
    for snapshot in snapshots:
        for key, series in snapshot["histograms"].get(family.name, {}).items():
            known = totals.setdefault(key, [0.0] * size)
            totals[key] = [left + right for left, right in zip(known, series, strict=True)]
    for key, series in sorted(totals.items()):
        metric.add_metric(_values(key), list(_cumulative(family.buckets, series)), series[-1])
    return metric


def _cumulative(buckets: tuple[float, ...], series: list[float]) -> Iterator[tuple[str, float]]:
    total = 0.0
    for bound, count in zip((*map(repr, buckets), "+Inf"), series, strict=False):
        total += count
        yield bound, total


def _gauge(family: Family, alive: list[dict[str, Any]]) -> Metric:
    metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for snapshot in alive:
        gauges: Mapping[str, float] = snapshot["gauges"]
        if family.name in gauges:
            metric.add_metric([str(snapshot.get("worker", ""))], gauges[family.name])
    return metric


def _values(key: str) -> list[str]:
    return key.split(SEPARATOR) if key else []
