"""The limits that hold for one kind of write, ready to be asked: one plan for each rule combination a policy can give.

Rule: what a rule gives is compiled once, however many plans use it, so that its memory (buckets, runs, claims) is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from clyra_proxy.activation.inspection import RowInspection, RowSignal, RowWorkshop
from clyra_proxy.activation.rows.counting import Count, DeleteLaw, RequestSize, number, run_count, window_count
from clyra_proxy.activation.rows.duplicates import Duplicates
from clyra_proxy.activation.rows.earlier_runs import EarlierRuns
from clyra_proxy.activation.rows.fields import FieldLaw
from clyra_proxy.activation.rows.group import Group
from clyra_proxy.activation.rows.hours import Calendar
from clyra_proxy.activation.rows.schemas import RowSchema
from clyra_proxy.activation.rows.scopes import ScopeSalt, run_scope, sync_scope
from clyra_proxy.activation.rows.selecting import given
from clyra_proxy.activation.rows.shares import Shares
from clyra_proxy.activation.rows.spread import Spread
from clyra_proxy.activation.rows.tables import TableSizes
from clyra_proxy.activation.rows.tenants import Fence
from clyra_proxy.activation.rows.velocity import Pace
from clyra_proxy.genai.fingerprints import Salt
from clyra_proxy.policy.row_primitives import Distribution
from clyra_proxy.policy.rows import Limits, RowLimits


class Judge(Protocol):
    """A limit that needs nothing but the rows."""

    def judge(self, group: Group) -> Iterator[RowSignal]: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of rows of one kind. pure: limits that need no state."""

    salt: Salt
    pure: tuple[Judge, ...]
    counters: tuple[Callable[[Group], Count | None], ...]
    share: tuple[float, int, str] | None
    spread: Spread | None
    pace: Pace | None
    duplicates: Duplicates | None

    def run_scope(self, inspection: RowInspection) -> str:
        return run_scope(self.salt, inspection)

    def sync_scope(self, inspection: RowInspection) -> str:
        return sync_scope(self.salt, inspection)


class Planner:
    """Makes plans. Raises SchemaError where a row schema cannot be used: every one is read when a policy is loaded."""

    def __init__(self, settings: RowLimits, base_dir: Path, workshop: RowWorkshop, tables: TableSizes) -> None:
        self._settings = settings
        self._workshop = workshop
        self._tables = tables
        self._salt: Salt = ScopeSalt(workshop.secret)
        self._made: dict[tuple[object, ...], Any] = {}
        self._schemas = {
            name: RowSchema.load(base_dir, name, rule)
            for name, rule in (
                *((rule.row_schema, rule.name) for rule in settings.rules),
                (settings.default.row_schema, "default"),
            )
            if name is not None
        }
        self.shares = Shares(workshop.state, workshop.secret, settings.run_s)

    def plan(self, limits: tuple[tuple[Limits, str], ...], target: str) -> Plan:
        """The plan for writes that these limits hold for."""
        return Plan(
            self._salt,
            tuple(self._pure(limits)),
            tuple(self._counters(limits, target)),
            self._share(limits, target),
            self._spread(limits),
            self._once("velocity", limits, lambda value, rule: Pace(value, rule, self._workshop.state, self._salt)),
            self._once(
                "idempotency",
                limits,
                lambda value, rule: Duplicates(value, rule, self._workshop.state, self._workshop.secret),
            ),
        )

    def _once(self, name: str, limits: tuple[tuple[Limits, str], ...], make: Callable[[Any, str], Any]) -> Any:
        """What a limit is compiled to, made when it is first needed; None where there is no such limit."""
        value, rule = given(limits, name)
        if value is None:
            return None
        place = (name, id(value), rule)
        if place not in self._made:
            self._made[place] = make(value, rule)
        return self._made[place]

    def _pure(self, limits: tuple[tuple[Limits, str], ...]) -> Iterator[Judge]:
        size, rule = given(limits, "per_request")
        if (most := number(size)) is not None:
            yield RequestSize(most, rule)
        if (schema := given(limits, "row_schema")[0]) is not None:
            yield self._schemas[schema]
        for name, make in (("hours", Calendar), ("tenant", Fence), ("fields", FieldLaw), ("deletes", DeleteLaw)):
            if (judge := self._once(name, limits, make)) is not None:
                yield judge

    def _counters(
        self, limits: tuple[tuple[Limits, str], ...], target: str
    ) -> Iterator[Callable[[Group], Count | None]]:
        run_s = self._settings.run_s
        most, rule = given(limits, "per_run")
        if (limit := number(most)) is not None:
            yield partial(run_count, most=limit, rule=rule, run_s=run_s)
        windows, rule = given(limits, "windows")
        for window in windows or ():
            yield partial(window_count, limit=window, rule=rule, salt=self._salt)
        law: DeleteLaw | None = self._once("deletes", limits, DeleteLaw)
        if law is not None:
            yield partial(law.run_count, table_rows=self._table_rows(limits, target), run_s=run_s)

    def _share(self, limits: tuple[tuple[Limits, str], ...], target: str) -> tuple[float, int, str] | None:
        share, rule = given(limits, "share")
        size = self._table_rows(limits, target)
        return (share, size, rule) if share is not None and size else None

    def _table_rows(self, limits: tuple[tuple[Limits, str], ...], target: str) -> int:
        return given(limits, "table_rows")[0] or self._tables.rows(target) or 0

    def _spread(self, limits: tuple[tuple[Limits, str], ...]) -> Spread | None:
        (nulls, rule), (distribution, other) = given(limits, "nulls"), given(limits, "distribution")
        if nulls is None and distribution is None:
            return None
        place = ("spread", id(nulls), id(distribution), rule, other)
        if place not in self._made:
            runs = EarlierRuns(self._workshop.state, (distribution or Distribution()).runs)
            seed = int.from_bytes(bytes.fromhex(self._salt.of("buckets"))[:4])
            self._made[place] = Spread(nulls, distribution, rule, runs, seed)
        return self._made[place]  # type: ignore[no-any-return]
