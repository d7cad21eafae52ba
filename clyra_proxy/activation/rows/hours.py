"""Write windows and freeze periods: when rows may be written at all.

Rules: hours are local to the policy's zone and follow its changes of clock; a window that ends before it begins lasts
into the next day; a freeze or holiday goes before any window. A freeze that begins or ends where the clock is changed
lasts as long as any reading of its times says, without a break. Times are judged to the second.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from clyra_proxy.activation.inspection import RowSignal
from clyra_proxy.activation.rows.group import Group
from clyra_proxy.policy.row_primitives import OpenHours, WriteHours

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_S = 86_400


class _Window:
    __slots__ = ("_days", "_end", "_start")

    def __init__(self, settings: OpenHours) -> None:
        self._days = frozenset(map(_DAYS.index, settings.days))
        self._start, self._end = _seconds(settings.start), _seconds(settings.end)
        if self._end <= self._start:
            self._end += _DAY_S

    def contains(self, weekday: int, second: int) -> bool:
        """second: of the day, local. A window of yesterday may still be open."""
        yesterday = (weekday - 1) % 7
        return (weekday in self._days and self._start <= second < self._end) or (
            yesterday in self._days and second + _DAY_S < self._end
        )


class Calendar:
    """The hours of one rule."""

    def __init__(self, settings: WriteHours, rule: str) -> None:
        self._rule = rule
        self._zone = ZoneInfo(settings.zone)
        self._windows = tuple(map(_Window, settings.open))
        self._holidays = frozenset(map(dt.date.fromisoformat, settings.holidays))
        self._freezes = tuple(
            (one.name, min(self._readings(_moment(one.start))), max(self._readings(_end(one.end))))
            for one in settings.freezes
        )
        self._last: tuple[int, tuple[str, str] | None] = (-1, None)

    def judge(self, group: Group) -> Iterator[RowSignal]:
        second = int(group.inspection.now)
        last = self._last
        if last[0] != second:
            last = self._last = (second, self.closed(second))
        if why := last[1]:
            yield RowSignal("rows.window", detail={"kind": why[0], "window": why[1], "by": self._rule})

    def closed(self, now: float) -> tuple[str, str] | None:
        """Why nothing may be written now: kind (`freeze`, `holiday`, `hours`) and name; None when it may."""
        for name, start, end in self._freezes:
            if start <= now < end:
                return "freeze", name
        local = dt.datetime.fromtimestamp(now, self._zone)
        if local.date() in self._holidays:
            return "holiday", local.date().isoformat()
        second = local.hour * 3600 + local.minute * 60 + local.second
        if self._windows and not any(window.contains(local.weekday(), second) for window in self._windows):
            return "hours", ""
        return None

    def _readings(self, moment: dt.datetime) -> tuple[float, float]:
        """What a time of the zone may mean, in seconds since the epoch: where the clock is set back it comes twice."""
        local = moment.replace(tzinfo=self._zone)
        return local.timestamp(), local.replace(fold=1).timestamp()


def _seconds(time: str) -> int:
    hours, _, minutes = time.partition(":")
    return int(hours) * 3600 + int(minutes) * 60


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _end(text: str) -> dt.datetime:
    moment = _moment(text)
    return moment if "T" in text else moment + dt.timedelta(days=1)
