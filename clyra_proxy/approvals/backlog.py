"""What waits for people, for the metrics: asked of the recorder now and then, once this worker has asked for anything.

Rule: nobody waits for these figures, and what cannot be asked leaves the last ones standing; whether the recorder
answers at all is another metric.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any, Protocol

from clyra_proxy.approvals.desk import Desk, DeskError, DeskRefusal

PERIOD_S = 5.0
GAUGES = {
    "clyra_approvals_waiting": "waiting",
    "clyra_approvals_near_deadline": "near_deadline",
    "clyra_approvals_oldest_seconds": "oldest_s",
}
"""Gauge -> its name in the recorder's answer."""


class Gauges(Protocol):
    """The part of the worker's metrics that reads gauges."""

    def read_gauge(self, name: str, read: Any) -> None: ...


@dataclass(slots=True)
class Backlog:
    """One worker's view of what waits at the recorder that it asked last. Lives on one event loop."""

    figures: dict[str, float] = field(default_factory=dict)
    _desk: Desk | None = None
    _task: asyncio.Task[None] | None = None

    def show(self, gauges: Gauges) -> None:
        """Connect the gauges."""
        for gauge, name in GAUGES.items():
            gauges.read_gauge(gauge, lambda name=name: self.figures.get(name, 0.0))

    def watch(self, desk: Desk) -> None:
        """Ask this recorder from now on."""
        self._desk = desk
        if self._task is None:
            self._task = asyncio.create_task(self._ask_for_ever(), name="approvals backlog")

    async def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _ask_for_ever(self) -> None:
        while self._desk is not None:
            with contextlib.suppress(DeskError, DeskRefusal):
                found = await self._desk.backlog()
                self.figures = {name: _number(found.get(name)) for name in GAUGES.values()}
            await asyncio.sleep(PERIOD_S)


def _number(found: object) -> float:
    return float(found) if isinstance(found, int | float) and 0 <= found < 1e15 else 0.0
