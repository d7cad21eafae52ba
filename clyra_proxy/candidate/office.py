"""One worker's side of the candidate policy: whom it judges, what is kept for it, and who hears its verdict.

Guarantees: without a candidate, `begin` and `then` cost one look at a None; whatever the candidate does (raises, hangs,
is too slow, has too much to do) becomes a verdict `failed` with the reason, is counted, and touches no exchange. The
verdict line waits for it, bounded by `budget_ms`; nothing else does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from clyra_proxy.candidate.compiled import Candidate
from clyra_proxy.candidate.copying import Copy, CopyingGate, Holdings, new_copy
from clyra_proxy.candidate.judging import judge
from clyra_proxy.candidate.lane import Lane, LaneError
from clyra_proxy.candidate.verdict import CandidateVerdict, diff_event, failed
from clyra_proxy.checks import BodyCheck
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.wire.steps import LOADING_S
from clyra_proxy.stream.gate import BodyGate
from clyra_proxy.telemetry.verdict_line import CANDIDATE

log = logging.getLogger("clyra.candidate")

COUNTER = "clyra_candidate_total"
_COPY = "candidate-copy"
"""Key in `Exchange.extensions` of what is kept until the exchange is judged."""

type Tell = Callable[[Exchange], None]


class Journal(Protocol):
    """The part of the evidence client that the candidate needs: an event is queued, never waited for."""

    def note(self, line: bytes) -> None: ...


class Meter(Protocol):
    """The part of the worker's metrics that counts the candidate's verdicts."""

    def add(self, name: str, labels: str = "", amount: float = 1) -> None: ...


class _Kept:
    """What an exchange has in its extensions until it is judged."""

    __slots__ = ("candidate", "copy")

    def __init__(self, candidate: Candidate, copy: Copy) -> None:
        self.candidate = candidate
        self.copy = copy


class CandidateOffice:
    """current: gives the candidate in force, None without one. checks: makes the body checks of a candidate."""

    def __init__(
        self,
        current: Callable[[], Candidate | None],
        checks: Callable[[Candidate], Sequence[BodyCheck]],
        journal: Journal,
        meter: Meter,
    ) -> None:
        self._current = current
        self._make_checks = checks
        self._journal = journal
        self._meter = meter
        self._holdings = Holdings(0)
        self._lane = Lane("candidate")
        self._known: tuple[Candidate, Sequence[BodyCheck]] | None = None

    def begin(self, exchange: Exchange) -> None:
        """An exchange whose caller is known: keep what comes of it, if the candidate is to judge it."""
        candidate = self._current()
        if candidate is None or _COPY in exchange.extensions:
            return
        try:
            chosen = candidate.settings.sample.takes(exchange)
        except Exception as error:  # noqa: BLE001 - no fault of the candidate's may reach the exchange
            log.error("the candidate could not choose: %s", type(error).__name__)  # noqa: TRY400
            chosen = False
        if not chosen:
            return
        self._holdings.most = candidate.settings.max_held_bytes
        exchange.extensions[_COPY] = _Kept(candidate, new_copy(candidate.settings.max_body_bytes, self._holdings))

    def copying(self, exchange: Exchange, gate: BodyGate, *, request: bool) -> BodyGate:
        """The gate with a copy of what comes through it; the gate itself where nobody wants one."""
        kept = exchange.extensions.get(_COPY)
        if not isinstance(kept, _Kept):
            return gate
        return CopyingGate(gate, kept.copy.request if request else kept.copy.response)

    def hear(self, exchange: Exchange, content: bytes, *, from_client: bool, text: bool) -> None:
        """A WebSocket message is about to be judged."""
        kept = exchange.extensions.get(_COPY)
        if isinstance(kept, _Kept):
            kept.copy.hear(content, from_client=from_client, text=text)

    def then(self, exchange: Exchange, tell: Tell) -> None:
        """`tell` of an exchange that is over and has its verdict: now, or once the candidate has judged it as well."""
        kept = exchange.extensions.pop(_COPY, None)
        if not isinstance(kept, _Kept):
            tell(exchange)
            return
        candidate, copy = kept.candidate, kept.copy

        def done(result: CandidateVerdict | LaneError) -> None:
            verdict = failed(candidate.policy.sha256, result.why) if isinstance(result, LaneError) else result
            copy.drop()
            self._close(exchange, verdict, candidate)
            tell(exchange)

        def work() -> CandidateVerdict:
            _load(candidate)
            return judge(exchange, copy, candidate, self._checks_of(candidate))

        patience_s = candidate.settings.budget_ms / 1000 + (0.0 if _is_loaded(candidate) else LOADING_S)
        self._lane.submit(work, done, patience_s)

    async def close(self) -> None:
        """Return when every exchange that is over was told."""
        await self._lane.drain()

    def _close(self, exchange: Exchange, verdict: CandidateVerdict, candidate: Candidate) -> None:
        exchange.extensions[CANDIDATE] = verdict
        self._meter.add(COUNTER, verdict.relation.value)
        if verdict.differs:
            self._journal.note(diff_event(exchange, verdict, candidate.settings.sample.percent))

    def _checks_of(self, candidate: Candidate) -> Sequence[BodyCheck]:
        """Made once for a candidate: checks remember what they know of its routes. Called in the lane's thread."""
        if self._known is None or self._known[0] is not candidate:
            self._known = (candidate, self._make_checks(candidate))
        return self._known[1]


def _is_loaded(candidate: Candidate) -> bool:
    return candidate.policy.genai is None or candidate.policy.genai.loaded


def _load(candidate: Candidate) -> None:
    """Make what is made late, as the first conversation would."""
    if candidate.policy.genai is not None and not candidate.policy.genai.loaded:
        candidate.policy.genai.load()


def idle_office() -> CandidateOffice:
    """An office without a candidate."""
    return CandidateOffice(lambda: None, lambda _: (), _Deaf(), _Deaf())


class _Deaf:
    """Hears nothing."""

    def note(self, line: bytes) -> None:
        """Nobody is told."""

    def add(self, name: str, labels: str = "", amount: float = 1) -> None:
        """Nothing is counted."""
