"""One engine of a policy with what policy says of it: whom it concerns, and what its answers come to.

Guarantees: `ask` never raises (but for being cancelled) and ends in time; a yes is no finding, a no is `engine.denied`,
and whatever is neither is `engine.unavailable` with the declared outcome.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import cast

from clyra_proxy.enforcement.engines.answer import Answer, Outcome
from clyra_proxy.enforcement.engines.engine import Engine, LocalEngine
from clyra_proxy.enforcement.engines.question import Question
from clyra_proxy.enforcement.engines.values import values_of
from clyra_proxy.policy.engines import Cedar, OnDenied, OnUnavailable, Opa, OpenFga
from clyra_proxy.policy.matching import covers_route
from clyra_proxy.policy.route import Route
from clyra_proxy.services.failure import Cause, ServiceFailure
from clyra_proxy.verdict.model import Action, Finding, Mode, Phase
from clyra_proxy.verdict.rules import RULES, STRICTNESS

DENIED = RULES["engine.denied"]
UNAVAILABLE = RULES["engine.unavailable"]
NO_ANSWER = "unavailable"
ANSWERS = "answers"
PROBE_S = 2.0

_ON_DENIED = {OnDenied.BLOCK: Action.BLOCK, OnDenied.APPROVE: Action.APPROVE}
_ON_UNAVAILABLE = {
    OnUnavailable.BLOCK: Action.BLOCK,
    OnUnavailable.APPROVE: Action.APPROVE,
    OnUnavailable.MARK: Action.MARK,
}

log = logging.getLogger("clyra.engines")


@dataclass(frozen=True, slots=True)
class Told:
    """What came of asking one engine. word: of its answer, or `unavailable`. seconds: it took."""

    kind: str
    word: str
    seconds: float
    finding: Finding | None


class AskedEngine:
    """engine: who answers. settings: its entry in the policy."""

    def __init__(self, settings: Opa | Cedar | OpenFga, engine: Engine) -> None:
        self.settings = settings
        self.engine = engine
        self._last = "not asked yet"

    @property
    def standing(self) -> str:
        """How it is, in a few words: `answers`, `not asked yet`, or the cause of its last failure."""
        return f"left alone: {self._last}" if self.engine.failing else self._last

    @property
    def is_local(self) -> bool:
        """Whether it is judged in this process."""
        return self.engine.kind == "cedar"

    @property
    def may_hold(self) -> bool:
        """Whether it may ask for a person. Every engine may say so itself but OpenFGA, which knows yes and no."""
        settings = self.settings
        declared = settings.on_denied is OnDenied.APPROVE or settings.on_unavailable is OnUnavailable.APPROVE
        return declared or self.engine.kind != "openfga"

    def concerns(self, route: Route, kind: str) -> bool:
        """Whether it is asked about a `read` or a `write` on a route."""
        settings = self.settings
        if kind == "read" and not settings.reads:
            return False
        return not settings.routes or any(covers_route(pattern, route.id) for pattern in settings.routes)

    async def ask(self, question: Question, body: bytes | None, route: Route, budget_s: float) -> Told:
        """body: the decoded request body, None when it is not known; needed only for the values policy names."""
        began = time.monotonic()
        seconds = min(self.settings.timeout_ms / 1000, budget_s)
        answer: Answer | Cause
        try:
            question = self._with_values(question, body)
            answer = await self.engine.decide(question, seconds)
        except ServiceFailure as failure:
            answer = failure.cause
        except Exception as error:  # noqa: BLE001 - whatever goes wrong here is an unavailable engine, never a yes
            log.warning("Policy engine %s failed with %s.", self.settings.name, type(error).__name__)
            answer = Cause.INTERNAL
        return self.told(answer, route, time.monotonic() - began)

    async def probe(self, question: Question) -> None:
        """Learn how it is, without a request that needs it."""
        try:
            await self.engine.decide(question, max(PROBE_S, self.settings.timeout_ms / 1000))
        except ServiceFailure as failure:
            self._last = f"fails: {failure.cause.value}"
        else:
            self._last = ANSWERS

    def judge(self, question: Question, body: bytes, route: Route) -> Told:
        """As `ask`, of an engine that `is_local`, without an event loop."""
        answer: Answer | Cause
        try:
            answer = cast("LocalEngine", self.engine).judge(self._with_values(question, body))
        except ServiceFailure as failure:
            answer = failure.cause
        return self.told(answer, route)

    def told(self, answer: Answer | Cause, route: Route, seconds: float = 0.0) -> Told:
        """What an answer, or the lack of one, comes to."""
        kind = self.engine.kind
        if isinstance(answer, Cause):
            self._last = f"fails: {answer.value}"
            return Told(kind, NO_ANSWER, seconds, self._unavailable(answer, route))
        self._last = ANSWERS
        return Told(kind, answer.outcome.value, seconds, self._finding(answer, route))

    def _with_values(self, question: Question, body: bytes | None) -> Question:
        if not self.settings.values:
            return question
        if body is None:
            raise ServiceFailure(Cause.TOO_LARGE, blames=False)
        return replace(question, values=values_of(body, self.settings.values))

    def _finding(self, answer: Answer, route: Route) -> Finding | None:
        if answer.outcome is Outcome.ALLOW:
            return None
        approve = answer.outcome is Outcome.APPROVE
        detail = self._named()
        if answer.reasons:
            detail["reasons"] = " ".join(answer.reasons)
        if answer.decision:
            detail["decision"] = answer.decision
        action = Action.APPROVE if approve else _ON_DENIED[self.settings.on_denied]
        return DENIED.finding(route, Phase.REQUEST_BODY, action=action, detail=detail)

    def _unavailable(self, cause: Cause, route: Route) -> Finding | None:
        detail = {**self._named(), "cause": cause.value}
        action = _ON_UNAVAILABLE[self.settings.on_unavailable]
        return UNAVAILABLE.finding(route, Phase.REQUEST_BODY, action=action, error=True, detail=detail)

    def _named(self) -> dict[str, str | int]:
        return {"engine": self.settings.name, "kind": self.engine.kind}


def mode_on(route: Route) -> Mode:
    """The stricter mode of the two rules; where a no changes nothing, nobody is asked."""
    denied = DENIED.mode(route)
    return Mode.OFF if denied is Mode.OFF else max(denied, UNAVAILABLE.mode(route), key=STRICTNESS.index)
