"""Publishes a worker's metrics once a second, and a last time when it leaves."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clyra_proxy.engine.master import EngineMaster
    from clyra_proxy.engine.runtime import Runtime

PERIOD_S = 1.0

log = logging.getLogger("clyra.worker")


class Metering:
    """Connects the gauges to what they read and publishes until closed. Needs a running event loop."""

    def __init__(self, runtime: Runtime, master: EngineMaster) -> None:
        self._runtime = runtime
        self._failing = False
        recorder, policy, verdict_log = runtime.recorder, runtime.policy, runtime.verdict_log
        metrics = runtime.metrics
        metrics.read_gauge("clyra_worker_connections", master.active_connections)
        metrics.read_gauge("clyra_worker_exchanges", master.active_exchanges)
        metrics.read_gauge("clyra_policy_generation", lambda: policy.current.generation)
        metrics.read_gauge("clyra_halts", lambda: len(runtime.halts.state.table))
        metrics.read_gauge("clyra_engines_failing", lambda: policy.current.engines_failing)
        metrics.read_gauge("clyra_state_lost", lambda: getattr(runtime.state, "lost", False))
        metrics.read_gauge("clyra_mirror_held_bytes", lambda: runtime.mirrors.held)
        metrics.read_gauge("clyra_recorder_ready", lambda: recorder.ready)
        metrics.read_gauge("clyra_evidence_queue_records", lambda: recorder.queued)
        metrics.read_gauge("clyra_verdict_lines_pending", lambda: verdict_log.pending)
        metrics.read_total("clyra_verdict_lines_lost_total", lambda: verdict_log.lost)
        metrics.read_total("clyra_evidence_records_lost_total", lambda: recorder.lost)
        self._task = asyncio.create_task(self._publish_for_ever(), name="metrics")

    def close(self) -> None:
        """Publish the last numbers and stop."""
        self._task.cancel()
        self._publish()

    async def _publish_for_ever(self) -> None:
        while True:
            self._publish()
            await asyncio.sleep(PERIOD_S)

    def _publish(self) -> None:
        try:
            self._runtime.metrics.publish(self._runtime.home.metrics)
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.error("metrics cannot be published: %s", error)  # noqa: TRY400 - a full disk needs no traceback
            self._failing = True
