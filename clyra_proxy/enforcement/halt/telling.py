"""A halt as people and programs are told of it."""

from __future__ import annotations

from typing import Any

from clyra_proxy.enforcement.halt.model import Halt


def tell(halt: Halt) -> dict[str, Any]:
    """JSON-ready; moments in seconds since the epoch."""
    last = halt.last
    return {
        "id": halt.id,
        "scope": halt.place.name,
        "phase": halt.phase.value,
        "cause": halt.cause.value,
        "reason": halt.reason,
        "by": halt.actor.name,
        "channel": halt.channel.value,
        "since": halt.since,
        "until": halt.until,
        "override_until": halt.override_until,
        "probes": halt.probes,
        "passed": halt.passed,
        "rule": halt.rule,
        "version": halt.version,
        "last": None if last is None else {"kind": last.kind, "reason": last.reason, "by": last.actor.name},
    }
