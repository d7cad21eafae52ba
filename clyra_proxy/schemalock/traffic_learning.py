"""Learning from live traffic, when policy asks for it, and drift from locks, always.

Guarantees: off unless `data_platform.schemalock.learn` is set or the route is bound to a lock; keeps shapes, never
values; the state of each worker is its own file, written whole or not at all, so that a crash loses at most the last
interval and `clyra schema lock FILES` merges them all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from clyra_proxy.checks import BodySession
from clyra_proxy.exchange import Exchange
from clyra_proxy.schemalock.binding import LockedPlan
from clyra_proxy.schemalock.drift import save_drifts
from clyra_proxy.schemalock.learn import Learner
from clyra_proxy.schemalock.learning_check import LearningCheck
from clyra_proxy.verdict.model import Phase

SAVE_EVERY_S = 30.0
SELFTEST = "selftest"
"""Destination of the start-up self-test (`clyra_proxy.engine.selftest_pass`); nobody's traffic."""


class TrafficLearning:
    """The body check of one worker. folder: for its state. wanted: whether policy asks to learn right now."""

    id = LearningCheck.id
    phases = LearningCheck.phases
    budget_ms = LearningCheck.budget_ms
    on_error = LearningCheck.on_error

    def __init__(self, folder: Path, wanted: Callable[[], bool]) -> None:
        self._folder = folder
        self._wanted = wanted
        self._check = LearningCheck(Learner())
        self._saved = (0, 0)

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        """A session where learning is wanted, or where there is a lock to compare with."""
        if exchange.route.destination == SELFTEST:
            return None
        if self._wanted() or isinstance(exchange.route.request_schema, LockedPlan):
            return self._check.open(exchange, phase)
        return None

    def save(self) -> None:
        """Write what was learned and which drifts were seen since the last time. Raises OSError."""
        learner, drifts = self._check.learner, self._check.drifts
        known = (sum(route.documents for route in learner.routes.values()), len(drifts))
        if known == self._saved:
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        learner.save(self._folder / f"learned-{os.getpid()}.json")
        if drifts:
            save_drifts(self._folder / f"drifts-{os.getpid()}.ndjson", list(drifts.values()))
        self._saved = known
