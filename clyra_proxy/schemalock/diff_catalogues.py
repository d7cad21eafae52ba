"""Compare two files of schemas, route by route.

Rules: requests ask the question as it stands; for responses it is turned round, because there the client is the reader
(a response may say less than before, a request may ask for less). An operation that disappears is a no, as is a body
it no longer takes; a response it no longer gives, and anything new, is a yes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from clyra_proxy.schemalock.catalogue import Catalogue, Named
from clyra_proxy.schemalock.diff import Answer, Compatibility, Mode, compare, worst

_TURNED = {Mode.BACKWARD: Mode.FORWARD, Mode.FORWARD: Mode.BACKWARD, Mode.FULL: Mode.FULL}


@dataclass(frozen=True, slots=True)
class RouteVerdict:
    """One route's answer. change: `same`, `changed`, `added` or `removed`."""

    name: str
    change: str
    answer: Answer
    checks: tuple[Compatibility, ...] = ()


def compare_catalogues(old: Catalogue, new: Catalogue, mode: Mode) -> list[RouteVerdict]:
    """A verdict for every route of either file. Raises SchemaError for schemas that cannot be used."""
    before = {one.name: one for one in old.schemas}
    after = {one.name: one for one in new.schemas}
    verdicts = [
        RouteVerdict(one.name, "removed", Answer.YES if mode is Mode.FORWARD or _may_go(one, after) else Answer.NO)
        for one in (before[name] for name in before.keys() - after.keys())
    ]
    verdicts += [
        RouteVerdict(one.name, "added", Answer.NO if mode is Mode.FORWARD and not _may_go(one, before) else Answer.YES)
        for one in (after[name] for name in after.keys() - before.keys())
    ]
    if mode is Mode.FULL:
        verdicts = [replace(verdict, answer=Answer.NO) for verdict in verdicts]
    verdicts += [_route(before[name], after[name], mode) for name in before.keys() & after.keys()]
    return sorted(verdicts, key=lambda verdict: verdict.name)


def _may_go(one: Named, others: dict[str, Named]) -> bool:
    """True for a response of an operation that the other file still has."""
    return one.direction == "response" and one.operation in {other.operation for other in others.values()}


def _route(old: Named, new: Named, mode: Mode) -> RouteVerdict:
    if old.schema == new.schema:
        return RouteVerdict(old.name, "same", Answer.YES)
    asked = _TURNED[mode] if old.direction == "response" else mode
    checks = compare(old.schema, new.schema, asked)
    return RouteVerdict(old.name, "changed", worst(checks), checks)


def overall(verdicts: list[RouteVerdict]) -> Answer:
    """NO before UNKNOWN before YES."""
    given = {verdict.answer for verdict in verdicts}
    return next((answer for answer in (Answer.NO, Answer.UNKNOWN) if answer in given), Answer.YES)
