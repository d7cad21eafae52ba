"""The inspector of rows: every limit of a policy, asked once a batch, and what was counted given back at the end.

Rules: rows are grouped by operation and each group is judged by the plan for its kind; all counters of a group are one
step of the store. A store that fails does what `on_loss` says for the limit it was asked for: a mark, or a block that
tells the sender to come again (429, never 5xx).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

from clyra_proxy.activation.inspection import RowInspection, RowSignal
from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.rows.counting import Count, sent_count
from clyra_proxy.activation.rows.duplicates import Duplicates
from clyra_proxy.activation.rows.group import Group, rows_by_operation
from clyra_proxy.activation.rows.plan import Plan, Planner
from clyra_proxy.activation.rows.selecting import REMEMBERED, Kind, Rules
from clyra_proxy.activation.rows.velocity import Pace
from clyra_proxy.policy.row_primitives import Asks
from clyra_proxy.policy.rows import RowLimits, Unattributed
from clyra_proxy.state.store import Addition, Admission, StateError, StateStore
from clyra_proxy.verdict.model import Action

LOSS_RETRY_S = 5.0
_LOST = "state_lost"
type _Asked = Callable[[Group], Iterator[RowSignal]]

_HELD = 8192  # exchanges whose counts may still be given back


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a group was counted as. rows: positions in the batch."""

    rows: frozenset[int]
    counts: tuple[Count, ...]
    pace: Pace | None
    group: Group


class RowsInspector:
    """A SettlingInspector of the family `rows`."""

    id = "rows"

    def __init__(self, settings: RowLimits, planner: Planner, state: StateStore) -> None:
        self._settings = settings
        self._rules = Rules(settings)
        self._planner = planner
        self._state = state
        self._plan = lru_cache(maxsize=REMEMBERED)(self._make_plan)
        self._held: OrderedDict[str, tuple[list[_Taken], Duplicates | None]] = OrderedDict()

    def inspect(self, inspection: RowInspection) -> Iterator[RowSignal]:
        batch = inspection.batch
        yield from self._judge_attribution(inspection)
        taken: list[_Taken] = []
        duplicates: Duplicates | None = None
        for operation, rows in (rows_by_operation(batch.rows) if batch.rows else {Operation.UNKNOWN: ()}).items():
            group = Group(inspection, operation, rows, self._plan(Kind(inspection, operation)))
            if duplicates is None and (duplicates := group.plan.duplicates) is not None:
                found = list(self._judge_duplicates(duplicates, inspection))
                yield from found
                if inspection.enforced and any(map(_is_known, found)):
                    break  # it is answered from what was: nothing else is asked, nothing counted
            if rows:
                yield from self._judge(group, taken)
        self._hold(inspection.exchange, taken, duplicates)

    def settle(self, inspection: RowInspection, forwarded: frozenset[int], status: int, body: bytes) -> None:
        """Give back what did not go upstream; keep the outcome. Raises StateError."""
        held = self._held.pop(inspection.exchange, None)
        if held is None:
            return
        taken, duplicates = held
        for one in taken:
            self._give_back(one, len(one.rows - forwarded), inspection.now)
        if duplicates is not None:
            duplicates.settle(inspection, forwarded, status, body)

    def _make_plan(self, kind: Kind) -> Plan:
        return self._planner.plan(self._rules.matching(kind), kind.target)

    def _judge(self, group: Group, taken: list[_Taken]) -> Iterator[RowSignal]:
        plan, loss = group.plan, self._settings.on_loss
        for judge in plan.pure:
            yield from judge.judge(group)
        if plan.spread is not None:
            yield from self._guarded(plan.spread.judge, group, "rows.null_overwrite", loss.profiles)
        counts = [count for make in plan.counters if (count := make(group)) is not None]
        if plan.share is not None:
            counts.append(sent_count(group, self._settings.run_s))
        answers, signals = self._count(counts, group.inspection)
        counted = tuple(count for count, answer in zip(counts, answers, strict=False) if answer.admitted)
        yield from signals
        if plan.share is not None and answers:
            sent = answers[-1].total
            yield from self._guarded(partial(self._judge_share, sent=sent), group, "rows.share", loss.limits)
        pace = None
        if plan.pace is not None:
            slowed = list(self._guarded(self._judge_pace, group, "rows.velocity", loss.velocity))
            pace = None if slowed else plan.pace
            yield from slowed
        taken.append(_Taken(frozenset(row.index for row in group.rows), counted, pace, group))

    def _count(self, counts: list[Count], inspection: RowInspection) -> tuple[list[Admission], list[RowSignal]]:
        """All counters of a group in one step: their answers (none when they are lost), and what is found."""
        if not counts:
            return [], []
        try:
            answers = self._state.add_all([count.addition(inspection.enforced) for count in counts], inspection.now)
        except StateError:
            loss = self._settings.on_loss
            asked = {"rows.deletes": loss.deletes}
            rules = {count.rule: asked.get(count.rule, loss.limits) for count in counts}
            return [], [_lost(rule, what) for rule, what in rules.items()]
        pairs = zip(counts, answers, strict=True)
        return answers, [count.signal(answer) for count, answer in pairs if count.exceeded(answer)]

    def _judge_share(self, group: Group, sent: int) -> Iterator[RowSignal]:
        if group.plan.share is not None and (signal := self._planner.shares.judge(group, sent, *group.plan.share)):
            yield signal

    def _judge_pace(self, group: Group) -> Iterator[RowSignal]:
        if group.plan.pace is not None and (signal := group.plan.pace.judge(group)):
            yield signal

    def _judge_duplicates(self, duplicates: Duplicates, inspection: RowInspection) -> Iterator[RowSignal]:
        try:
            yield from duplicates.judge(inspection)
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

    def _guarded(self, judge: _Asked, group: Group, rule: str, loss: Asks) -> Iterable[RowSignal]:
        try:
            return list(judge(group))
        except StateError:
            return [_lost(rule, loss)]

    def _give_back(self, one: _Taken, rows: int, now: float) -> None:
        if not rows:
            return
        additions = [Addition(count.key, -rows, count.window_s) for count in one.counts]
        if additions:
            self._state.add_all(additions, now)
        if one.pace is not None:
            one.pace.give_back(one.group, rows)

    def _hold(self, exchange: str, taken: list[_Taken], duplicates: Duplicates | None) -> None:
        self._held[exchange] = (taken, duplicates)
        if len(self._held) > _HELD:
            self._held.popitem(last=False)


def _is_known(signal: RowSignal) -> bool:
    """Whether a write was really seen before, and not merely may have been."""
    return signal.detail.get("kind") != _LOST


def _lost(rule: str, what: Asks) -> RowSignal:
    if what is Asks.MARK:
        return RowSignal(rule, action=Action.MARK, detail={"kind": _LOST})
    return RowSignal(rule, detail={"kind": _LOST}, retry_after=LOSS_RETRY_S)
