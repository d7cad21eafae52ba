"""Which limits hold for which rows: the rules of a policy, compiled, looked up once for a kind of write.

Guarantees: a limit is that of the first rule that matches and gives it, else of `default`, else the shipped one; the
answer for a kind of write (who, where, what) is worked out once and remembered, for at most `REMEMBERED` kinds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from clyra_proxy.activation.inspection import RowInspection
from clyra_proxy.activation.model import Operation
from clyra_proxy.genai.selecting import Names
from clyra_proxy.policy.rows import DEFAULTS, Limits, RowLimits, RowRule

REMEMBERED = 4096
DEFAULT = "default"
"""Name of the rule where none of the policy's gives a limit."""

type Given = tuple[Any, str]
"""A limit's settings (None: there is no limit) and the name of the rule that gave it."""


class Kind:
    """What a lookup depends on, as one hashable value."""

    __slots__ = ("_all", "operation", "places", "sync", "target")

    def __init__(self, inspection: RowInspection, operation: Operation) -> None:
        batch, caller = inspection.batch, inspection.caller
        self.places = places_of(inspection)
        self.target = batch.target
        self.operation = operation
        self.sync = batch.attribution.sync
        self._all = (self.places, caller.agent, caller.tenant, self.target, operation, self.sync)

    @property
    def agent(self) -> str:
        return self._all[1]

    @property
    def tenant(self) -> str:
        return self._all[2]

    def __hash__(self) -> int:
        return hash(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kind) and self._all == other._all


class _Rule:
    __slots__ = ("_agents", "_destinations", "_operations", "_syncs", "_targets", "_tenants", "limits", "name")

    def __init__(self, rule: RowRule) -> None:
        self.name = rule.name
        self.limits: Limits = rule
        self._agents = Names(rule.agents)
        self._tenants = Names(rule.tenants)
        self._destinations = Names(rule.destinations)
        self._targets = Names(rule.targets, fold=True)
        self._syncs = Names(rule.syncs)
        self._operations = frozenset(rule.operations)

    def covers(self, kind: Kind) -> bool:
        return (
            (not self._operations or kind.operation in self._operations)
            and self._targets.match(kind.target)
            and self._agents.match(kind.agent)
            and self._tenants.match(kind.tenant)
            and self._syncs.match(kind.sync)
            and any(map(self._destinations.match, kind.places))
        )


class Rules:
    """All limits of a policy."""

    def __init__(self, settings: RowLimits) -> None:
        self._rules = tuple(map(_Rule, settings.rules))
        self._otherwise = (settings.default, DEFAULTS)
        self.matching = lru_cache(maxsize=REMEMBERED)(self._matching)

    def _matching(self, kind: Kind) -> tuple[tuple[Limits, str], ...]:
        """Limits that may hold for a kind of write, with the names of their rules, in the order they are asked."""
        found = [(rule.limits, rule.name) for rule in self._rules if rule.covers(kind)]
        return (*found, *((limits, DEFAULT) for limits in self._otherwise))


def given(limits: tuple[tuple[Limits, str], ...], name: str) -> Given:
    """The limit called `name`: of the first that gives it."""
    for one, rule in limits:
        if (value := getattr(one, name)) is not None:
            return value, rule
    return None, DEFAULT


def places_of(inspection: RowInspection) -> tuple[str, ...]:
    """Every name under which policy may mean the destination of a batch."""
    host, _, _ = inspection.destination.rpartition(":")
    name, _, _ = inspection.route.partition("/")
    return (inspection.destination, host or inspection.destination, inspection.route, name)
