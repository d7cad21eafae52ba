"""Authenticators that are enrolled, and the one-time links by which they are.

Rule. A link is made by who runs the recorder, for one person that settings name, is good once and for a short time;
only its digest is kept. A credential belongs to one person for good; it is revoked, never changed. That a key is
enrolled here says nothing to a verifier: for that its entry goes into the trust file (`enrolled`).
"""

from __future__ import annotations

import hmac
import secrets
import sqlite3
from dataclasses import dataclass
from hashlib import sha256

from recorder import approval_binding, trust
from recorder.approvals import errors
from recorder.approvals.desk import Desk
from recorder.approvals.errors import Refusal
from recorder.approvals.people import commitment
from recorder.approvals.proofs import Answer, trusted_key
from recorder.approvals.settings import Person

LINK_S = 900.0


@dataclass(slots=True)
class Credentials:
    """Used by the office's one thread."""

    desk: Desk

    def invite(self, name: str) -> tuple[str, int]:
        """A one-time token for a person, and until when it is good. Raises Refusal for nobody settings name."""
        person = self.desk.settings.current().person(name)
        if person is None or person.disabled:
            raise Refusal(errors.APPROVER, "Settings name no such approver.")
        token, expires = secrets.token_urlsafe(32), self.desk.clock() + LINK_S
        self.desk.book.connection.execute(
            "INSERT INTO enrolments(token_sha256,person,expires) VALUES(?,?,?)", (_digest(token), name, expires)
        )
        return token, int(expires)

    def invited(self, token: str) -> Person:
        """Whom a link is for. Raises Refusal when it is not good."""
        person = self.desk.settings.current().person(self._invitation(token)["person"])
        if person is None or person.disabled:
            raise Refusal(errors.APPROVER)
        return person

    def begin(self, token: str) -> tuple[Person, bytes, bytes, list[str]]:
        """(person, user handle, challenge, ids of his credentials) of a registration."""
        person, challenge = self.invited(token), secrets.token_bytes(32)
        self.desk.book.connection.execute(
            "UPDATE enrolments SET challenge=? WHERE token_sha256=?", (challenge, _digest(token))
        )
        return person, self.handle(person), challenge, [row["id"] for row in self.of(person)]

    def expected(self, token: str) -> bytes:
        """The challenge of the registration that was begun. Raises Refusal."""
        challenge: bytes = self._invitation(token)["challenge"]
        if not challenge:
            raise Refusal(errors.NONCE, "The registration was not begun.")
        return challenge

    def enrol(self, token: str, credential: str, algorithm: str, public: bytes, rp_id: str, signs: int) -> Person:
        """Keep a credential; the link is used up. Raises Refusal."""
        person = self.invited(token)
        with self.desk.book.change() as run:
            used = run.execute(
                "UPDATE enrolments SET used=1 WHERE token_sha256=? AND used=0", (_digest(token),)
            ).rowcount
            known = run.execute("SELECT 1 FROM credentials WHERE id=? OR public=?", (credential, public)).fetchone()
            if used != 1 or known is not None:
                raise Refusal(errors.STATE, "The link was used, or the authenticator is enrolled already.")
            run.execute(
                "INSERT INTO credentials(id,iss,sub,alg,public,rp_id,signs,created) VALUES(?,?,?,?,?,?,?,?)",
                (credential, person.iss, person.sub, algorithm, public, rp_id, signs, self.desk.clock()),
            )
        return person

    def of(self, person: Person) -> list[sqlite3.Row]:
        """His credentials in force."""
        return self.desk.book.every(
            "SELECT * FROM credentials WHERE iss=? AND sub=? AND revoked IS NULL ORDER BY created",
            *(person.iss, person.sub),
        )

    def key(self, credential: str, person: Person) -> trust.TrustedKey:
        """The key of a credential of this person. Raises Refusal."""
        row = self.desk.book.one("SELECT * FROM credentials WHERE id=? AND revoked IS NULL", credential)
        if row is None or (row["iss"], row["sub"]) != (person.iss, person.sub):
            raise Refusal(errors.APPROVER, "No such authenticator of this person.")
        sub_c = commitment(self.desk.salt, person)
        return trusted_key(row["alg"], row["public"], iss=person.iss, sub_c=sub_c, rp_id=row["rp_id"])

    def answer(self, credential: str, person: Person, client_data: bytes, data: bytes, signature: bytes) -> Answer:
        """An assertion as the answer to a challenge; its counter counts once the signature holds. Raises Refusal."""
        key = self.key(credential, person)
        binding = approval_binding.webauthn_binding(key.key_id, client_data, data, signature)
        counter = approval_binding.signature_count(data)
        return Answer(binding, key, accept=lambda: self.count(credential, counter))

    def count(self, credential: str, counter: int) -> None:
        """Take note of the signature counter. Raises Refusal when it went back: there is a copy."""
        moved = self.desk.book.connection.execute(
            "UPDATE credentials SET signs=? WHERE id=? AND (signs < ? OR (signs=0 AND ?=0))",
            (counter, credential, counter, counter),
        ).rowcount
        if moved != 1:
            raise Refusal(errors.BINDING, "The authenticator's counter went back: there may be a copy of it.")

    def revoke(self, name: str) -> int:
        """Let none of a person's authenticators count any more; how many there were. Raises Refusal."""
        person = self.desk.settings.current().person(name)
        if person is None:
            raise Refusal(errors.APPROVER, "Settings name no such approver.")
        done = self.desk.book.connection.execute(
            "UPDATE credentials SET revoked=? WHERE iss=? AND sub=? AND revoked IS NULL",
            (self.desk.clock(), person.iss, person.sub),
        )
        return int(done.rowcount)

    def handle(self, person: Person) -> bytes:
        """WebAuthn's user handle: random to everybody else, the same for one person."""
        return hmac.digest(self.desk.salt, f"handle\0{person.iss}\0{person.sub}".encode(), "sha256")

    def _invitation(self, token: str) -> sqlite3.Row:
        row = self.desk.book.one("SELECT * FROM enrolments WHERE token_sha256=?", _digest(token))
        if row is None or row["used"]:
            raise Refusal(errors.UNKNOWN, "The link is not good, or was used.")
        if self.desk.clock() > row["expires"]:
            raise Refusal(errors.EXPIRED, "The link is too old.")
        return row


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
