"""Thresholds: from what workers report to the places that must be halted. Pure; the moment is given.

Guarantees: a trigger in shadow only says that it would have halted; one that trips is quiet about the same place
until its window has passed; what is remembered is bounded, the places not heard of for longest go first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from clyra_proxy.enforcement.halt.book import Order
from clyra_proxy.enforcement.halt.desk import SAMPLE
from clyra_proxy.enforcement.halt.model import EVERYTHING, Cause, Channel, Measured, Place, Scope
from clyra_proxy.enforcement.halt.windows import History, Window
from clyra_proxy.errors import UsageError
from clyra_proxy.policy.halts import Halts, RowJump, Trigger
from clyra_proxy.verdict.model import Mode

MOST_PLACES = 4096

CAUSES = {
    "schema_violations": Cause.DATA,
    "row_volume": Cause.DATA,
    "null_overwrites": Cause.DATA,
    "injections": Cause.GENAI,
    "canaries": Cause.GENAI,
    "errors": Cause.ERRORS,
    "upstream_errors": Cause.UPSTREAM,
    "recorder_loss": Cause.RECORDER,
}
"""Trigger -> cause of the halt, in the words of the record."""


@dataclass(frozen=True, slots=True)
class Trip:
    """A threshold was reached. mode: `enforce` halts, `shadow` is only said."""

    place: Place
    mode: Mode
    order: Order


@dataclass(slots=True)
class _Watched:
    """One place under one trigger. quiet_until: it has tripped and says nothing until then."""

    window: Window
    history: History | None
    quiet_until: float = 0.0


@dataclass(slots=True)
class _Watch:
    name: str
    settings: Trigger
    mode: Mode
    places: OrderedDict[str, _Watched] = field(default_factory=OrderedDict)


class Tripwire:
    """All triggers of one policy."""

    def __init__(self, settings: Halts) -> None:
        self._settings = settings
        named = ((name, getattr(settings.triggers, name)) for name in CAUSES if name != "recorder_loss")
        self._watches = [
            _Watch(name, trigger, trigger.mode or settings.automatic)
            for name, trigger in named
            if (trigger.mode or settings.automatic) is not Mode.OFF
        ]
        self._recorder_gone: float | None = None
        self._recorder_told = False

    @property
    def scopes(self) -> frozenset[Scope]:
        """Scopes that exchanges must be counted in."""
        return frozenset(watch.settings.scope for watch in self._watches)

    def heard(self, tally: Mapping[str, Mapping[str, int]], now: float) -> list[Trip]:
        """Take in what a worker added up; what trips."""
        trips: list[Trip] = []
        for name, counts in tally.items():
            try:
                place = Place.parse(name)
            except UsageError:
                continue
            trips += self._heard(place, counts, now)
        return trips

    def _heard(self, place: Place, counts: Mapping[str, int], now: float) -> list[Trip]:
        watches = [watch for watch in self._watches if watch.settings.scope is place.scope]
        found = ((watch, _look(watch, place, counts, now)) for watch in watches)
        return [self._trip(watch, place, *trip) for watch, trip in found if trip is not None]

    def recorder_is(self, away: bool, now: float) -> Trip | None:
        """Told from time to time whether the recorder is away."""
        settings = self._settings.triggers.recorder_loss
        mode = settings.mode or self._settings.automatic
        if not away or mode is Mode.OFF:
            self._recorder_gone, self._recorder_told = None, False
            return None
        self._recorder_gone = self._recorder_gone or now
        gone = now - self._recorder_gone
        if gone < settings.seconds or self._recorder_told:
            return None
        self._recorder_told = True
        measured = Measured("recorder_loss", int(gone), settings.seconds)
        return Trip(EVERYTHING, mode, self._order("recorder_loss", settings.halt_seconds, measured))

    def _trip(self, watch: _Watch, place: Place, value: int, limit: int, sample: int) -> Trip:
        window_s = watch.settings.window_seconds
        measured = Measured(watch.name, value, limit, window_s, sample)
        return Trip(place, watch.mode, self._order(watch.name, watch.settings.halt_seconds, measured))

    def _order(self, name: str, lasting_s: int | None, measured: Measured) -> Order:
        reason = f"{name}: {measured.value} in {measured.window_s} s, the limit is {measured.limit}"
        if name == "recorder_loss":
            reason = f"the recorder has been away for {measured.value} s"
        probes = self._settings.probes
        return Order(
            CAUSES[name],
            Channel.AUTOMATIC,
            reason,
            lasting_s=lasting_s,
            probes=probes,
            rule=f"halt.{name}",
            measured=measured,
        )


def _look(watch: _Watch, place: Place, counts: Mapping[str, int], now: float) -> tuple[int, int, int] | None:
    """Count; value, limit and sample when the threshold is reached."""
    settings, events, sample = watch.settings, counts.get(watch.name, 0), counts.get(SAMPLE, 0)
    watched = watch.places.get(place.target)
    if watched is None:
        watched = watch.places[place.target] = _begin(settings)
        if len(watch.places) > MOST_PLACES:
            watch.places.popitem(last=False)
    watch.places.move_to_end(place.target)
    watched.window.add(events, sample, now)
    if watched.history is not None:
        watched.history.add(events, now)
    if not events or now < watched.quiet_until:
        return None
    limit = _limit(settings, watched)
    window = watched.window
    if limit is None or window.events < limit or window.sample < settings.minimum_sample:
        return None
    if settings.percent is not None and window.events * 100 < settings.percent * window.sample:
        return None
    watched.quiet_until = now + settings.window_seconds
    return window.events, limit, window.sample


def _begin(settings: Trigger) -> _Watched:
    jump = settings if isinstance(settings, RowJump) else None
    history = History(jump.window_seconds, jump.history_windows) if jump is not None else None
    return _Watched(Window(settings.window_seconds), history)


def _limit(settings: Trigger, watched: _Watched) -> int | None:
    """How many events are too many; None: nothing is yet."""
    if watched.history is None or not isinstance(settings, RowJump):
        return settings.count
    mean = watched.history.mean
    return None if mean is None else max(settings.count, int(mean * settings.factor))
