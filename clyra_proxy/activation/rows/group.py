"""The rows of a batch that the same limits hold for, and their columns, each worked out at most once.

Rule: positions are those of the batch, so that a signal names the right rows whatever the grouping. A column holds the
values of one field over rows of one shape (the same fields in the same order), which is how syncs send them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clyra_proxy.activation.inspection import RowInspection
from clyra_proxy.activation.joined import Joined
from clyra_proxy.activation.model import Batch, Operation, Row, operations_of, values_of
from clyra_proxy.activation.rows.scopes import UNNAMED_RUN_S, run_of

if TYPE_CHECKING:
    from clyra_proxy.activation.rows.plan import Plan


_HOLDERS: frozenset[type] = frozenset({dict, list})


@dataclass(frozen=True, slots=True)
class Shape:
    """Rows with the same fields. values: one tuple a field, in the order of `fields`, as long as `rows`.

    kinds: the types of the values of each field.
    """

    fields: tuple[str, ...]
    rows: Sequence[Row]
    values: tuple[tuple[Any, ...], ...]
    kinds: tuple[set[type], ...]

    @property
    def nested(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The columns in which some value holds others."""
        for name, column, kinds in zip(self.fields, self.values, self.kinds, strict=False):
            if not _HOLDERS.isdisjoint(kinds):
                yield name, column


class Group:
    """Rows of one target and operation. run: key of what is counted as one run; sync: of all its runs."""

    def __init__(self, inspection: RowInspection, operation: Operation, rows: Sequence[Row], plan: Plan) -> None:
        self.inspection = inspection
        self.operation = operation
        self.rows = rows
        self.plan = plan

    @cached_property
    def run(self) -> str:
        return self.plan.run_scope(self.inspection)

    @cached_property
    def sync(self) -> str:
        return self.plan.sync_scope(self.inspection)

    @cached_property
    def compared(self) -> str:
        """The run as which it is compared with others."""
        inspection = self.inspection
        return self.run if run_of(inspection) else f"{self.run}-{int(inspection.now // UNNAMED_RUN_S)}"

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(_shapes(self.rows))


def _shapes(rows: Sequence[Row]) -> Iterator[Shape]:
    values = values_of(rows)
    names = list(map(tuple, values))
    if names and names.count(names[0]) == len(names):
        yield _shape(names[0], rows, values)
        return
    found: dict[tuple[str, ...], list[Row]] = {}
    for fields, row in zip(names, rows, strict=True):
        found.setdefault(fields, []).append(row)
    for fields, members in found.items():
        yield _shape(fields, members, values_of(members))


def _shape(fields: tuple[str, ...], rows: Sequence[Row], values: Sequence[Mapping[str, Any]]) -> Shape:
    columns = tuple(zip(*[one.values() for one in values], strict=True)) if fields else ()
    return Shape(fields, rows, columns, tuple([set(map(type, column)) for column in columns]))


def parts_by_target(inspection: RowInspection) -> Iterable[RowInspection]:
    """What is asked about each target of a batch, as if it had been sent alone; most batches have one."""
    batch = inspection.batch
    if not batch.targets:
        return (inspection,)
    found: dict[str, list[Row]] = {}
    for row in batch.rows:
        found.setdefault(batch.targets[row.index], []).append(row)
    return [
        replace(inspection, batch=replace(batch, target=target, rows=tuple(rows), targets=()))
        for target, rows in found.items()
    ]


def rows_by_operation(batch: Batch) -> dict[Operation, Sequence[Row]]:
    """The rows of a batch by what is done; most batches do one thing."""
    if len(operations := batch.operations) == 1:
        return {operations.pop(): batch.rows}
    if type(batch.rows) is Joined and len(operations) == len(batch.rows.parts):
        return {operations_of(part).pop(): part for part in batch.rows.parts}
    found: dict[Operation, list[Row]] = {}
    for row in batch.rows:
        found.setdefault(row.operation, []).append(row)
    return dict(found)
