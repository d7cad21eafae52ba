"""Metrics: counted in a worker, published, summed over workers, read back by the official parser."""

from __future__ import annotations

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from clyra_proxy.telemetry.exposition import render
from clyra_proxy.telemetry.metric_families import FAMILIES, Kind
from clyra_proxy.telemetry.metrics import WorkerMetrics
from clyra_proxy.verdict.denial import Denial
from clyra_proxy.verdict.model import Decision
from tests.support.exchanges import exchange, violation


def samples(folder):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(render(folder).decode())
        for sample in family.samples
    }


def blocked():
    made = exchange(decision=Decision.BLOCK, findings=(violation(),))
    made.denial = Denial(422, (), b"")
    made.request_body.seen, made.request_body.released = 1000, 400
    return made


def test_workers_are_summed_and_gauges_kept_apart(tmp_path):
    first, second = WorkerMetrics(0), WorkerMetrics(1)
    for metrics, allowed, refused in ((first, 3, 1), (second, 2, 0)):
        for _ in range(allowed):
            metrics.count(exchange())
        for _ in range(refused):
            metrics.count(blocked())
        metrics.read_gauge("clyra_policy_generation", lambda: 7)
        metrics.publish(tmp_path)
    second.count(exchange())
    second.publish(tmp_path)
    seen = samples(tmp_path)
    assert seen["clyra_exchanges_total", (("decision", "allow"), ("mode", "enforce"))] == 6
    assert seen["clyra_exchanges_total", (("decision", "block"), ("mode", "enforce"))] == 1
    assert seen["clyra_denials_total", (("reason", "schema_violation"),)] == 1
    assert seen["clyra_findings_total", (("mode", "enforce"), ("rule", "schema.violation"))] == 1
    assert seen["clyra_body_bytes_total", (("direction", "request"),)] == 1000
    assert seen["clyra_released_bytes_total", (("direction", "request"),)] == 400
    assert seen["clyra_coverage_total", (("direction", "request"), ("seen", "streamed"))] == 7
    assert seen["clyra_check_seconds_count", (("check", "schema"),)] == 7
    assert seen["clyra_check_seconds_bucket", (("check", "schema"), ("le", "5e-05"))] == 7
    assert seen["clyra_check_seconds_bucket", (("check", "schema"), ("le", "2.5e-05"))] == 0
    assert seen["clyra_upstream_seconds_sum", ()] == pytest.approx(7 * 0.012)
    assert seen["clyra_upstream_seconds_bucket", (("le", "+Inf"),)] == 7
    assert seen["clyra_policy_generation", (("worker", "0"),)] == 7
    assert seen["clyra_worker_resident_bytes", (("worker", "1"),)] > 1_000_000
    assert seen["clyra_workers", ()] == 2


def test_a_worker_that_is_gone_keeps_its_counts_and_loses_its_gauges(tmp_path):
    gone = WorkerMetrics(0)
    gone.count(exchange())
    old = orjson.loads(gone.snapshot())
    old["time"] -= 60
    (tmp_path / "0-1.json").write_bytes(orjson.dumps(old))
    fresh = WorkerMetrics(0)
    fresh.count(exchange())
    fresh.publish(tmp_path)
    seen = samples(tmp_path)
    assert seen["clyra_exchanges_total", (("decision", "allow"), ("mode", "enforce"))] == 2
    assert seen["clyra_workers", ()] == 1


def test_every_family_is_shown_before_anything_happened(tmp_path):
    WorkerMetrics(0).publish(tmp_path)
    text = render(tmp_path).decode()
    for family in FAMILIES.values():
        name = family.name.removesuffix("_total") if family.kind is Kind.COUNTER else family.name
        assert f"# HELP {name}" in text
        assert f"# TYPE {name}" in text


def test_a_damaged_file_is_counted_not_fatal(tmp_path):
    (tmp_path / "0-1.json").write_bytes(b"{")
    (tmp_path / "0-2.json").write_bytes(b"[1]")
    WorkerMetrics(1).publish(tmp_path)
    assert samples(tmp_path)["clyra_metrics_unreadable", ()] == 2


def test_an_undecided_exchange_is_a_program_error():
    made = exchange()
    made.verdict = None
    with pytest.raises(ValueError, match="no verdict"):
        WorkerMetrics(0).count(made)
