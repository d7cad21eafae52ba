"""People decide: a challenge is issued to one person for one decision, his answer becomes a certificate.

Rules. (1) The predicate is complete before the person signs, but for what his answer itself tells; the nonce commits to
it (`challenges`). (2) An answer counts once and in time. (3) Eligibility is asked twice, when the challenge is issued
and when it is answered. (4) The certificate is durable, then the record, then the change of state. One `deny` ends a
packet; grants end its waiting when there are enough. One thread calls all of this.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from recorder import approval, trust
from recorder.approval_binding import SESSION, challenge_of
from recorder.approval_terms import DENY, GRANT, Approver, Certificate, Challenge, Quorum
from recorder.approvals import challenges, errors, proofs, records
from recorder.approvals import packets as wire
from recorder.approvals.book import GRANTED, REFUSED, WAITING
from recorder.approvals.desk import Desk
from recorder.approvals.errors import Refusal
from recorder.approvals.holding import request_of
from recorder.approvals.letters import write_letters
from recorder.approvals.people import Voice, commitment, duties_of, voice_of
from recorder.approvals.settings import Person
from recorder.keys import SigningKey
from recorder.record import timestamp

REASON: Final = "refused_by_person"
_UNSAID = Approver("", "", multi_factor=False, phishing_resistant=False)


@dataclass(frozen=True, slots=True)
class Issued:
    """A challenge for one person. challenge: base64url text of what he signs. answer_by: seconds since the epoch."""

    nonce: str
    challenge: str
    answer_by: int


@dataclass(slots=True)
class Deciding:
    """seal_key: the key in force. trusted: the trust file's approver keys, asked for only where settings demand it."""

    desk: Desk
    seal_key: Callable[[], SigningKey]
    trusted: Callable[[], list[trust.TrustedKey]]

    def challenge(self, packet: str, person: Person, decision: str, audience: str) -> Issued:
        """Ask `person` for one decision. audience: who the answer will be for. Raises Refusal."""
        row, request, voice = self._open(packet, person)
        if decision not in (GRANT, DENY):
            raise Refusal(errors.STATE, "A decision is grant or deny.")
        now = self.desk.clock()
        settings = self.desk.settings.current()
        given = len([one for one in self.desk.book.decisions(packet) if one["decision"] == GRANT])
        last = given + 1 >= request.need
        expires = now + settings.challenge_s + request.valid_s if last else row["deadline"] + request.valid_s
        draft = Challenge("", int(now), int(expires) + 1, audience)
        unsigned = self._certificate(row, request, voice.person, decision, draft, _UNSAID)
        nonce = challenges.new_nonce(unsigned.predicate())
        answer_by = now + settings.challenge_s
        self.desk.book.connection.execute(
            "INSERT INTO challenges(nonce,packet,iss,sub,decision,issued,expires,audience,answer_by)"
            " VALUES(?,?,?,?,?,?,?,?,?)",
            (nonce, packet, person.iss, person.sub, decision, draft.issued, draft.expires, audience, answer_by),
        )
        return Issued(nonce, challenge_of(nonce, request.payload.sha256), int(answer_by))

    def challenge_of(self, nonce: str) -> str:
        """The text that answers to a challenge must carry. Raises Refusal."""
        asked = self.desk.book.one("SELECT packet FROM challenges WHERE nonce=?", nonce)
        row = self.desk.book.packet(asked["packet"]) if asked is not None else None
        if row is None:
            raise Refusal(errors.NONCE, "The challenge is unknown.")
        return challenge_of(nonce, request_of(row).payload.sha256)

    def answer(self, nonce: str, answer: proofs.Answer) -> dict[str, Any]:
        """Take an answer; how the packet stands after it. Raises Refusal, and then nothing was decided."""
        now = self.desk.clock()
        asked = self.desk.book.one("SELECT * FROM challenges WHERE nonce=?", nonce)
        if asked is None or asked["used"]:
            raise Refusal(errors.NONCE, "The challenge is unknown, or was answered.")
        if now > asked["answer_by"]:
            raise Refusal(errors.EXPIRED, "The challenge was not answered in time.")
        settings = self.desk.settings.current()
        person = settings.person_of(asked["iss"], asked["sub"])
        if person is None:
            raise Refusal(errors.APPROVER)
        row, request, voice = self._open(asked["packet"], person)
        given = Challenge(nonce, asked["issued"], asked["expires"], asked["audience"])
        approver = proofs.approver_of(person, commitment(self.desk.salt, person), answer)
        made = self._certificate(row, request, person, asked["decision"], given, approver)
        made = replace(made, bindings=(dict(answer.binding),))
        predicate = made.predicate()
        if not challenges.covers(predicate):
            raise Refusal(errors.NONCE, "What is asked for has changed since the challenge was issued.")
        proofs.check_answer(answer, predicate)
        if asked["decision"] == GRANT:
            resistant = request.action_class in settings.phishing_resistant
            proofs.check_strength(answer, approver, request.action_class, mfa=settings.mfa, resistant=resistant)
            self._check_grade(answer)
        if answer.accept is not None:
            answer.accept()
        return self._decide(row, request, voice, asked, made, predicate)

    def _open(self, packet: str, person: Person) -> tuple[sqlite3.Row, wire.Request, Voice]:
        row = self.desk.book.packet(packet)
        if row is None:
            raise Refusal(errors.UNKNOWN)
        row = self.desk.current(row)
        if row["state"] != WAITING:
            raise Refusal(errors.STATE)
        request, settings = request_of(row), self.desk.settings.current()
        known = settings.person_of(person.iss, person.sub)
        if known is None:
            raise Refusal(errors.APPROVER)
        decided = [(one["iss"], one["sub"], one["delegator"]) for one in self.desk.book.decisions(packet)]
        duties = duties_of(settings, request.agent_name)
        return row, request, voice_of(settings, known, request.role, duties, decided, self.desk.clock())

    def _certificate(
        self,
        row: sqlite3.Row,
        request: wire.Request,
        person: Person,
        decision: str,
        challenge: Challenge,
        approver: Approver,
    ) -> Certificate:
        said = approver.subject_commitment and approver
        return Certificate(
            id=row["id"],
            decision=decision,
            payload=request.digest,
            display_sha256=sha256(row["display"]).hexdigest(),
            action=request.action(),
            approver=said or replace(_UNSAID, issuer=person.iss, subject_commitment=commitment(self.desk.salt, person)),
            challenge=challenge,
            requester_commitment=duties_of(self.desk.settings.current(), request.agent_name).requester_commitment(
                self.desk.salt
            ),
            policy_sha256=request.policy_sha256,
            bindings=(),
            quorum=Quorum(request.need, max(request.need, 1), request.role, row["id"] if request.need > 1 else ""),
            amount=(request.amount.value, request.amount.currency) if request.amount else None,
        )

    def _check_grade(self, answer: proofs.Answer) -> None:
        settings = self.desk.settings.current()
        if answer.binding["kind"] == SESSION and settings.grade != "operator":
            raise Refusal(errors.BINDING, "Nothing but the operator's word; this recorder takes what people sign.")
        if settings.demand_trusted_keys and answer.key is not None:
            known = {key.key_id: key for key in self.trusted()}
            found = known.get(answer.key.key_id)
            if found is None or found.role != "approver_idp" or found.compromised_from is not None:
                raise Refusal(errors.APPROVER, "The key is not in the trust file.")

    def _decide(
        self,
        row: sqlite3.Row,
        request: wire.Request,
        voice: Voice,
        asked: sqlite3.Row,
        made: Certificate,
        predicate: dict[str, Any],
    ) -> dict[str, Any]:
        desk, now, grant = self.desk, self.desk.clock(), asked["decision"] == GRANT
        signed = approval.sign_predicate(predicate, self.seal_key())
        desk.certificates.keep(signed)
        before = [one for one in desk.book.decisions(row["id"]) if one["decision"] == GRANT]
        have = len(before) + grant
        complete = have >= request.need
        state = (GRANTED if complete else WAITING) if grant else REFUSED
        limit = min([now + request.valid_s, made.challenge.expires, *(one["expires"] for one in before)])
        with desk.book.change() as run:
            self._move(run, row, asked["nonce"], state, limit)
            run.execute(
                "INSERT INTO decisions VALUES(?,?,?,?,?,?,?,?)",
                (
                    *(row["id"], voice.person.iss, voice.person.sub, asked["decision"], signed.digest, now),
                    *(float(made.challenge.expires), voice.delegator.name if voice.delegator else ""),
                ),
            )
            if state != WAITING:
                write_letters(run, row["id"], state, desk.settings.current(), request.role, now)
            more = {"have": have, **self._told(row, made, voice, grant=grant)}
            event = records.decided(row["id"], request, asked["decision"], signed.digest, predicate, **more)
            desk.record([event])
        return {"id": row["id"], "state": state, "cert_sha256": signed.digest, "have": have, "need": request.need}

    def _move(self, run: sqlite3.Connection, row: sqlite3.Row, nonce: str, state: str, limit: float) -> None:
        """The packet's new state; the challenge is used up. Raises Refusal when either was moved meanwhile."""
        now = self.desk.clock()
        used = run.execute("UPDATE challenges SET used=1 WHERE nonce=? AND used=0", (nonce,)).rowcount
        moved = run.execute(
            "UPDATE packets SET state=?, decided=?, expires=?, ended=? WHERE id=? AND state=?",
            (
                state,
                None if state == WAITING else now,
                limit if state == GRANTED else None,
                now if state == REFUSED else None,
                *(row["id"], WAITING),
            ),
        ).rowcount
        if used != 1 or moved != 1:
            raise Refusal(errors.STATE)

    def _told(self, row: sqlite3.Row, made: Certificate, voice: Voice, *, grant: bool) -> dict[str, Any]:
        """What the record says besides."""
        waited = max(0, int((self.desk.clock() - row["created"]) * 1000))
        told: dict[str, Any] = {"waited_ms": waited}
        if voice.delegator is not None:
            told["delegated_from_c"] = commitment(self.desk.salt, voice.delegator)
        if grant:
            return told | {"expires": timestamp(made.challenge.expires * 1_000_000)}
        return told | {"reason": REASON}
