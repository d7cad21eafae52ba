"""The inspector of rows: every limit of a policy, asked once a batch, and what was counted given back at the end.

Rules: rows are grouped by target and operation, and each group is judged by the plan for its kind; all counters of a
group are one step of the store. A store that fails does what `on_loss` says for the limit it was asked for: a mark, or
a block that tells the sender to come again (429, never 5xx).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

from clyra_proxy.activation.inspection import RowInspection, RowSignal, TakesLongerError
from clyra_proxy.activation.model import indices
from clyra_proxy.activation.rows.counting import Count, sent_count
from clyra_proxy.activation.rows.duplicates import Claim, Duplicates
from clyra_proxy.activation.rows.group import Group, parts_by_target, rows_by_operation
from clyra_proxy.activation.rows.plan import Plan, Planner
from clyra_proxy.activation.rows.selecting import REMEMBERED, Kind, Rules
from clyra_proxy.activation.rows.velocity import Pace
from clyra_proxy.policy.row_primitives import Asks
from clyra_proxy.policy.rows import RowLimits, Unattributed
from clyra_proxy.state.store import Addition, StateError, StateStore
from clyra_proxy.verdict.model import Action

LOSS_RETRY_S = 5.0
_LOST = "state_lost"
type _Judge = Callable[[Group], Iterator[RowSignal]]

_HELD = 8192  # exchanges whose counts may still be given back


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a group was counted as. rows: positions in the batch."""

    rows: Sequence[int]
    counts: tuple[Count, ...]
    pace: Pace | None
    group: Group


@dataclass(slots=True)
class _Held:
    """What must be given back or kept at the end of an exchange."""

    taken: list[_Taken] = field(default_factory=list)
    duplicates: Duplicates | None = None


@dataclass(slots=True)
class _Told:
    """What the store said to a batch. repeats: of the same write; known: it was surely seen before.

    signals: of counters and tokens. sent: rows of the run so far, by group.
    """

    repeats: list[RowSignal]
    known: bool = False
    signals: list[RowSignal] = field(default_factory=list)
    sent: list[tuple[Group, int]] = field(default_factory=list)


