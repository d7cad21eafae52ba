"""Tenant fences: a row may only go where its tenant is.

Rules: a tenant is a text or a whole number and is compared exactly, so that no spelling slips through; a row that names
its tenant as anything else names none. Where no tenant is expected (a caller without one), no row is in its place.
"""

from __future__ import annotations

from collections.abc import Iterator

from clyra_proxy.activation.inspection import RowSignal
from clyra_proxy.activation.model import values_of
from clyra_proxy.activation.rows.fields import MISSING, at_path
from clyra_proxy.activation.rows.group import Group
from clyra_proxy.policy.row_primitives import TenantFence

_TEXTS = {str}


class Fence:
    """The tenant fence of one rule."""

    def __init__(self, settings: TenantFence, rule: str) -> None:
        self._rule = rule
        self._field = settings.field
        self._tenants = frozenset(settings.tenants)
        self._missing_passes = settings.missing == "allow"

    def judge(self, group: Group) -> Iterator[RowSignal]:
        own = group.inspection.caller.tenant
        expected = self._tenants or (frozenset({own}) if own else frozenset())
        foreign: list[int] = []
        missing: list[int] = []
        field = self._field
        named = [values.get(field) for values in values_of(group.rows)]
        if set(map(type, named)) == _TEXTS and all(named) and expected.issuperset(named):
            return  # most batches
        for row in group.rows:
            value = row.values.get(field, MISSING)
            if value is MISSING:
                value = at_path(row.values, field)
            if value is MISSING or value is None or value == "":
                missing.append(row.index)
            elif (type(value) is not str and type(value) is not int) or str(value) not in expected:
                foreign.append(row.index)
        if foreign:
            yield self._signal(foreign, "foreign")
        if missing and not self._missing_passes:
            yield self._signal(missing, "missing")

    def _signal(self, rows: list[int], kind: str) -> RowSignal:
        return RowSignal("rows.tenant", tuple(rows), detail={"kind": kind, "field": self._field, "by": self._rule})
