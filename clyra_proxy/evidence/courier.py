"""Carries what waits in the outbox to the recorder: one signed batch at a time, again when it was not answered.

Rules. (1) One request is in flight at a time; what gathers meanwhile is the next batch, which goes when `pace` says.
(2) While the recorder is away, what waits goes to a spool on disk and is replayed with its original counters, before
anything newer. (3) Who waits for an event hears within `timeout_s` that it is durable, or that it is not known to be:
an EvidenceError, never a pass.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import orjson

from clyra_proxy.evidence.backlog import Backlog
from clyra_proxy.evidence.line import Line
from clyra_proxy.evidence.outbox import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Outbox, Waiting, encode_batch
from clyra_proxy.evidence.pace import Pace
from clyra_proxy.evidence.spool import Spool
from clyra_proxy.home import Home

log = logging.getLogger("clyra.evidence")

FLUSH_S = 0.02
HEARTBEAT_S = 30.0


class Courier:
    """One source's way to the recorder. Lives on one event loop.

    outbox: what is to be carried. enough: see Pace. timeout_s: how long a batch may take to be answered. adopts:
    whether spools of sources that are gone are replayed too.
    """

    def __init__(
        self,
        home: Home,
        source: str,
        outbox: Outbox,
        enough: Callable[[], bool],
        *,
        spool_bytes: int,
        timeout_s: float,
        adopts: bool = True,
    ) -> None:
        self.closing = False
        self._source = source
        self._outbox = outbox
        self._enough = enough
        self._spool_bytes = spool_bytes
        self._timeout_s = timeout_s
        self._adopts = adopts
        self._line = Line(home, self._answered, self._up, self._down)
        self._in_flight: list[Waiting] = []
        self._replaying: Spool | None = None
        self._busy = False
        self._backlog: Backlog | None = None
        self._refused_until = 0.0
        self._deadline: asyncio.TimerHandle | None = None
        self._housekeeping: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """`ready`, or why nothing can be made durable now: `down`, `catching_up`, `refusing`."""
        if not self._line.trusted:
            return "down"
        if self._loop.time() < self._refused_until:
            return "refusing"
        return "catching_up" if self._spooled() is not None else "ready"

    @property
    def why(self) -> str:
        """What went wrong last."""
        return self._line.why

    @property
    def queued(self) -> int:
        """Events in memory that are not known to be durable."""
        return len(self._outbox.queue) + len(self._in_flight)

    async def start(self, folder: Path) -> None:
        """Connect if the recorder is there; go on trying in the background if it is not. Raises EvidenceError.

        folder: where spools are.
        """
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(self._loop, self._pump, self._enough)
        self._backlog = Backlog(folder, self._source, self._spool_bytes)
        await self._line.open()
        self._housekeeping = self._loop.create_task(self._housekeep())

    async def close(self, patience_s: float) -> None:
        """Hand over what is queued, spool what cannot be, and let go."""
        self.closing = True
        deadline = self._loop.time() + patience_s
        while self.queued and self.state not in ("down", "refusing") and self._loop.time() < deadline:
            self._pump()
            await asyncio.sleep(0.005)
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        self._line.close()
        self._spill()
        if self._backlog is not None:
            await self._backlog.sync()
            self._backlog.close()
            self._backlog = None

    def ask(self) -> None:
        """Somebody waits for what was put into the outbox: it goes with the next batch, when `pace` says."""
        if not self._busy:
            self._pace.ask()

    def carry_within(self, delay: float) -> None:
        """What is in the outbox goes after `delay` seconds at the latest; nobody waits for it."""
        if not self._busy:
            self._pace.within(delay)

    def make_room(self) -> None:
        """Move what waits in memory to disk, unless older events could come back behind it."""
        if not self._in_flight:
            self._spill()

    # -- sending -------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Send the next batch if nothing is in flight: first what was spooled, then what waits in memory."""
        self._pace.stop()
        if not self._line.connected:
            if self._busy or not self.closing:
                self._spill()
            return
        if self._busy or self._loop.time() < self._refused_until:
            return
        spool = self._spooled()
        if spool is not None:
            self._send_spooled(spool)
        elif self._outbox.queue:
            self._in_flight = self._outbox.take()
            lines = [waiting[1] for waiting in self._in_flight]
            first = self._in_flight[0][0]
            self._send(encode_batch(self._source, first, lines, self._outbox.holes.get(first, ""), spooled=False))

    def _send_spooled(self, spool: Spool) -> None:
        events = spool.next_batch(MAX_BATCH_EVENTS, MAX_BATCH_BYTES)
        self._replaying = spool
        if not events:
            self._replayed()
            return
        cause = (
            self._outbox.holes.get(events[0][0], "")
            if self._backlog is not None and spool is self._backlog.own
            else "unknown"
        )
        lines = [line for _, line in events]
        self._send(encode_batch(spool.source, events[0][0], lines, cause, spooled=True))

    def _send(self, body: bytes) -> None:
        self._busy = True
        self._pace.sent()
        self._line.send(body)
        self._deadline = self._loop.call_later(self._timeout_s, self._line.abort)

    def _answered(self, status: int, body: bytes, retry_after: float) -> None:
        self._busy = False
        if self._deadline is not None:
            self._deadline.cancel()
        batch, self._in_flight = self._in_flight, []
        if status == 200:
            self._accepted(batch, body)
        else:
            self._refused(batch, status, retry_after)
        if self._spooled() is not None:
            self._pump()
        elif self._outbox.intents_waiting:
            self._pace.ask()
        elif self._outbox.queue:
            self._pace.within(FLUSH_S)

    def _accepted(self, batch: list[Waiting], body: bytes) -> None:
        rejected: dict[int, str] = {}
        if b"rejected" in body:
            rejected = dict(orjson.loads(body)["rejected"])
            log.warning("the recorder refused %d records: %s", len(rejected), sorted(set(rejected.values())))
        if self._replaying is not None:
            self._replayed()
            return
        self._outbox.acknowledge(batch, rejected)

    def _replayed(self) -> None:
        spool, self._replaying = self._replaying, None
        if spool is None or self._backlog is None:
            return
        self._backlog.replayed(spool)
        self.carry_within(0.0)

    def _refused(self, batch: list[Waiting], status: int, retry_after: float) -> None:
        """The recorder did not keep the batch: nobody may wait for it, and it is sent again later."""
        self._line.why = f"it answered {status}"
        log.error("the recorder refused a batch with status %d", status)
        self._refused_until = self._loop.time() + (retry_after or 1.0)
        self._replaying = None
        self._outbox.put_back(batch, "The recorder could not make the record durable.", f"It answered {status}.")
        if status in (401, 404):
            self._line.distrust()
        self._loop.call_later(retry_after or 1.0, self._pump)

    # -- the line ------------------------------------------------------------------------------------------------

    def _up(self) -> None:
        self._refused_until = 0.0
        if self._backlog is not None and self._adopts:
            self._backlog.adopt()
        self._pump()

    def _down(self) -> None:
        """Whatever is in flight may or may not be in the log: it will be sent again, and nobody may wait for it."""
        self._busy = False
        self._replaying = None
        if self._deadline is not None:
            self._deadline.cancel()
        batch, self._in_flight = self._in_flight, []
        why = "The connection was lost."
        self._outbox.put_back(batch, "The recorder went away before the record was durable.", why)
        if not self.closing:
            self._spill()

    async def _housekeep(self) -> None:
        """Sync the spool, and tell the recorder from time to time that this source is alive."""
        quiet = 0.0
        while True:
            await asyncio.sleep(1.0)
            if self._backlog is not None:
                await self._backlog.sync()
            quiet = 0.0 if self._busy or self._outbox.queue else quiet + 1.0
            if quiet >= HEARTBEAT_S and self.state == "ready":
                quiet = 0.0
                self._send(encode_batch(self._source, self._outbox.next_counter, [], "", spooled=False))

    def _spooled(self) -> Spool | None:
        return self._backlog.next() if self._backlog is not None else None

    def _spill(self) -> None:
        if self._backlog is not None:
            self._backlog.spill(self._outbox)
