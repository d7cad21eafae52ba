"""The proxy's hand on the recorder: intents are durable when `intent` returns, outcomes never wait.

Rules. (1) No evidence, no action: an intent that cannot be made durable now raises EvidenceError, it never passes. (2)
Everything else waits in a bounded queue; what does not fit is a declared gap. How it gets to the recorder is the
matter of `courier`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from typing import Final

from clyra_proxy.errors import EvidenceError
from clyra_proxy.evidence.commitment import SubjectKey, SubjectKeys
from clyra_proxy.evidence.courier import FLUSH_S, Courier
from clyra_proxy.evidence.event import intent_event, outcome_event, whole_event
from clyra_proxy.evidence.outbox import Outbox
from clyra_proxy.exchange import Exchange
from clyra_proxy.home import Home
from clyra_proxy.telemetry.redaction import describe_fault

log = logging.getLogger("clyra.evidence")

MARK: Final = "evidence"
"""Key in `exchange.extensions`: set once an intent was handed over, so that its outcome answers it."""


class RecorderClient:
    """What one source hands to the recorder. Lives on one event loop.

    queue_events: events held in memory. timeout_s: how long an intent may take to become durable; less
    than the engine gives a hook, so that who waited in vain is told why.
    """

    adopts = True
    """Whether spools of sources that are gone are replayed too."""

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
        self._outbox = Outbox(queue_events)
        self._subjects = SubjectKeys(home.root / "subjects")
        self._under_way = 0
        self._courier = Courier(
            home,
            self.source,
            self._outbox,
            lambda: self._outbox.intents_waiting >= self._under_way,
            spool_bytes=spool_bytes,
            timeout_s=timeout_s,
            adopts=self.adopts,
        )

    @property
    def state(self) -> str:
        """`ready`, or why an intent would be refused: `down`, `catching_up`, `refusing`."""
        return self._courier.state

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
        return self._courier.queued

    def salt(self, exchange: Exchange, field_name: str) -> bytes:
        """The salt for the commitment of one body (`req` or `res`). Raises EvidenceError."""
        return self._subjects.current(exchange.identity.tenant).salt(exchange.id, field_name)

    async def start(self) -> None:
        """Connect if the recorder is there; go on trying in the background if it is not. Raises EvidenceError."""
        self._loop = asyncio.get_running_loop()
        self._subjects.current("")
        await self._courier.start(self._home.spool / "evidence")

    async def close(self, patience_s: float = 5.0) -> None:
        """Hand over what is queued, spool what cannot be, and let go."""
        await self._courier.close(patience_s)

    async def intent(self, exchange: Exchange) -> None:
        """Return when the intent of `exchange` is durable. Raises EvidenceError: then nothing may go upstream."""
        state = self.state
        if state != "ready" or self._courier.closing:
            why = f"State: {state}; {self._courier.why}."
            raise EvidenceError("The recorder cannot take a record now.", why, "Try again.")
        if self._outbox.full:
            raise EvidenceError("The evidence queue is full.", "The recorder is too slow.", "Try again.")
        line = intent_event(exchange, self._subjects.current(exchange.identity.tenant))
        future = self._loop.create_future()
        exchange.extensions[MARK] = self._outbox.next_counter
        self._outbox.put(line, future)
        self._courier.ask()
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
        if self._outbox.full:
            self._courier.make_room()
        if self._outbox.full:
            self._outbox.drop("overflow")
            return
        self._outbox.put(line, None)
        self._courier.carry_within(FLUSH_S)
