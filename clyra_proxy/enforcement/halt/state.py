"""The halts as one worker sees them: a table to look into, and who may pass while a halt is half open.

Guarantees: while nothing is halted asking costs one look at an empty table; a snapshot replaces the whole table at
once and never an newer one; while a halt is half open one request at a time passes per worker, and its place is
given back when it ends, however it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clyra_proxy.enforcement.halt.model import EVERYTHING, Halt, Phase, Place, Scope


@dataclass(frozen=True, slots=True)
class Subject:
    """What an exchange is about, as far as halts are concerned. destinations: its name in the policy, and its host."""

    agent: str = ""
    tenant: str = ""
    destinations: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    def places(self) -> Iterable[Place]:
        """Every place it is in, from wide to narrow."""
        yield EVERYTHING
        if self.tenant:
            yield Place(Scope.TENANT, self.tenant)
        yield Place(Scope.AGENT, self.agent)
        for destination in self.destinations:
            yield Place(Scope.DESTINATION, destination.lower())
        for tool in self.tools:
            yield Place(Scope.TOOL, tool)


class HaltState:
    """table: halts in force by place. version: of the snapshot; counts the changes of this proxy's book."""

    __slots__ = ("_probing", "table", "version")

    def __init__(self, snapshot: Mapping[str, Any] | None = None) -> None:
        self.table: dict[Place, Halt] = {}
        self.version = -1
        self._probing: dict[Place, str] = {}
        if snapshot:
            self.replace(snapshot)

    def replace(self, snapshot: Mapping[str, Any]) -> bool:
        """Put a snapshot in force. False, and nothing changed, when it is older than what is in force."""
        if snapshot["version"] <= self.version:
            return False
        halts = [Halt.from_json(found) for found in snapshot["halts"]]
        self.table = {halt.place: halt for halt in halts if halt.in_force}
        self.version = snapshot["version"]
        self._probing = {place: who for place, who in self._probing.items() if place in self.table}
        return True

    @property
    def tools(self) -> frozenset[str]:
        """Names of halted tools."""
        return frozenset(place.target for place in self.table if place.scope is Scope.TOOL)

    def active(self, subject: Subject) -> Halt | None:
        """The widest halt that stops the subject now, None when nothing does; half-open ones count while taken."""
        if not self.table:
            return None
        for place in subject.places():
            halt = self.table.get(place)
            if halt is not None and (halt.phase is Phase.HALTED or place in self._probing):
                return halt
        return None

    def standing(self, subject: Subject) -> Halt | None:
        """The widest halt of the subject, half open or not."""
        found = (self.table.get(place) for place in subject.places())
        return next((halt for halt in found if halt is not None), None)

    def holds(self, subject: Subject) -> Halt | None:
        """The widest full halt of the subject: what must be cut when it is on its way already."""
        found = (self.table.get(place) for place in subject.places())
        return next((halt for halt in found if halt is not None and halt.phase is Phase.HALTED), None)

    def enter(self, subject: Subject, who: str) -> tuple[Halt, ...]:
        """Take the place of the one request that may pass, in every half-open halt of the subject; those halts.

        Only after `active` said None.
        """
        if not self.table:
            return ()
        found = (self.table.get(place) for place in subject.places())
        probing = tuple(halt for halt in found if halt is not None and halt.phase is Phase.PROBING)
        for halt in probing:
            self._probing[halt.place] = who
        return probing

    def leave(self, halts: Iterable[Halt], who: str) -> None:
        """The request that passed has ended."""
        for halt in halts:
            if self._probing.get(halt.place) == who:
                del self._probing[halt.place]
