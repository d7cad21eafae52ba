"""The desk that the guarded side talks to: hand a packet in, ask how it stands, use the token up.

Rules. (1) Every request for approval is on record before it has an id, every use before it is answered. (2) The very
same call of the same sender joins the packet that waits; a call that differs in anything that binds is refused, each
difference by its own code. (3) Of any number of attempts to use a token one succeeds: the change of state is one
transaction, on disk before the use is recorded. (4) Time is this machine's; what is over is ended and recorded before
anything else is said about it. One thread calls all of this.
"""

from __future__ import annotations

import hmac
import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from recorder import approval
from recorder.approval_store import ApprovalStore
from recorder.approval_terms import new_id
from recorder.approvals import errors, records
from recorder.approvals import packets as wire
from recorder.approvals.book import (
    CONSUMED,
    EXPIRED,
    GRANTED,
    OPEN_STATES,
    SUPERSEDED,
    UNREACHABLE,
    WAITING,
    Book,
)
from recorder.approvals.errors import Refusal, Unavailable
from recorder.approvals.holding import hold_against, request_of
from recorder.approvals.letters import write_letters
from recorder.approvals.people import duties_of, eligible, voices
from recorder.approvals.settings import SettingsFile
from recorder.web_encoding import to_base64url

type Recording = Callable[[list[dict[str, Any]]], None]
"""Writes records and returns when they are durable. Raises RecorderError."""
MOST_STATES = 256
_GIVEN_UP = 2
"""`recorded` of a use that was on disk when the recorder ended, but not on record: it released nothing."""


