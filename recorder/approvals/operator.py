"""What who runs the recorder may ask over its own socket: look, invite, pass on what a person signed elsewhere.

Rule: nothing here decides by itself. `challenge` gives the text that an authenticator or identity provider must sign,
`answer` takes what was signed; both are judged as if they came from the page. Only where settings say grade `operator`
does a code that was told to the person count, and then the certificate says so (`session`).
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from recorder import approval_binding
from recorder.approvals import errors, figures, proofs
from recorder.approvals.enrolled import enrolled_entries
from recorder.approvals.errors import Refusal, Unavailable
from recorder.approvals.notifying import DeliveryError
from recorder.approvals.office import Office, refused
from recorder.approvals.rounds import send_code
from recorder.approvals.settings import Person
from recorder.approvals.web import oidc, passkeys
from recorder.errors import RecorderError
from recorder.http import Response
from recorder.service import Order

CODE_TRIES = 5


@dataclass(slots=True)
class Operator:
    """url: of the page, "" without one."""

    office: Office
    url: Callable[[], str]

    def order(self) -> Order:
        """One POST whose body names what is wanted: {"op": ..., ...}."""
        works = {
            "list": self._list,
            "show": self._show,
            "status": self._status,
            "invite": self._invite,
            "revoke": self._revoke,
            "keys": self._keys,
            "challenge": self._challenge,
            "answer": self._answer,
        }

        async def obey(body: bytes) -> dict[str, object] | Response:
            wanted = json.loads(body)
            if not isinstance(wanted, dict) or wanted.get("op") not in works:
                raise ValueError("the body names no such operation")
            try:
                return await works[wanted["op"]](wanted)
            except Refusal as refusal:
                return refused(refusal)
            except (Unavailable, DeliveryError) as error:
                raise RecorderError("It cannot be done now.", f"{error}.", "Try again.") from None

        return obey

    async def _list(self, wanted: dict[str, Any]) -> dict[str, object]:
        limit = wanted.get("limit", 200)
        return {"approvals": await self.office.run(lambda: figures.listed(self.office.book, int(limit)))}

    async def _show(self, wanted: dict[str, Any]) -> dict[str, object]:
        def find() -> dict[str, object]:
            row = self.office.book.packet(str(wanted.get("id", "")))
            if row is None:
                raise Refusal(errors.UNKNOWN)
            found = figures.told(self.office.book, self.office.desk.current(row))
            return found | ({"url": f"{self.url()}/r/{row['id']}"} if self.url() else {})

        return await self.office.run(find)

    async def _status(self, _: dict[str, Any]) -> dict[str, object]:
        settings = self.office.settings.current()
        found = await self.office.run(
            lambda: figures.figures(self.office.book, self.office.desk.clock(), settings.escalate_at)
        )
        return {**found, "page": self.url(), "approvers": len(settings.approvers), "grade": settings.grade}

    async def _invite(self, wanted: dict[str, Any]) -> dict[str, object]:
        if not self.url():
            raise RecorderError("There is no approvals page.", "", "Set `page.listen` in approvals.json.")
        token, expires = await self.office.run(lambda: self.office.credentials.invite(str(wanted.get("person", ""))))
        return {"url": f"{self.url()}/enrol/{token}", "expires": expires}

    async def _revoke(self, wanted: dict[str, Any]) -> dict[str, object]:
        return {"revoked": await self.office.run(lambda: self.office.credentials.revoke(str(wanted.get("person", ""))))}

    async def _keys(self, _: dict[str, Any]) -> dict[str, object]:
        """Entries for the trust file: of all authenticators, and of all archived keys of identity providers."""

        return {"keys": await self.office.run(lambda: enrolled_entries(self.office.layout))}

    async def _challenge(self, wanted: dict[str, Any]) -> dict[str, object]:
        """What a person must sign, with whatever can sign it; or a code that is sent to him."""
        settings = self.office.settings.current()
        person = _person(self.office, wanted)
        by, packet, decision = wanted.get("by", "webauthn"), str(wanted.get("id", "")), str(wanted.get("decision", ""))
        provider = settings.provider(str(wanted.get("provider", ""))) if by == "oidc" else None
        if by == "oidc" and (provider is None or provider.issuer != person.iss):
            raise Refusal(errors.APPROVER, "That is not this person's identity provider.")
        if by == "code" and settings.grade != "operator":
            raise Refusal(errors.BINDING, "This recorder takes only what people sign (grade bec).")
        audience = provider.client_id if provider is not None else self.office.audience
        issued = await self.office.run(lambda: self.office.deciding.challenge(packet, person, decision, audience))
        found: dict[str, object] = {"nonce": issued.nonce, "answer_by": issued.answer_by}
        if by == "code":
            await self._send_code(issued.nonce, packet, person)
            return found
        if by == "webauthn":
            known = await self.office.run(lambda: [row["id"] for row in self.office.credentials.of(person)])
            rp_id = await self.office.run(lambda: self._rp_id(person))
            found["options"] = passkeys.request_options(rp_id, issued.challenge, known)
        return found | {"challenge": issued.challenge, "audience": audience}

    def _rp_id(self, person: Person) -> str:
        rows = self.office.credentials.of(person)
        return str(rows[0]["rp_id"]) if rows else "localhost"

    async def _send_code(self, nonce: str, packet: str, person: Person) -> None:
        code = f"{secrets.randbelow(10**8):08d}"
        digest = sha256(self.office.desk.salt + nonce.encode() + code.encode()).digest()
        await self.office.run(
            lambda: self.office.book.connection.execute("UPDATE challenges SET code=? WHERE nonce=?", (digest, nonce))
        )
        await send_code(self.office, packet, person, code)

    async def _answer(self, wanted: dict[str, Any]) -> dict[str, object]:
        """What a person signed, or the code he was told."""
        person, nonce = _person(self.office, wanted), str(wanted.get("nonce", ""))
        await self.office.run(lambda: self._check_meant(person, nonce, wanted))
        if "code" in wanted:
            return await self.office.run(lambda: self._by_code(nonce, str(wanted["code"])))
        if "id_token" in wanted:
            return await self._by_token(person, nonce, wanted)
        credential, client_data, data, signature = passkeys.assertion_parts(wanted.get("assertion") or {})

        def decide() -> dict[str, object]:
            answer = self.office.credentials.answer(credential, person, client_data, data, signature)
            return self.office.deciding.answer(nonce, answer)

        return await self.office.run(decide)

    def _check_meant(self, person: Person, nonce: str, wanted: dict[str, Any]) -> None:
        """Raises Refusal where the challenge is not what whoever passes the answer on says: another request's, for the
        other decision, or another person's."""
        asked = self.office.book.one("SELECT * FROM challenges WHERE nonce=?", nonce)
        if asked is None:
            raise Refusal(errors.NONCE, "The challenge is unknown, or was answered.")
        if wanted.get("id", asked["packet"]) != asked["packet"]:
            raise Refusal(errors.NONCE, "The challenge is of another request.")
        if wanted.get("decision", asked["decision"]) != asked["decision"]:
            raise Refusal(errors.NONCE, "The challenge is for the other decision.")
        if (person.iss, person.sub) != (asked["iss"], asked["sub"]):
            raise Refusal(errors.APPROVER, "The challenge is another person's.")

    async def _by_token(self, person: Person, nonce: str, wanted: dict[str, Any]) -> dict[str, object]:
        settings = self.office.settings.current()
        provider = settings.provider(str(wanted.get("provider", "")))
        if provider is None or provider.issuer != person.iss:
            raise Refusal(errors.APPROVER, "That is not this person's identity provider.")
        challenge = await self.office.run(lambda: self.office.deciding.challenge_of(nonce))
        signed = await oidc.OpenIdClient(provider, "").check(str(wanted["id_token"]), challenge)
        oidc.check_domain(signed.claims, (person.domain,) if person.domain else provider.domains)
        oidc.check_fresh(signed.claims, provider, time.time())

        def decide() -> dict[str, object]:
            self.office.archive_keys(provider.issuer, signed.jwks)
            binding = approval_binding.oidc_binding(
                *(signed.key.key_id, signed.token, signed.jwks, self.office.desk.salt)
            )
            return self.office.deciding.answer(nonce, proofs.Answer(binding, signed.key, provider))

        return await self.office.run(decide)

    def _by_code(self, nonce: str, code: str) -> dict[str, object]:
        book = self.office.book
        tried = book.connection.execute(
            "UPDATE challenges SET tries=tries+1 WHERE nonce=? AND tries<? AND used=0", (nonce, CODE_TRIES)
        ).rowcount
        asked = book.one("SELECT code FROM challenges WHERE nonce=?", nonce)
        digest = sha256(self.office.desk.salt + nonce.encode() + code.encode()).digest()
        if tried != 1 or asked is None or not asked["code"] or not hmac.compare_digest(asked["code"], digest):
            raise Refusal(errors.NONCE, "The code is wrong, or was tried too often.")
        return self.office.deciding.answer(nonce, proofs.Answer(approval_binding.session_binding(), None))


def _person(office: Office, wanted: dict[str, Any]) -> Person:
    person = office.settings.current().person(str(wanted.get("person", "")))
    if person is None:
        raise Refusal(errors.APPROVER, "Settings name no such approver.")
    return person
