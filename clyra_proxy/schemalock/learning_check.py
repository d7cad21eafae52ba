"""The body check that only watches: learns from a sample of the traffic, and says when it drifts from a lock.

Guarantees: it never holds back a byte and never refuses; CPU is bounded by a token bucket over bytes, memory by one
sample's size per open body; a body that is too large, cut short or not JSON is not learned. What a session finds is
reported when its body ends: a `schema.drift` finding with the drift's id, in shadow mode.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import jiter
import orjson

from clyra_proxy.checks import EVERYTHING, Violation
from clyra_proxy.exchange import Exchange
from clyra_proxy.schemalock.binding import LockedPlan
from clyra_proxy.schemalock.drift import Drift, DriftFinder
from clyra_proxy.schemalock.learn import Learner, RouteKey, template_of
from clyra_proxy.schemalock.lock import LockedRoute, SchemaLock
from clyra_proxy.schemalock.lock_routes import LockIndex
from clyra_proxy.schemalock.media import Kind, parse_media
from clyra_proxy.verdict.model import Action, Coverage, Finding, Mode, Phase, Seen
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.verdict.rules import BY_REASON

CHECK_ID = "learning"
_MOST_DRIFTS = 1_000
_MOST_FINDERS = 4_096


class LearningCheck:
    """Learns from traffic, and compares with the lock a route is bound to. lock: for routes that are bound to none.

    bytes_per_second: how much of the traffic is parsed, on average (bursts of ten seconds' worth). max_sample: the
    largest body that is looked at. drifts: what was found, by id, at most 1 000; `clyra schema accept` reads them.
    """

    id = CHECK_ID
    phases = frozenset({Phase.REQUEST_BODY, Phase.RESPONSE_BODY})
    budget_ms = 20.0
    on_error = Action.ALLOW

    def __init__(
        self,
        learner: Learner,
        *,
        lock: SchemaLock | None = None,
        bytes_per_second: int = 200_000,
        max_sample: int = 256 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.learner = learner
        self.drifts: dict[str, Drift] = {}
        self.max_sample = max_sample
        self._index = LockIndex(lock) if lock is not None else None
        self._finders: dict[int, DriftFinder] = {}
        self._rate, self._burst = bytes_per_second, bytes_per_second * 10
        self._tokens, self._clock, self._refilled = float(self._burst), clock, clock()

    def open(self, exchange: Exchange, phase: Phase) -> LearningSession | None:
        """A session when the body is JSON and there is budget for a sample, else None."""
        request = phase is Phase.REQUEST_BODY
        tally = exchange.request_body if request else exchange.response_body
        media = parse_media(tally.media_type)
        if media.kind is not Kind.JSON or not self._has_budget():
            return None
        status = str(exchange.response.status) if exchange.response is not None and not request else ""
        method, path = exchange.request.method.upper(), exchange.request.path
        direction = "request" if request else "response"
        plan = exchange.route.request_schema
        index = plan.index if isinstance(plan, LockedPlan) else self._index
        locked = index.find(method, path, direction, status, media.essence) if index is not None else None
        key = locked.key if locked else RouteKey(method, template_of(path), direction, status, media.essence)
        return LearningSession(self, key, locked, phase)

    def _has_budget(self) -> bool:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._refilled) * self._rate)
        self._refilled = now
        return self._tokens > 0

    def spend(self, size: int) -> None:
        self._tokens -= size

    def compare(self, route: LockedRoute, document: object) -> tuple[Drift, ...]:
        """Drifts of a document from its lock."""
        finder = self._finders.get(id(route))
        if finder is None or finder.route is not route:
            if len(self._finders) >= _MOST_FINDERS:
                self._finders.clear()  # routes of locks that were replaced
            finder = self._finders[id(route)] = DriftFinder(route)
        found = finder.find(document)
        for drift in found:
            if len(self.drifts) < _MOST_DRIFTS:
                self.drifts.setdefault(drift.id, drift)
        return found


class LearningSession:
    """One body. Keeps it until it ends or grows too large."""

    check_id = CHECK_ID
    mode = Mode.SHADOW

    def __init__(self, check: LearningCheck, key: RouteKey, locked: LockedRoute | None, phase: Phase) -> None:
        self._check, self._key, self._locked, self._phase = check, key, locked, phase
        self._body: bytearray | None = bytearray()
        self.coverage = Coverage(Seen.FULL)

    def feed(self, data: bytes) -> int:
        if self._body is not None:
            if len(self._body) + len(data) > self._check.max_sample:
                self._body = None
                self.coverage = Coverage(Seen.SKIPPED, "sample_size")
            else:
                self._body += data
        return EVERYTHING

    def finish(self) -> int:
        """Learn, compare. Raises Violation, in shadow mode, for the first drift of this body."""
        body, self._body = self._body, None
        if not body:
            return EVERYTHING
        self._check.spend(len(body))
        try:
            document = orjson.loads(body)
            jiter.from_json(bytes(body), catch_duplicate_keys=True)
        except ValueError:
            return EVERYTHING
        drifts = self._check.compare(self._locked, document) if self._locked is not None else ()
        self._check.learner.observe(self._key, document)
        if drifts:
            raise Violation(self._finding(drifts))
        return EVERYTHING

    def _finding(self, drifts: tuple[Drift, ...]) -> Finding:
        rule = BY_REASON[Reason.SCHEMA_DRIFT]
        first = drifts[0]
        return Finding(
            CHECK_ID,
            rule.id,
            rule.reason,
            rule.action,
            Mode.SHADOW,
            self._phase,
            rule.severity,
            first.place,
            {"drift": first.id, "keyword": first.keyword, "schema": f"#{first.schema_pointer}", "drifts": len(drifts)},
        )
