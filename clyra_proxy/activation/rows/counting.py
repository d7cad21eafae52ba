"""Rows per request, run and window, and deletes: counters that all workers share.

Guarantees: asking and counting are one step of the store, so that no number of workers exceeds a limit together; what
is refused counts nothing; rows that did not go upstream are given back when the exchange is over, at the time they were
counted. In shadow mode everything is counted, because everything passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from clyra_proxy.activation.inspection import RowSignal
from clyra_proxy.activation.model import Operation, indices
from clyra_proxy.activation.rows.group import Group
from clyra_proxy.activation.rows.scopes import shared_scope
from clyra_proxy.genai.fingerprints import Salt
from clyra_proxy.policy.row_primitives import Deletes, Most, WindowLimit
from clyra_proxy.state.store import Addition, Admission

type Told = dict[str, str | int]


class Count(NamedTuple):
    """One counter a group of rows is added to; a tuple, because every batch makes some.

    limit: None when it is only counted. signal: for going past it.
    """

    rule: str
    detail: Told
    key: str
    amount: int
    window_s: int
    limit: int | None

    def addition(self, enforced: bool) -> Addition:
        return Addition(self.key, self.amount, self.window_s, self.limit if enforced else None)

    def exceeded(self, answer: Admission) -> bool:
        """Whether the limit is broken, both where the addition was refused and where it was only watched."""
        return not answer.admitted or (self.limit is not None and answer.total > self.limit)

    def signal(self, answer: Admission) -> RowSignal:
        observed = answer.total if answer.admitted else answer.total + self.amount
        detail: Told = {**self.detail, "limit": self.limit or 0, "observed": observed}
        return RowSignal(self.rule, detail=detail)


class RequestSize:
    """Most rows of one request."""

    def __init__(self, most: int, rule: str) -> None:
        self._most = most
        self._rule = rule

    def judge(self, group: Group) -> Iterator[RowSignal]:
        if len(group.rows) > self._most:
            detail: Told = {"kind": "request", "limit": self._most, "observed": len(group.rows), "by": self._rule}
            yield RowSignal("rows.limit", detail=detail)


class DeleteLaw:
    """Whether a request may delete, and how much; what a run deletes is counted by `run_count`."""

    def __init__(self, settings: Deletes, rule: str) -> None:
        self._settings = settings
        self._rule = rule

    def judge(self, group: Group) -> Iterator[RowSignal]:
        settings, size = self._settings, len(group.rows)
        if group.operation is not Operation.DELETE:
            return
        if not settings.allow:
            rows = tuple(indices(group.rows))
            yield RowSignal("rows.deletes", rows, detail={"kind": "denied", "by": self._rule})
        elif (most := number(settings.per_request)) is not None and size > most:
            detail: Told = {"kind": "request", "limit": most, "observed": size, "by": self._rule}
            yield RowSignal("rows.deletes", detail=detail)

    def run_count(self, group: Group, table_rows: int, run_s: int) -> Count | None:
        """The counter of the run's deletes."""
        settings = self._settings
        if group.operation is not Operation.DELETE or not settings.allow:
            return None
        limits = [] if (most := number(settings.per_run)) is None else [most]
        if settings.share is not None and table_rows:
            limits.append(int(settings.share * table_rows))
        if not limits:
            return None
        detail: Told = {"kind": "run", "by": self._rule}
        return Count("rows.deletes", detail, f"deletes/{group.run}", len(group.rows), run_s, min(limits))


def sent_count(group: Group, run_s: int) -> Count:
    """The counter of the rows that a run tried to send, which shares of tables begin with."""
    return Count("rows.share", {}, f"sent/{group.run}", len(group.rows), run_s, None)


def run_count(group: Group, most: int, rule: str, run_s: int) -> Count:
    """The counter of the rows of a run."""
    return Count("rows.limit", {"kind": "run", "by": rule}, f"rows/{group.run}", len(group.rows), run_s, most)


def window_count(group: Group, limit: WindowLimit, rule: str, salt: Salt) -> Count:
    """The counter of a window of time."""
    scope = shared_scope(salt, group.inspection, limit.per, "window", rule, str(limit.rows))
    detail: Told = {"kind": "window", "window_s": limit.window_s, "by": rule}
    return Count("rows.limit", detail, f"window/{scope}", len(group.rows), limit.window_s, limit.rows)


def number(most: Most | None) -> int | None:
    """A limit as a number; None when there is none."""
    return most if isinstance(most, int) else None
