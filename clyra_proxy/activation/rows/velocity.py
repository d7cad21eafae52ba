"""Velocity: a token bucket for whoever shares it, divided fairly between the syncs that are active.

Rules: a sync always has its part of the rate (its own bucket) and may besides take what others leave (the upper half of
the shared one), so that one that floods cannot starve another, and one that is alone has everything. Who finds it
empty is told when to come again. A sync counts as active for `ACTIVE_S` after its last rows.
"""

from __future__ import annotations

from collections import OrderedDict

from clyra_proxy.activation.inspection import RowInspection, RowSignal
from clyra_proxy.activation.rows.group import Group
from clyra_proxy.activation.rows.scopes import shared_scope
from clyra_proxy.genai.fingerprints import Salt
from clyra_proxy.policy.row_primitives import Velocity
from clyra_proxy.state.store import StateStore, Taken

ACTIVE_S = 10
_FRESH_S = 1.0  # how long a worker believes its count of active syncs
_MOST = 1000
_BURST_S = 10
_LONGEST_WAIT_S = 300.0


class Pace:
    """The velocity of one rule."""

    def __init__(self, settings: Velocity, rule: str, state: StateStore, salt: Salt) -> None:
        self._rule = rule
        self._settings = settings
        self._rate = settings.rows_per_s
        self._burst = float(settings.burst or max(1, int(settings.rows_per_s * _BURST_S)))
        self._state = state
        self._salt = salt
        self._active: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def judge(self, group: Group) -> RowSignal | None:
        """Take tokens for a group, or say when to come again. Raises StateError."""
        inspection, size = group.inspection, len(group.rows)
        scope = shared_scope(self._salt, inspection, self._settings.per, "velocity", self._rule)
        taken = self._take(scope, inspection, size) if self._settings.fair else self._shared(scope, inspection, size)
        if taken.granted:
            return None
        wait = min(max(taken.wait_s, 0.001), _LONGEST_WAIT_S)
        detail: dict[str, str | int] = {"rows": size, "limit": round(self._rate), "by": self._rule}
        return RowSignal("rows.velocity", detail=detail, retry_after=wait)

    def give_back(self, group: Group, rows: int) -> None:
        """Rows that did not leave after all. Raises StateError."""
        scope = shared_scope(self._salt, group.inspection, self._settings.per, "velocity", self._rule)
        self._shared(scope, group.inspection, -rows)

    def _take(self, scope: str, inspection: RowInspection, size: int) -> Taken:
        sync = self._sync(inspection)
        active = self._count_active(scope, sync, inspection.now)
        if active <= 1:
            return self._shared(scope, inspection, size)
        own = self._state.take(
            f"velocity/{scope}/own/{sync}", size, self._rate / active, self._burst / active, inspection.now
        )
        shared = self._shared(scope, inspection, size, 0.0 if own.granted else self._burst / 2)
        return own if not shared.granted and not own.granted and own.wait_s < shared.wait_s else shared

    def _shared(self, scope: str, inspection: RowInspection, size: int, reserve: float = 0.0) -> Taken:
        return self._state.take(f"velocity/{scope}/all", size, self._rate, self._burst, inspection.now, reserve)

    def _sync(self, inspection: RowInspection) -> str:
        attribution = inspection.batch.attribution
        return self._salt.of("pace", inspection.caller.proven, attribution.tool, attribution.sync)

    def _count_active(self, scope: str, sync: str, now: float) -> int:
        known = self._active.get((scope, sync))
        if known is not None and 0 <= now - known[0] < _FRESH_S:
            return known[1]
        self._state.put(f"active/{scope}/{sync}", "", now, ACTIVE_S)
        count = len(self._state.entries(f"active/{scope}/", now, _MOST))
        self._active[scope, sync] = (now, count)
        self._active.move_to_end((scope, sync))
        if len(self._active) > _MOST:
            self._active.popitem(last=False)
        return count
