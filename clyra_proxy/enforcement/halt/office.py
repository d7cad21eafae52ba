"""The kill switch of one proxy: the one place where halts are ordered, kept, handed out and recorded.

Guarantees. A halt is handed to the workers before anything that may take time (disk, recorder, other replicas); a
release is on disk and, where the recorder answers, in the evidence before any worker hears of it. Orders never wait for
the recorder longer than its patience, and never for other replicas. Lives on the supervisor's event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clyra_proxy.enforcement.halt import file
from clyra_proxy.enforcement.halt.book import Change, HaltBook, Order
from clyra_proxy.enforcement.halt.evidence import events_of
from clyra_proxy.enforcement.halt.ledger import Ledger, Recorder
from clyra_proxy.enforcement.halt.model import EVERYTHING, LONGEST_ORDER_S, Cause, Channel, Halt, Phase, Place
from clyra_proxy.enforcement.halt.telling import tell
from clyra_proxy.enforcement.halt.tripwire import Trip, Tripwire
from clyra_proxy.errors import ClyraError, UsageError
from clyra_proxy.policy.halts import Halts
from clyra_proxy.verdict.model import Mode

STEP_S = 0.1
"""How often the sentinel file and the clock are looked at."""

log = logging.getLogger("clyra.halt")

type Message = dict[str, Any]
type Push = Callable[[Message], Awaitable[tuple[int, int]]]
"""Hands a snapshot to every worker; how many took it, and how many exchanges they cut."""


class HaltOffice:
    """folder: where halts are kept. sentinel: the file whose presence halts everything. clock: seconds since the epoch.

    shared: tells other replicas; set by who connects them.
    """

    def __init__(
        self,
        folder: Path,
        settings: Halts,
        push: Push,
        recorder: Recorder,
        *,
        sentinel: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._push = push
        self._recorder = recorder
        self._clock = clock
        self._tasks: set[asyncio.Task[Any]] = set()
        self._version = 0
        kept = file.load(folder)
        self._book = HaltBook(kept.halts)
        waiting = list(kept.unrecorded)
        if kept.damaged:
            waiting += [event for halt in kept.halts for event in events_of(Change(halt, None))]
        self._ledger = Ledger(folder, recorder, waiting)
        self.sentinel = sentinel or folder / file.SENTINEL
        self.shared: Callable[[Sequence[Halt]], Awaitable[bool]] | None = None
        self.generation = 0
        self.configure(settings)

    def configure(self, settings: Halts) -> None:
        """Take other thresholds; what was counted so far is forgotten when they differ."""
        if getattr(self, "_settings", None) != settings:
            self._settings = settings
            self._wire = Tripwire(settings)

    @property
    def clock(self) -> Callable[[], float]:
        return self._clock

    @clock.setter
    def clock(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    @property
    def halts(self) -> tuple[Halt, ...]:
        """Every halt, ended ones too."""
        return self._book.all

    def snapshot(self) -> Message:
        """What workers must know."""
        halts = [halt.to_json() for halt in self._book.standing if halt.in_force]
        return {"version": self._version, "halts": halts, "scopes": sorted(self._wire.scopes)}

    def describe(self) -> list[Message]:
        """What stands, as `clyra status` tells it."""
        return [tell(halt) for halt in self._book.standing]

    # -- orders of people ---------------------------------------------------------------------------------------

    async def halt(self, place: Place, order: Order) -> Message:
        """Halt a place; what to answer. Raises UsageError."""
        if order.lasting_s is not None and not 0 < order.lasting_s <= LONGEST_ORDER_S:
            raise UsageError(
                "A halt lasts up to 365 days.", "", "Give another --for, or none: it then holds until resumed."
            )
        began = time.perf_counter()
        change = self._book.halt(place, order, self._clock())
        if change is None:
            return {"ok": True, "changed": False, "halt": self._told(place)}
        return {**await self._stop([change], began), "halt": tell(change.halt)}

    async def release(self, place: Place, order: Order, for_s: float | None = None) -> Message:
        """End a halt, or for some seconds let its place pass. Raises UsageError."""
        if not order.actor.name or not order.reason.strip():
            raise UsageError("A release needs a person and a reason.", "", "Give --reason, and --by where asked.")
        if place == EVERYTHING and file.is_there(self.sentinel):
            raise UsageError(f"The file {self.sentinel} is there.", "It halts everything.", "Take it away first.")
        longest = self._settings.longest_override_seconds
        now = self._clock()
        if for_s is not None and not 0 < for_s <= longest:
            raise UsageError(f"An override may last {longest} seconds.", "The policy says so.", "Give a shorter --for.")
        book = self._book
        if for_s is None:
            change = book.resume(place, order.actor, order.channel, order.reason, now)
        else:
            change = book.override(place, order.actor, order.channel, order.reason, now + for_s, now)
        if change is None:
            return {"ok": True, "changed": False, "halt": None}
        return {**await self._open([change]), "halt": tell(change.halt)}

    # -- what happens by itself ---------------------------------------------------------------------------------

    async def heard(self, message: Mapping[str, Any]) -> None:
        """A worker reports what it added up and how trials went."""
        now, began = self._clock(), time.perf_counter()
        for name, version, good in message.get("probes", ()):
            change = self._book.probed(Place.parse(name), version, good=good, now=now)
            if change is not None:
                await (self._stop([change], began) if change.halt.in_force else self._open([change]))
        for trip in self._wire.heard(message.get("tally", {}), now):
            await self._tripped(trip, began)

    async def run(self) -> None:
        """Watch the clock, the sentinel file and the recorder until cancelled."""
        await self._ledger.catch_up(self._book.all)
        while True:
            await asyncio.sleep(STEP_S)
            try:
                await self.step()
            except ClyraError as error:
                log.error("the kill switch: %s", error)  # noqa: TRY400 - said in words
            except Exception as error:  # noqa: BLE001 - whatever it was, the watch goes on
                log.error("the kill switch: %s", type(error).__name__)  # noqa: TRY400 - as above

    async def step(self) -> None:
        """One look."""
        now, began = self._clock(), time.perf_counter()
        if file.is_there(self.sentinel) and not self._is_all_halted():
            await self.halt(EVERYTHING, Order(Cause.MANUAL, Channel.FILE, f"the file {self.sentinel.name} is there"))
        away = self._recorder.state in ("down", "refusing")
        if (trip := self._wire.recorder_is(away, now)) is not None:
            await self._tripped(trip, began)
        changes = self._book.tick(now)
        if again := [change for change in changes if change.halt.phase is Phase.HALTED]:
            await self._stop(again, began)
        if opened := [change for change in changes if change.halt.phase is not Phase.HALTED]:
            await self._open(opened)

    async def merge(self, halts: Iterable[Halt]) -> None:
        """Other replicas know more: what they halted holds here too."""
        began = time.perf_counter()
        changes = self._book.merge(halts)
        if changes:
            await self._stop(changes, began, share=False)

    async def _tripped(self, trip: Trip, began: float) -> None:
        if trip.mode is not Mode.ENFORCE:
            log.warning("would have halted %s: %s", trip.place.name, trip.order.reason)
            return
        change = self._book.halt(trip.place, trip.order, self._clock())
        if change is not None:
            log.error("halted %s: %s", trip.place.name, trip.order.reason)
            await self._stop([change], began)

    def _is_all_halted(self) -> bool:
        """Whether everything is halted, and not only for a time."""
        standing = self._book.find(EVERYTHING)
        return standing is not None and standing.phase is Phase.HALTED and standing.until is None

    def _told(self, place: Place) -> Message | None:
        standing = self._book.find(place)
        return None if standing is None else tell(standing)

    # -- making it so -------------------------------------------------------------------------------------------

    async def _stop(self, changes: Sequence[Change], began: float, *, share: bool = True) -> Message:
        """Workers first; then disk, evidence and the others."""
        # A worker that does not answer must hold up neither the file nor the other replicas.
        sharing = self._share(changes) if share else None
        keeping = asyncio.ensure_future(self._ledger.keep(self._book.all, ()))
        acks, cut = await self._hand_out()
        took_ms = round((time.perf_counter() - began) * 1000)
        await keeping
        told = [
            event
            for change in changes
            for event in events_of(change, generation=self.generation, cut=cut, took_ms=took_ms)
        ]
        durable, recorded = await self._ledger.keep(self._book.all, told)
        shared = await sharing if sharing is not None else None
        return {
            "ok": True,
            "changed": True,
            "workers": acks,
            "cut": cut,
            "took_ms": took_ms,
            "durable": durable,
            "recorded": recorded,
            "shared": shared,
        }

    async def _open(self, changes: Sequence[Change]) -> Message:
        """Disk and evidence first; then the workers, and the others."""
        told = [event for change in changes for event in events_of(change, generation=self.generation)]
        durable, recorded = await self._ledger.keep(self._book.all, told)
        acks, _ = await self._hand_out()
        sharing = self._share(changes)
        shared = await sharing if sharing is not None else None
        return {
            "ok": True,
            "changed": True,
            "workers": acks,
            "durable": durable,
            "recorded": recorded,
            "shared": shared,
        }

    async def _hand_out(self) -> tuple[int, int]:
        self._version += 1
        return await self._push(self.snapshot())

    def _share(self, changes: Sequence[Change]) -> asyncio.Task[bool] | None:
        if self.shared is None:
            return None
        task = asyncio.ensure_future(self.shared([change.halt for change in changes]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
