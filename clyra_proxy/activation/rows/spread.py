"""Null overwrites and jumps in how values are spread: what a run does to fields, seen over its rows.

Rules: a field is judged once enough of its values were seen, in this batch or in the run so far; where earlier runs of
the same sync are known, it is judged against them, so that a field that is always half empty is no alarm. Only rows
that overwrite (update, upsert, unknown) can overwrite with nothing. A jump is looked for every `EVERY` rows and asks
for what policy says, about the request as a whole, because no single row of it is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clyra_proxy.activation.inspection import RowSignal
from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.rows.earlier_runs import EarlierRuns, RunProfile
from clyra_proxy.activation.rows.group import Group, Shape
from clyra_proxy.activation.rows.shifts import shift
from clyra_proxy.activation.rows.sketches import count_empty, is_empty
from clyra_proxy.genai.selecting import Names
from clyra_proxy.policy.row_primitives import Asks, Distribution, NullOverwrites
from clyra_proxy.verdict.model import Action

EVERY = 100
SAMPLE = 32
"""Values of a field in one batch that are sketched, or a third of a large one; emptiness is counted over all."""

THIN = 200
"""Up to this many rows of a run every value is sketched, because a small run has no others."""

_PART = 3
_SHARE = 0.5  # of a batch, where neither policy nor earlier runs say what is ordinary

THICK, THINNED = 2000, 4
"""Past this many rows of a run only every fourth of its batches is sketched."""

_OVERWRITES = frozenset({Operation.UPDATE, Operation.UPSERT, Operation.UNKNOWN})


class Spread:
    """Nulls and distributions of one rule. seed: 32 bits that salt the buckets."""

    def __init__(
        self, nulls: NullOverwrites | None, distribution: Distribution | None, rule: str, runs: EarlierRuns, seed: int
    ) -> None:
        self._nulls = nulls if nulls is not None and nulls.enabled else None
        self._distribution = distribution if distribution is not None and distribution.enabled else None
        self._rule = rule
        self._runs = runs
        self._seed = seed
        self._watched = Names(nulls.fields if nulls is not None else ())
        self._compared = Names(distribution.fields if distribution is not None else ())

    def judge(self, group: Group) -> Iterator[RowSignal]:
        """What a group does to fields. Raises StateError."""
        if group.operation is Operation.DELETE or not (self._nulls or self._distribution):
            return
        inspection = group.inspection
        profile = self._runs.profile(group.sync, group.compared, inspection.now)
        signals = [*self._look_at(group, profile), *self._compare(group, profile)]
        if signals and inspection.enforced and any(signal.action is not Action.MARK for signal in signals):
            profile.bad = True
        if profile.due or (signals and profile.written < profile.seen):
            self._runs.write(group.sync, profile, inspection.now)
        yield from signals

    def at_hand(self, group: Group) -> bool:
        """Whether judging is short: what earlier runs looked like was read a moment ago."""
        idle = group.operation is Operation.DELETE or not (self._nulls or self._distribution)
        return idle or self._runs.at_hand(group.sync, group.compared, group.inspection.now)

    def _look_at(self, group: Group, profile: RunProfile) -> Iterator[RowSignal]:
        """Add the rows to the run's profile, and tell which fields are emptied."""
        turn = profile.batches % THINNED == 0
        sketched = self._distribution is not None and (turn or profile.seen < THICK)
        profile.seen += len(group.rows)
        profile.batches += 1
        for shape in group.shapes:
            keys = _key_fields(shape) if sketched else frozenset[str]()
            for name, values, kinds in zip(shape.fields, shape.values, shape.kinds, strict=False):
                sketch = profile.sketch(name)
                if sketch is None:
                    continue
                empty = count_empty(values, kinds)
                sketch.rows += len(values)
                sketch.empties += empty
                if sketched and name not in keys:
                    sketch.add(_sample(values, empty, whole=profile.seen <= THIN), self._seed)
                if empty and self._nulls is not None and group.operation in _OVERWRITES and self._watched.match(name):
                    yield from self._judge_empties(name, values, shape, empty, profile)

    def _judge_empties(
        self, name: str, values: tuple[Any, ...], shape: Shape, empty: int, profile: RunProfile
    ) -> Iterator[RowSignal]:
        settings = self._nulls
        if settings is None:
            return
        limit, action = settings.share or _SHARE, None if settings.share is not None else Action.MARK
        rows_of_run, empty_of_run = profile.counts(name)
        earlier = profile.earlier.get(name)
        if earlier is not None and earlier.rows >= settings.minimum:
            limit, action = earlier.empties / earlier.rows + settings.rise, None
        for seen, gone, kind in ((len(values), empty, "batch"), (rows_of_run, empty_of_run, "run")):
            if seen >= settings.minimum and gone > limit * seen:
                rows = tuple(row.index for row, value in zip(shape.rows, values, strict=True) if is_empty(value))
                detail: dict[str, str | int] = {"kind": kind, "field": name[:128], "by": self._rule}
                percent = {"limit_percent": round(100 * limit), "observed_percent": round(100 * gone / seen)}
                yield RowSignal("rows.null_overwrite", rows, action, detail={**detail, **percent})
                return

    def _compare(self, group: Group, profile: RunProfile) -> Iterator[RowSignal]:
        settings = self._distribution
        if settings is None or not profile.earlier:
            return
        before = profile.seen - len(group.rows)
        if before // EVERY != profile.seen // EVERY:
            profile.shifted = dict(self._shifts(profile, settings))
        action = Action.MARK if settings.action is Asks.MARK else None
        for name, index in profile.shifted.items():
            detail: dict[str, str | int] = {"field": name[:128], "by": self._rule}
            percent = {"limit_percent": round(100 * settings.threshold), "observed_percent": round(100 * index)}
            yield RowSignal("rows.distribution", action=action, detail={**detail, **percent})

    def _shifts(self, profile: RunProfile, settings: Distribution) -> Iterator[tuple[str, float]]:
        for name, earlier in profile.earlier.items():
            if not self._compared.match(name):
                continue
            index = shift(profile.whole(name), earlier, settings.minimum)
            if index > settings.threshold:
                yield name, index


def _key_fields(shape: Shape) -> frozenset[str]:
    """Fields that hold the record's key: keys grow from run to run, which is no shift."""
    first = shape.rows[0]
    return frozenset(name for name, value in first.values.items() if first.key and str(value) == first.key)


def _sample(values: tuple[Any, ...], empty: int, *, whole: bool) -> tuple[Any, ...]:
    """Some values that are something, spread over the batch, or all of them."""
    if empty:
        values = tuple(value for value in values if not is_empty(value))
    if whole:
        return values
    size = max(SAMPLE, len(values) // _PART)
    return values if len(values) <= size else values[:: -(-len(values) // size)]
