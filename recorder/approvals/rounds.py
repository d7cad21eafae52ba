"""What happens by itself, once a second: packets whose time is over are ended, near deadlines are told again, letters
are delivered, what was shown long ago is forgotten.

Rule: deliveries run outside of the office's thread, one at a time, so that a slow mail server delays letters and
nothing else; each letter is marked done only after it was taken.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import sqlite3
from dataclasses import dataclass

from recorder.approvals import records
from recorder.approvals.book import GRANTED, WAITING
from recorder.approvals.channels import Channel, EmailChannel
from recorder.approvals.holding import request_of
from recorder.approvals.letters import write_letters
from recorder.approvals.notifying import PAUSES_S, DeliveryError, Letter, deliver, mail_code
from recorder.approvals.office import Office
from recorder.approvals.people import duties_of, eligible
from recorder.approvals.settings import Person
from recorder.errors import RecorderError

log = logging.getLogger("recorder.approvals")

PAUSE_S = 1.0
MOST = 64
_FORGET_EVERY = 3600


@dataclass(slots=True)
class Rounds:
    """url: of the page, for links; "" without one."""

    office: Office
    url: str = ""
    _turn: int = 0

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            try:
                await self.once()
            except (sqlite3.Error, RecorderError) as error:
                log.error("approvals could not be looked after: %s", type(error).__name__)  # noqa: TRY400
            await asyncio.sleep(PAUSE_S)

    async def once(self) -> None:
        await self.office.run(self._end_overdue)
        await self.office.run(self._escalate)
        for letter in await self.office.run(self._due_letters):
            await self._deliver(letter)
        if self._turn % _FORGET_EVERY == 0:
            keep = self.office.settings.current().summaries_days * 86_400
            await self.office.run(lambda: self.office.book.forget(self.office.desk.clock(), keep))
        self._turn += 1

    def _end_overdue(self) -> None:
        desk = self.office.desk
        now = desk.clock()
        overdue = self.office.book.every(
            "SELECT * FROM packets WHERE (state=? AND deadline<?) OR (state=? AND expires<?) LIMIT ?",
            *(WAITING, now, GRANTED, now, MOST),
        )
        for row in overdue:
            desk.current(row)

    def _escalate(self) -> None:
        """Tell again, and to more, when the share of the deadline that settings name has passed."""
        desk, settings = self.office.desk, self.office.settings.current()
        now = desk.clock()
        near = self.office.book.every(
            "SELECT * FROM packets WHERE state=? AND escalated=0 AND ?-created > (deadline-created)*? LIMIT ?",
            *(WAITING, now, settings.escalate_at, MOST),
        )
        for row in near:
            request = request_of(row)
            duties = duties_of(settings, request.agent_name)
            of = eligible(settings, request.role, duties, now)
            with self.office.book.change() as run:
                run.execute("UPDATE packets SET escalated=1 WHERE id=?", (row["id"],))
                notified = sorted(set(write_letters(run, row["id"], "escalated", settings, request.role, now)))
                event = records.requested(
                    *(row["id"], request, desk.display_digest(row), duties.requester_commitment(desk.salt)),
                    *(row["deadline"], len(of), notified),
                )
                desk.record([records.escalated(event, 1, notified)])

    def _due_letters(self) -> list[sqlite3.Row]:
        now = self.office.desk.clock()
        return self.office.book.every(
            "SELECT * FROM letters WHERE done IS NULL AND due<=? ORDER BY due LIMIT ?", now, MOST
        )

    async def _deliver(self, row: sqlite3.Row) -> None:
        found = await self.office.run(lambda: self._prepare(row))
        failure = "the channel has gone"
        if found is not None:
            letter, channel, recipients = found
            try:
                await asyncio.to_thread(deliver, letter, channel, recipients)
                failure = ""
            except DeliveryError as error:
                failure = str(error)
                log.warning("a letter of channel %s was not taken: %s", channel.name, failure)
        await self.office.run(lambda: self._note(row, failure))

    def _prepare(self, row: sqlite3.Row) -> tuple[Letter, Channel, list[str]] | None:
        settings = self.office.settings.current()
        channel = next((one for one in settings.channels if one.name == row["channel"]), None)
        packet = self.office.book.packet(row["packet"])
        if channel is None or packet is None:
            return None
        request = request_of(packet)
        people = eligible(settings, request.role, duties_of(settings, request.agent_name), self.office.desk.clock())
        act = json.loads(packet["request"])["act"]
        letter = Letter(
            id=row["id"],
            event=row["event"],
            packet=packet["id"],
            action_class=request.action_class,
            action=f"{act['method']} {act.get('host', '')}{act['target'].partition('?')[0]}",
            agent=request.agent_name,
            tenant=request.tenant,
            risks=tuple(risk.rule for risk in request.risks[:8]),
            deadline=int(packet["deadline"]),
            link=f"{self.url}/r/{packet['id']}" if self.url else "",
        )
        return letter, channel, [person.email for person in people if person.email]

    def _note(self, row: sqlite3.Row, failure: str) -> None:
        now, attempts = self.office.desk.clock(), row["attempts"] + 1
        over = not failure or attempts > len(PAUSES_S)
        due = now if over else now + PAUSES_S[attempts - 1]
        self.office.book.connection.execute(
            "UPDATE letters SET attempts=?, due=?, done=?, failed=? WHERE id=?",
            (attempts, due, now if over else None, failure, row["id"]),
        )


async def send_code(office: Office, packet: str, person: Person, code: str) -> None:
    """Tell a person the code that he will be asked for, by mail and at once. Raises DeliveryError."""
    channels = [one for one in office.settings.current().channels if isinstance(one, EmailChannel)]
    if not channels or not person.email:
        raise DeliveryError("there is no mail channel, or the person has no address")
    letter = Letter(f"code_{secrets.token_hex(12)}", "code", packet, "", "", "", "", (), 0, "")
    await asyncio.to_thread(mail_code, letter, channels[0], person.email, code)
