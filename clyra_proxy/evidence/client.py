"""The proxy's hand on the recorder: intents are durable when `intent` returns, outcomes never wait.

Rules. (1) No evidence, no action: an intent that cannot be made durable now raises EvidenceError, it never passes. (2)
Everything else waits in a bounded queue; while the recorder is away it goes to a spool on disk and is replayed with its
original counters; what does not fit is a declared gap. (3) One request is in flight at a time; what gathers meanwhile
is the next batch, which goes when `pace` says.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from typing import Final

import orjson

from clyra_proxy.errors import EvidenceError
from clyra_proxy.evidence.backlog import Backlog
from clyra_proxy.evidence.commitment import SubjectKey, SubjectKeys
from clyra_proxy.evidence.event import intent_event, outcome_event, whole_event
from clyra_proxy.evidence.link import Link
from clyra_proxy.evidence.outbox import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Outbox, Waiting, encode_batch
from clyra_proxy.evidence.pace import Pace
from clyra_proxy.evidence.spool import Spool
from clyra_proxy.exchange import Exchange
from clyra_proxy.home import Home
from clyra_proxy.telemetry.redaction import describe_fault
from recorder.errors import KeyFileError
from recorder.keys import read_source_key

log = logging.getLogger("clyra.evidence")

KEY_NAME: Final = "source"
MARK: Final = "evidence"
"""Key in `exchange.extensions`: set once an intent was handed over, so that its outcome answers it."""
FLUSH_S = 0.02
HEARTBEAT_S = 30.0
RECONNECT_S = (0.05, 0.1, 0.25, 0.5, 1.0)
_REJECTED = "The recorder refused the record."


class RecorderClient:
    """One worker's link to the recorder. Lives on one event loop.

    queue_events: events held in memory. timeout_s: how long an intent may take to become durable; less
    than the engine gives a hook, so that who waited in vain is told why.
    """

    def __init__(
        self,
        home: Home,
        *,
        source: str = "",
        queue_events: int = 20_000,
        spool_bytes: int = 256 << 20,
        timeout_s: float = 4.0,
    ) -> None:
        self.source = source or f"proxy-{os.getpid()}-{secrets.token_hex(4)}"
        self._home = home
        self._folder = home.spool / "evidence"
        self._timeout_s = timeout_s
        self._spool_bytes = spool_bytes
        self._outbox = Outbox(queue_events)
        self._subjects = SubjectKeys(home.root / "subjects")
        self._key = b""
        self._link: Link | None = None
        self._in_flight: list[Waiting] = []
        self._replaying: Spool | None = None
        self._busy = False
        self._under_way = 0
        self._backlog: Backlog | None = None
        self._refused_until = 0.0
        self._deadline: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._disconnected = asyncio.Event()
        self._why = "the recorder has not been reached yet"

    @property
    def state(self) -> str:
        """`ready`, or why an intent would be refused: `down`, `catching_up`, `refusing`."""
        if self._link is None or not self._key:
            return "down"
        if self._loop.time() < self._refused_until:
            return "refusing"
        return "catching_up" if self._spooled() is not None else "ready"

    @property
    def ready(self) -> bool:
        return self.state == "ready"

    @property
    def lost(self) -> int:
        """Events dropped so far; each is a declared gap in the log."""
        return self._outbox.lost

    @property
    def queued(self) -> int:
        """Events waiting in memory."""
        return len(self._outbox.queue) + len(self._in_flight)

    def salt(self, exchange: Exchange, field_name: str) -> bytes:
        """The salt for the commitment of one body (`req` or `res`). Raises EvidenceError."""
        return self._subjects.current(exchange.identity.tenant).salt(exchange.id, field_name)

    async def start(self) -> None:
        """Connect if the recorder is there; go on trying in the background if it is not. Raises EvidenceError."""
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(self._loop, self._pump, lambda: self._outbox.intents_waiting >= self._under_way)
        self._backlog = Backlog(self._folder, self.source, self._spool_bytes)
        self._subjects.current("")
        await self._connect()
        self._tasks = [self._loop.create_task(self._keep_connected()), self._loop.create_task(self._housekeep())]

    async def close(self, patience_s: float = 5.0) -> None:
        """Hand over what is queued, spool what cannot be, and let go."""
        self._closing = True
        deadline = self._loop.time() + patience_s
        while self.queued and self.state not in ("down", "refusing") and self._loop.time() < deadline:
            self._pump()
            await asyncio.sleep(0.005)
        for task in self._tasks:
            task.cancel()
        if self._link is not None:
            self._link.abort()
        self._lost_link()
        self._spill()
        if self._backlog is not None:
            await self._backlog.sync()
            self._backlog.close()
            self._backlog = None

    async def intent(self, exchange: Exchange) -> None:
        """Return when the intent of `exchange` is durable. Raises EvidenceError: then nothing may go upstream."""
        state = self.state
        if state != "ready" or self._closing:
            raise EvidenceError("The recorder cannot take a record now.", f"State: {state}; {self._why}.", "Try again.")
        if self._outbox.full:
            raise EvidenceError("The evidence queue is full.", "The recorder is too slow.", "Try again.")
        line = intent_event(exchange, self._subjects.current(exchange.identity.tenant))
        future = self._loop.create_future()
        exchange.extensions[MARK] = self._outbox.next_counter
        self._outbox.put(line, future)
        if not self._busy:
            self._pace.ask()
        await future
        exchange.intent_id = f"{self.source}/{exchange.extensions[MARK]}"
        self._under_way += 1

    def outcome(self, exchange: Exchange) -> None:
        """Queue the end of an exchange. Never waits, never raises; what does not fit is a declared gap."""
        if exchange.intent_id and self._under_way:
            self._under_way -= 1
        try:
            if MARK in exchange.extensions:
                line = outcome_event(exchange)
            else:
                line = whole_event(exchange, self._subjects.current(exchange.identity.tenant))
        except Exception as error:  # noqa: BLE001 - declared as a gap
            log.error("an exchange could not be described: %s%s; a gap is declared", *describe_fault(error))  # noqa: TRY400
            self._outbox.drop("lost")
            return
        self.note(line)

    def subject_key(self, tenant: str) -> SubjectKey:
        """The key that commitments about this tenant are made with now. Raises EvidenceError."""
        return self._subjects.current(tenant)

    def note(self, line: bytes) -> None:
        """Queue an event of any kind, encoded. Never waits, never raises; what does not fit is a declared gap."""
        if self._outbox.full and not self._in_flight:  # in flight: older counters could come back behind the spool
            self._spill()
        if self._outbox.full:
            self._outbox.drop("overflow")
            return
        self._outbox.put(line, None)
        if not self._busy:
            self._schedule(FLUSH_S)

    # -- sending -------------------------------------------------------------------------------------------------

    def _schedule(self, delay: float) -> None:
        """Send after `delay` seconds at the latest; who waits for an intent asks the pace instead."""
        self._pace.within(delay)

    def _pump(self) -> None:
        """Send the next batch if nothing is in flight: first what was spooled, then what waits in memory."""
        self._pace.stop()
        if self._busy or (self._link is None and not self._closing):
            if self._link is None:
                self._spill()
            return
        if self._link is None or self._loop.time() < self._refused_until:
            return
        spool = self._spooled()
        if spool is not None:
            self._send_spooled(spool)
        elif self._outbox.queue:
            self._in_flight = self._outbox.take()
            lines = [waiting[1] for waiting in self._in_flight]
            first = self._in_flight[0][0]
            self._send(encode_batch(self.source, first, lines, self._outbox.holes.get(first, ""), spooled=False))

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
        assert self._link is not None  # noqa: S101 - callers have just checked
        self._busy = True
        self._pace.sent()
        self._link.send(body, KEY_NAME, self._key)
        self._deadline = self._loop.call_later(self._timeout_s, self._link.abort)

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
            self._schedule(FLUSH_S)

    def _accepted(self, batch: list[Waiting], body: bytes) -> None:
        rejected: dict[int, str] = {}
        if b"rejected" in body:
            rejected = dict(orjson.loads(body)["rejected"])
            log.warning("the recorder refused %d records: %s", len(rejected), sorted(set(rejected.values())))
        if self._replaying is not None:
            self._replayed()
            return
        if batch:
            self._outbox.holes.pop(batch[0][0], None)
        for number, _, future in batch:
            if future is not None and not future.done():
                if number in rejected:
                    future.set_exception(EvidenceError(_REJECTED, f"Code: {rejected[number]}."))
                else:
                    future.set_result(None)

    def _replayed(self) -> None:
        spool, self._replaying = self._replaying, None
        if spool is None or self._backlog is None:
            return
        self._backlog.replayed(spool)
        if not self._busy:
            self._schedule(0.0)

    def _refused(self, batch: list[Waiting], status: int, retry_after: float) -> None:
        """The recorder did not keep the batch: nobody may wait for it, and it is sent again later."""
        self._why = f"it answered {status}"
        log.error("the recorder refused a batch with status %d", status)
        self._refused_until = self._loop.time() + (retry_after or 1.0)
        self._replaying = None
        self._fail(batch, "The recorder could not make the record durable.", f"It answered {status}.")
        self._outbox.put_back(batch)
        if status in (401, 404):
            self._key = b""
            if self._link is not None:
                self._link.abort()
        self._loop.call_later(retry_after or 1.0, self._pump)

    def _fail(self, batch: list[Waiting], what: str, why: str) -> None:
        waiters = [future for _, _, future in batch if future is not None] + self._outbox.release_waiters()
        for future in waiters:
            if not future.done():
                future.set_exception(EvidenceError(what, why, "Try again."))

    # -- the connection ------------------------------------------------------------------------------------------

    async def _connect(self) -> bool:
        try:
            self._key = read_source_key(self._home.source_key)
            path = str(self._home.recorder_socket)
            _, link = await asyncio.wait_for(
                self._loop.create_unix_connection(lambda: Link(self._answered, self._lost_link), path), 2.0
            )
        except (OSError, TimeoutError, KeyFileError) as error:
            self._why = f"{type(error).__name__}"
            return False
        self._link = link
        self._disconnected.clear()
        self._refused_until = 0.0
        if self._backlog is not None:
            self._backlog.adopt()
        self._pump()
        return True

    def _lost_link(self) -> None:
        """Whatever is in flight may or may not be in the log: it will be sent again, and nobody may wait for it."""
        self._link = None
        self._disconnected.set()
        self._busy = False
        self._replaying = None
        self._why = "the connection was lost"
        if self._deadline is not None:
            self._deadline.cancel()
        batch, self._in_flight = self._in_flight, []
        self._fail(batch, "The recorder went away before the record was durable.", "The connection was lost.")
        self._outbox.put_back(batch)
        if not self._closing:
            self._spill()

    async def _keep_connected(self) -> None:
        attempt = 0
        while True:
            if self._link is not None or await self._connect():
                attempt = 0
                await self._disconnected.wait()
            await asyncio.sleep(RECONNECT_S[min(attempt, len(RECONNECT_S) - 1)])
            attempt += 1

    async def _housekeep(self) -> None:
        """Sync the spool, and tell the recorder from time to time that this source is alive."""
        quiet = 0.0
        while True:
            await asyncio.sleep(1.0)
            if self._backlog is not None:
                await self._backlog.sync()
            quiet = 0.0 if self._busy or self._outbox.queue else quiet + 1.0
            if quiet >= HEARTBEAT_S and self.ready:
                quiet = 0.0
                self._send(encode_batch(self.source, self._outbox.next_counter, [], "", spooled=False))

    def _spooled(self) -> Spool | None:
        return self._backlog.next() if self._backlog is not None else None

    def _spill(self) -> None:
        if self._backlog is not None:
            self._backlog.spill(self._outbox)