@dataclass(slots=True)
class Desk:
    """certificates: where signed ones are kept. record: see `Recording`. clock: seconds since the epoch."""

    book: Book
    settings: SettingsFile
    certificates: ApprovalStore
    record: Recording
    has_page: bool = False
    clock: Callable[[], float] = time.time
    salt: bytes = field(init=False)
    _token_key: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.salt = self.book.secret("people")
        self._token_key = self.book.secret("tokens")

    def open(self, raw: bytes) -> dict[str, Any]:
        """A new packet, or the state of the one whose `id` is given. Raises PacketError, Refusal, RecorderError."""
        if _has_id(raw):
            back = wire.parse(wire.Return, raw)
            row = self._known(back.id)
            hold_against(back, request_of(row))
            return self._state(row)
        request = wire.parse(wire.Request, raw)
        joined = self.book.one(
            "SELECT * FROM packets WHERE fingerprint=? AND state IN ('requested','granted')", request.fingerprint
        )
        if joined is not None:
            row = self.current(joined)
            if row["state"] in OPEN_STATES:
                return self._state(row)
        return self._state(self._take_in(request))

    def states(self, raw: bytes) -> dict[str, Any]:
        """How packets stand, by id. Unknown ones are left out."""
        ids = json.loads(raw)["ids"]
        if not isinstance(ids, list) or len(ids) > MOST_STATES or not all(isinstance(one, str) for one in ids):
            raise wire.PacketError(f"a list of at most {MOST_STATES} ids is expected")
        rows = (self.book.packet(one) for one in ids)
        return {"states": {row["id"]: self._state(self.current(row)) for row in rows if row is not None}}

    def consume(self, raw: bytes) -> dict[str, Any]:
        """Use a token up for exactly one exchange; answered when the use is on record. Raises Refusal."""
        use = wire.parse(wire.Use, raw)
        row = self._known(use.id)
        before = self.book.one("SELECT * FROM uses WHERE packet=?", row["id"])
        again = before is not None and before["attempt"] == use.attempt and before["exchange"] == use.exchange
        if before is not None and not again:
            raise Refusal(errors.REUSED)
        request = request_of(row)
        self._check_use(use, row, request, again=again)
        certificates = self._sound_certificates(row, request)
        now = self.clock()
        if not again:
            with self.book.change() as run:
                moved = run.execute(
                    "UPDATE packets SET state=?, ended=? WHERE id=? AND state=?", (CONSUMED, now, row["id"], GRANTED)
                ).rowcount
                if moved != 1:
                    raise Refusal(errors.REUSED)
                run.execute("INSERT INTO uses VALUES(?,?,?,?,0)", (row["id"], use.attempt, use.exchange, now))
        if before is not None and before["recorded"] == _GIVEN_UP:
            raise Refusal(errors.REUSED)
        if before is None or not before["recorded"]:
            self._record_use(row["id"], request, use, certificates)
        return {"state": CONSUMED, "id": row["id"], "certificates": list(certificates)}

    def recover(self) -> int:
        """After a start: uses that were never recorded released nothing; say so. How many there were."""
        lost = self.book.every("SELECT packet FROM uses WHERE recorded=0")
        for use in lost:
            given = [one["cert_sha256"] for one in self.book.decisions(use["packet"])]
            self.record([records.ended(self._row(use["packet"]), "cancelled", self.clock(), given)])
            self.book.connection.execute("UPDATE uses SET recorded=? WHERE packet=?", (_GIVEN_UP, use["packet"]))
        return len(lost)

    def _record_use(self, packet: str, request: wire.Request, use: wire.Use, certificates: list[str]) -> None:
        duties = duties_of(self.settings.current(), request.agent_name)
        requester, deployer = duties.requester_commitment(self.salt), duties.deployer_commitment(self.salt)
        self.record([records.consumed(packet, request, use, certificates, requester, deployer)])
        self.book.connection.execute("UPDATE uses SET recorded=1 WHERE packet=?", (packet,))

    def current(self, row: sqlite3.Row) -> sqlite3.Row:
        """A packet as it stands now: one whose time is over is ended first."""
        now = self.clock()
        limit = row["deadline"] if row["state"] == WAITING else row["expires"]
        if row["state"] in OPEN_STATES and now > limit:
            self.end(row, EXPIRED, "expired", now)
            return self._row(row["id"])
        return row

    def end(self, row: sqlite3.Row, state: str, reason: str, now: float, superseded_by: str = "") -> bool:
        """End an open packet, and record it. False when it had ended already."""
        with self.book.change() as run:
            moved = run.execute(
                "UPDATE packets SET state=?, reason=?, ended=?, superseded_by=? WHERE id=? AND state=?",
                (state, reason, now, superseded_by, row["id"], row["state"]),
            ).rowcount
            if moved == 1:
                given = [one["cert_sha256"] for one in self.book.decisions(row["id"])]
                self.record([records.ended(self._row(row["id"]), reason, now, given)])
        return bool(moved)

    def token(self, row: sqlite3.Row) -> str:
        """The token of a granted packet: nothing but this desk can make it, and it needs no storing."""
        given = "".join(one["cert_sha256"] for one in self.book.decisions(row["id"]))
        made = hmac.digest(self._token_key, f"{row['id']}\0{row['expires']!r}\0{given}".encode(), "sha256")
        return to_base64url(made)

    def display_digest(self, row: sqlite3.Row) -> str:
        """Digest of what people were shown; of nothing once it was forgotten."""
        return sha256(row["display"] or b"").hexdigest()

    def _take_in(self, request: wire.Request) -> sqlite3.Row:
        now, packet = self.clock(), new_id(self.clock())
        settings = self.settings.current()
        duties = duties_of(settings, request.agent_name)
        of = eligible(settings, request.role, duties, now)
        deadline = now + request.decide_within_s
        display = wire.display_document(packet, request, int(deadline))
        old = self._superseded(request)
        if old is not None:
            self.end(old, SUPERSEDED, "superseded", now, packet)
        event_digest = sha256(display).hexdigest()
        with self.book.change() as run:
            run.execute(
                "INSERT INTO packets(id,state,fingerprint,request,display,created,deadline) VALUES(?,?,?,?,?,?,?)",
                (packet, WAITING, request.fingerprint, request.model_dump_json(), display, now, deadline),
            )
            told = write_letters(run, packet, "requested", settings, request.role, now)
            notified = sorted({*told, "cli", *(["page"] if self.has_page else [])})
            requester = duties.requester_commitment(self.salt)
            self.record([records.requested(packet, request, event_digest, requester, deadline, len(of), notified)])
        if len(voices(of, request.role)) < request.need:
            self.end(self._row(packet), UNREACHABLE, "unreachable", now)
        return self._row(packet)

    def _superseded(self, request: wire.Request) -> sqlite3.Row | None:
        """The open packet that this one takes the place of. Raises Refusal when it is not the sender's own."""
        if not request.supersedes:
            return None
        row = self._known(request.supersedes)
        if request_of(row).asker != request.asker:
            raise Refusal(errors.REQUESTER)
        return row if row["state"] in OPEN_STATES else None

    def _check_use(self, use: wire.Use, row: sqlite3.Row, request: wire.Request, *, again: bool) -> None:
        if not again and row["state"] != GRANTED:
            raise Refusal(_CODES_OF_STATES.get(row["state"], errors.STATE))
        if not hmac.compare_digest(use.token, self.token(row)):
            raise Refusal(errors.NONCE)
        hold_against(use, request)

    def _sound_certificates(self, row: sqlite3.Row, request: wire.Request) -> list[str]:
        """Digests of the grants, each still there, about this packet, and of somebody who may still approve."""
        settings, found = self.settings.current(), []
        for decision in self.book.decisions(row["id"]):
            person = settings.person_of(decision["iss"], decision["sub"])
            if person is None or person.disabled:
                raise Refusal(errors.APPROVER)
            raw = self.certificates.read(decision["cert_sha256"])
            if raw is None or approval.parse(raw).id != row["id"]:
                raise Refusal(errors.SIGNATURE)
            found.append(str(decision["cert_sha256"]))
        if len(found) < request.need:
            raise Refusal(errors.QUORUM)
        return found

    def _known(self, packet: str) -> sqlite3.Row:
        row = self.book.packet(packet)
        if row is None:
            raise Refusal(errors.UNKNOWN)
        return self.current(row)

    def _row(self, packet: str) -> sqlite3.Row:
        row = self.book.packet(packet)
        if row is None:
            raise Unavailable("the packet has gone")
        return row

    def _state(self, row: sqlite3.Row) -> dict[str, Any]:
        told: dict[str, Any] = {"id": row["id"], "state": row["state"], "deadline": int(row["deadline"])}
        if row["state"] == GRANTED:
            told |= {"token": self.token(row), "expires": int(row["expires"])}
        return told


_CODES_OF_STATES: Mapping[str, str] = {
    WAITING: errors.NOT_YET,
    EXPIRED: errors.EXPIRED,
    CONSUMED: errors.REUSED,
}


def _has_id(raw: bytes) -> bool:
    try:
        document = json.loads(raw)
    except ValueError:
        raise wire.PacketError("not JSON") from None
    return isinstance(document, dict) and "id" in document
