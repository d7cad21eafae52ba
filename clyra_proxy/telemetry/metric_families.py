"""Which metrics there are: name, meaning, labels, buckets, each said once.

Labels take values from closed lists only (decisions, rule ids, reasons, check ids), so the number of series is bounded
whatever clients send. Names follow the Prometheus conventions (base units, `_total` for counters).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_PEOPLE = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_CHECK = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25)


class Kind(StrEnum):
    """The types of Prometheus that are used."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. A gauge is given per worker (label `worker`); counters and histograms are summed over workers."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_ALL = (
    Family("clyra_exchanges_total", Kind.COUNTER, "Exchanges decided.", ("decision", "mode")),
    Family("clyra_denials_total", Kind.COUNTER, "Exchanges answered by Clyra in place of the upstream.", ("reason",)),
    Family("clyra_findings_total", Kind.COUNTER, "Findings made.", ("rule", "mode")),
    Family("clyra_coverage_total", Kind.COUNTER, "How much of bodies the checks saw.", ("direction", "seen")),
    Family("clyra_body_bytes_total", Kind.COUNTER, "Bytes that came in.", ("direction",)),
    Family("clyra_released_bytes_total", Kind.COUNTER, "Bytes the gates let go onward.", ("direction",)),
    Family("clyra_transport_errors_total", Kind.COUNTER, "Exchanges ended by a transport failure."),
    Family("clyra_websocket_sessions_total", Kind.COUNTER, "WebSocket sessions ended."),
    Family("clyra_verdict_lines_lost_total", Kind.COUNTER, "Verdict lines that could not be written."),
    Family("clyra_evidence_records_lost_total", Kind.COUNTER, "Records declared lost (`sys.gap`)."),
    Family(
        "clyra_candidate_total", Kind.COUNTER, "Exchanges judged by the candidate policy, by comparison.", ("relation",)
    ),
    Family("clyra_approvals_total", Kind.COUNTER, "Approvals asked for and used, by what came of it.", ("standing",)),
    Family("clyra_engine_answers_total", Kind.COUNTER, "Answers of policy engines.", ("kind", "answer")),
    Family("clyra_mirror_requests_total", Kind.COUNTER, "Requests for mirrors, by outcome.", ("target", "outcome")),
    Family("clyra_mirror_compared_total", Kind.COUNTER, "Pairs of answers compared.", ("target", "result")),
    Family("clyra_worker_cpu_seconds_total", Kind.COUNTER, "Processor time used by workers."),
    Family("clyra_exchange_seconds", Kind.HISTOGRAM, "Duration of exchanges, upstream included.", (), _LATENCY),
    Family("clyra_upstream_seconds", Kind.HISTOGRAM, "Time spent waiting for the upstream.", (), _LATENCY),
    Family("clyra_check_seconds", Kind.HISTOGRAM, "Processor time of one check on one exchange.", ("check",), _CHECK),
    Family("clyra_approval_wait_seconds", Kind.HISTOGRAM, "Time that requests waited for a person.", (), _PEOPLE),
    Family("clyra_engine_seconds", Kind.HISTOGRAM, "Time that policy engines took to answer.", ("kind",), _LATENCY),
    Family("clyra_worker_connections", Kind.GAUGE, "Client connections open.", ("worker",)),
    Family("clyra_worker_exchanges", Kind.GAUGE, "Exchanges in flight.", ("worker",)),
    Family("clyra_worker_resident_bytes", Kind.GAUGE, "Resident memory.", ("worker",)),
    Family("clyra_policy_generation", Kind.GAUGE, "Generation of the policy in force.", ("worker",)),
    Family("clyra_approvals_waiting", Kind.GAUGE, "Approvals that wait for people at the recorder.", ("worker",)),
    Family(
        "clyra_approvals_near_deadline", Kind.GAUGE, "Those of them that are due to be escalated (SLA).", ("worker",)
    ),
    Family("clyra_approvals_oldest_seconds", Kind.GAUGE, "How long the oldest of them has waited.", ("worker",)),
    Family("clyra_halts", Kind.GAUGE, "Halts in force, half-open ones included.", ("worker",)),
    Family("clyra_engines_failing", Kind.GAUGE, "Policy engines left alone because they do not answer.", ("worker",)),
    Family("clyra_state_lost", Kind.GAUGE, "1 while the shared store of state does not answer.", ("worker",)),
    Family("clyra_mirror_held_bytes", Kind.GAUGE, "Bytes kept for mirrors.", ("worker",)),
    Family("clyra_recorder_ready", Kind.GAUGE, "1 when the recorder takes records.", ("worker",)),
    Family("clyra_evidence_queue_records", Kind.GAUGE, "Records waiting for the recorder.", ("worker",)),
    Family("clyra_verdict_lines_pending", Kind.GAUGE, "Verdict lines waiting to be written.", ("worker",)),
)

FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in _ALL})
