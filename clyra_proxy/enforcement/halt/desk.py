"""One worker's share of the kill switch: the halts in force, and what its exchanges tell the triggers.

Rule: exchanges are added up here and handed over every `REPORT_S`; the supervisor alone decides, because a threshold
counts what all workers see. Lives on the worker's event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from clyra_proxy.enforcement.halt.model import Halt, Scope
from clyra_proxy.enforcement.halt.signals import events_of, is_halted, place_of, went_well
from clyra_proxy.enforcement.halt.state import HaltState
from clyra_proxy.exchange import Exchange

REPORT_S = 0.05
SAMPLE = ""
"""The name under which exchanges are counted that say anything at all."""
PASSED = "halt_passed"
"""Key in `Exchange.extensions`: half-open halts that let it pass."""
MOST_PLACES = 4096
"""Places of one report; what is beyond them is counted in the next one."""

type Tally = dict[str, dict[str, int]]
"""Name of a place -> trigger (or SAMPLE) -> count."""


class HaltDesk:
    """state: what is halted. tell: hands a message to the supervisor. scopes: those that triggers ask for."""

    def __init__(self) -> None:
        self.state = HaltState()
        self.tell: Callable[[dict[str, Any]], None] | None = None
        self.scopes: frozenset[Scope] = frozenset((Scope.AGENT, Scope.DESTINATION))
        self._tally: Tally = {}
        self._probes: list[tuple[str, int, bool]] = []
        self._timer: asyncio.TimerHandle | None = None

    def take(self, snapshot: Mapping[str, Any]) -> bool:
        """Put a snapshot of the supervisor in force. False when it is empty or old."""
        if not snapshot or not self.state.replace(snapshot):
            return False
        self.scopes = frozenset(Scope(name) for name in snapshot.get("scopes", ()))
        return True

    def ended(self, exchange: Exchange) -> None:
        """Count an exchange that is over; a trial is reported with its result."""
        halts: tuple[Halt, ...] = exchange.extensions.pop(PASSED, ())
        if halts:
            self.state.leave(halts, exchange.id)
        if self.tell is None or is_halted(exchange):
            return
        events = events_of(exchange)
        for scope in self.scopes:
            place = place_of(exchange, scope)
            if place is not None and (place.name in self._tally or len(self._tally) < MOST_PLACES):
                counts = self._tally.setdefault(place.name, {})
                counts[SAMPLE] = counts.get(SAMPLE, 0) + 1
                for event, amount in events.items():
                    counts[event] = counts.get(event, 0) + amount
        if halts and (good := went_well(exchange)) is not None:
            self._probes += [(halt.place.name, halt.version, good) for halt in halts]
        if self._timer is None and (events or self._probes or self._tally):
            self._timer = asyncio.get_running_loop().call_later(REPORT_S, self.report)

    def report(self) -> None:
        """Hand over what was added up."""
        self._timer = None
        tally, self._tally = self._tally, {}
        probes, self._probes = self._probes, []
        if self.tell is not None and (tally or probes):
            self.tell({"event": "signals", "tally": tally, "probes": probes})