class RowsInspector:
    """A SettlingInspector of the family `rows`."""

    id = "rows"

    def __init__(self, settings: RowLimits, planner: Planner, state: StateStore) -> None:
        self._settings = settings
        self._rules = Rules(settings)
        self._planner = planner
        self._state = state
        self._plan = lru_cache(maxsize=REMEMBERED)(self._make_plan)
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def inspect(self, inspection: RowInspection) -> Iterator[RowSignal]:
        held = _Held()
        try:
            yield from self._judge_attribution(inspection)
            groups = self._groups(inspection)
            if inspection.hurried and not all(map(_is_short, groups)):
                raise TakesLongerError
            held.duplicates = next((one.plan.duplicates for one in groups if one.plan.duplicates is not None), None)
            told = self._ask(groups, inspection, held)
            yield from told.repeats
            if told.known:
                return  # it is answered from what was: nothing else is asked, nothing counted
            for group in groups:
                yield from self._judge_rows(group)
            yield from told.signals
            for group, sent in told.sent:
                judge = partial(self._judge_share, sent=sent)
                yield from self._guarded(judge, group, "rows.share", self._settings.on_loss.limits)
        finally:
            self._hold(inspection.exchange, held)

    def _ask(self, groups: list[Group], inspection: RowInspection, held: _Held) -> _Told:
        """All that the store is asked for by every batch, in one step of it; each by itself where that failed."""
        claim = held.duplicates.claim(inspection) if held.duplicates is not None else None
        wanted = [self._counts(group) for group in groups]
        try:
            with self._state.together(inspection.now):
                return self._ask_each(groups, inspection, held, claim, wanted)
        except StateError:
            if inspection.hurried:
                raise TakesLongerError from None
            held.taken.clear()
            return self._ask_each(groups, inspection, held, claim, wanted)

    def _ask_each(
        self,
        groups: list[Group],
        inspection: RowInspection,
        held: _Held,
        claim: Claim | None,
        wanted: list[list[Count]],
    ) -> _Told:
        if held.duplicates is not None and claim is not None:
            found = list(self._judge_duplicates(held.duplicates, inspection, claim))
            if inspection.enforced and any(map(_is_known, found)):
                return _Told(found, known=True)
        else:
            found = []
        told = _Told(found)
        self._count(groups, inspection, held, wanted, told)
        return told

    def _groups(self, inspection: RowInspection) -> list[Group]:
        return [
            Group(part, one, some, self._plan(Kind(part, one)))
            for part in parts_by_target(inspection)
            for one, some in rows_by_operation(part.batch).items()
        ]

    def settle(self, inspection: RowInspection, forwarded: frozenset[int], status: int, body: bytes) -> None:
        """Give back what did not go upstream; keep the outcome. Raises StateError."""
        held = self._held.pop(inspection.exchange, None)
        if held is None:
            return
        for one in held.taken:
            if not forwarded.issuperset(one.rows):
                self._give_back(one, len(set(one.rows) - forwarded), inspection.now)
        if held.duplicates is not None:
            held.duplicates.settle(inspection, forwarded, status, body)

    def _make_plan(self, kind: Kind) -> Plan:
        return self._planner.plan(self._rules.matching(kind), kind.target)

    def _judge_rows(self, group: Group) -> Iterator[RowSignal]:
        """What is asked of a group's rows alone, and of runs before this one."""
        for judge in group.plan.pure:
            yield from judge.judge(group)
        if group.plan.spread is not None:
            loss = self._settings.on_loss.profiles
            yield from self._guarded(group.plan.spread.judge, group, "rows.null_overwrite", loss)

    def _count(
        self, groups: list[Group], inspection: RowInspection, held: _Held, wanted: list[list[Count]], told: _Told
    ) -> None:
        """All counters of all groups in one step of the store, then their tokens."""
        loss = self._settings.on_loss
        counts = [count for listed in wanted for count in listed]
        try:
            additions = [count.addition(inspection.enforced) for count in counts]
            answers = self._state.add_all(additions, inspection.now) if counts else []
        except StateError:
            rules = {one.rule: loss.deletes if one.rule == "rows.deletes" else loss.limits for one in counts}
            told.signals.extend(_lost(rule, what) for rule, what in rules.items())
            wanted, answers = [[] for _ in groups], []
        left = iter(answers)
        for group, listed in zip(groups, wanted, strict=True):
            pairs = [(count, next(left)) for count in listed]
            told.signals.extend(count.signal(answer) for count, answer in pairs if count.exceeded(answer))
            if group.plan.share is not None and pairs:
                told.sent.append((group, pairs[-1][1].total))
            slowed = list(self._guarded(self._judge_pace, group, "rows.velocity", loss.velocity))
            told.signals.extend(slowed)
            admitted = tuple(count for count, answer in pairs if answer.admitted)
            pace = None if slowed else group.plan.pace
            held.taken.append(_Taken(indices(group.rows), admitted, pace, group))

    def _counts(self, group: Group) -> list[Count]:
        """The counters of a group; that of shares is the last."""
        counts = [count for make in group.plan.counters if (count := make(group)) is not None]
        return [*counts, sent_count(group, self._settings.run_s)] if group.plan.share is not None else counts

    def _judge_share(self, group: Group, sent: int) -> Iterator[RowSignal]:
        if group.plan.share is not None and (signal := self._planner.shares.judge(group, sent, *group.plan.share)):
            yield signal

    def _judge_pace(self, group: Group) -> Iterator[RowSignal]:
        if group.plan.pace is not None and (signal := group.plan.pace.judge(group)):
            yield signal

    def _judge_duplicates(self, duplicates: Duplicates, inspection: RowInspection, claim: Claim) -> Iterator[RowSignal]:
        try:
            yield from duplicates.judge(inspection, claim)
        except StateError:
            yield _lost("rows.duplicate", self._settings.on_loss.idempotency)

    def _judge_attribution(self, inspection: RowInspection) -> Iterator[RowSignal]:
        known = inspection.batch.attribution
        wanted = self._settings.unattributed
        if (
            wanted is Unattributed.ALLOW
            or known.run
            or known.sync
            or inspection.caller.run
            or not inspection.batch.rows
        ):
            return
        yield RowSignal("rows.unattributed", action=Action.BLOCK if wanted is Unattributed.BLOCK else None)

    def _guarded(self, judge: _Judge, group: Group, rule: str, loss: Asks) -> Iterable[RowSignal]:
        try:
            return list(judge(group))
        except StateError:
            return [_lost(rule, loss)]

    def _give_back(self, one: _Taken, rows: int, now: float) -> None:
        additions = [Addition(count.key, -rows, count.window_s) for count in one.counts]
        if additions:
            self._state.add_all(additions, now)
        if one.pace is not None:
            one.pace.give_back(one.group, rows)

    def _hold(self, exchange: str, held: _Held) -> None:
        if held.taken or held.duplicates is not None:
            self._held[exchange] = held
        if len(self._held) > _HELD:
            self._held.popitem(last=False)


def _is_short(group: Group) -> bool:
    """Whether judging a group reads nothing but what this worker has at hand."""
    spread = group.plan.spread
    return spread is None or spread.at_hand(group)


def _is_known(signal: RowSignal) -> bool:
    """Whether a write was really seen before, and not merely may have been."""
    return signal.detail.get("kind") != _LOST


def _lost(rule: str, what: Asks) -> RowSignal:
    if what is Asks.MARK:
        return RowSignal(rule, action=Action.MARK, detail={"kind": _LOST})
    return RowSignal(rule, detail={"kind": _LOST}, retry_after=LOSS_RETRY_S)
