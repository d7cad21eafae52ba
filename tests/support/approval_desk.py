"""An approvals room without sockets: a real log, a real book, people with real keys, and calls to be approved."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from recorder import database, public_key
from recorder.approval_binding import webauthn_binding
from recorder.approval_payload import digest_payload
from recorder.approval_store import ApprovalStore
from recorder.approvals.book import Book
from recorder.approvals.deciding import Deciding, Issued
from recorder.approvals.desk import Desk
from recorder.approvals.people import commitment
from recorder.approvals.proofs import Answer, trusted_key
from recorder.approvals.settings import Person, SettingsFile
from recorder.keys.local import point_of
from recorder.store import Store

RP_ID = "localhost"
ORIGIN = "http://localhost:8443"
POLICY = "c" * 64
PAYLOAD = b'{"amount": "1200.00", "currency": "EUR", "to": "DE00"}'
VERDICT = {
    "decision": "require_approval",
    "reason": "approval_required",
    "rule": "approval.required",
    "policy_sha256": POLICY,
    "engine": "clyra/test",
    "mode": "enforce",
    "eval_us": 5,
}


def claims(body: bytes = PAYLOAD, /, **changes: Any) -> dict[str, Any]:
    """The digests of one call, as a proxy makes them."""
    digest = digest_payload(body)
    found: dict[str, Any] = {
        "payload": {"sha256": digest.sha256, "c14n": digest.c14n, "len": len(body)},
        "body_sha256": sha256(body).hexdigest(),
        "action_sha256": "a" * 64,
        "headers_sha256": "b" * 64,
        "act": {
            "op": "http.request",
            "proto": "HTTP/1.1",
            "method": "POST",
            "host": "https://bank.example:443",
            "target": "/v1/payments",
        },
        "agent": {"uid": "billing-bot", "auth": "proxy", "tenant": "acme"},
        "policy_sha256": POLICY,
        "audience": "clyra",
    }
    return found | changes


def packet(body: bytes = PAYLOAD, /, **changes: Any) -> dict[str, Any]:
    """A packet as a proxy hands it in."""
    names = ("payload", "body_sha256", "action_sha256", "headers_sha256", "act", "agent", "policy_sha256", "audience")
    found = claims(body, **{name: value for name, value in changes.items() if name in names})
    found |= {
        "exchange": "exchange-1",
        "action_class": "B",
        "rule": "payments",
        "need": 1,
        "role": "",
        "summary": [["action", "POST https://bank.example:443/v1/payments"], ["/amount", '"1200.00"']],
        "risks": [{"rule": "bec.suspected", "reason": "bec_suspected"}],
        "risks_total": 1,
        "decide_within_s": 600,
        "valid_s": 60,
        "wait": "deferred",
        "verdict": VERDICT,
    }
    return found | changes


def use(opened: Mapping[str, Any], /, **changes: Any) -> dict[str, Any]:
    """The use of a granted packet. opened: its state, with the token."""
    found = claims() | {"id": opened["id"], "token": opened["token"], "exchange": "exchange-1"}
    return found | {"attempt": secrets.token_hex(16)} | changes


@dataclass
class Passkey:
    """One person's authenticator."""

    person: Person
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    signs: int = 0

    def binding(self, challenge: str, *, flags: int = 0x05, origin: str = ORIGIN) -> dict[str, Any]:
        self.signs += 1
        data = {"type": "webauthn.get", "challenge": challenge, "origin": origin, "crossOrigin": False}
        client_data = json.dumps(data, separators=(",", ":")).encode()
        authenticator_data = sha256(RP_ID.encode()).digest() + bytes([flags]) + self.signs.to_bytes(4)
        signature = self.private.sign(authenticator_data + sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        return webauthn_binding(self.key_id, client_data, authenticator_data, signature)

    @property
    def public(self) -> bytes:
        return point_of(self.private.public_key())

    @property
    def key_id(self) -> str:
        return public_key.key_id(public_key.P256, self.public)


PEOPLE = (
    {"name": "ann", "sub": "ann-1", "roles": ["finance"]},
    {"name": "bob", "sub": "bob-1", "roles": ["finance"]},
    {"name": "carol", "sub": "carol-1", "roles": ["security"]},
)


class ApprovalRoom:
    """now: what its clock says."""

    def __init__(self, store: Store, **settings: Any) -> None:
        self.store = store
        self.layout = store.layout
        self.now = time.time()
        self.fail_records = False
        self.write({"approvers": list(PEOPLE), **settings})
        self.passkeys: dict[str, Passkey] = {}
        self.begin()

    def begin(self) -> None:
        """As after a start."""
        self.book = Book(self.layout.approval_book)
        self.settings = SettingsFile(self.layout.approval_settings)
        self.desk = Desk(
            self.book, self.settings, ApprovalStore(self.layout.approvals), self._record, clock=lambda: self.now
        )
        self.deciding = Deciding(self.desk, lambda: self.layout.keys.signing_key("seal"), list)

    def write(self, settings: Mapping[str, Any]) -> None:
        path: Path = self.layout.approval_settings
        path.write_text(json.dumps(settings))

    def restart(self) -> None:
        self.book.close()
        self.begin()

    def open(self, **changes: Any) -> dict[str, Any]:
        return self.desk.open(json.dumps(packet(**changes)).encode())

    def state(self, packet_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.desk.states(json.dumps({"ids": [packet_id]}).encode())["states"][packet_id]
        return found

    def consume(self, opened: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        return self.desk.consume(json.dumps(use(opened, **changes)).encode())

    def person(self, name: str) -> Person:
        found = self.settings.current().person(name)
        assert found is not None
        return found

    def ask(self, packet_id: str, name: str, decision: str = "grant") -> Issued:
        return self.deciding.challenge(packet_id, self.person(name), decision, "clyra-approvals")

    def passkey_answer(self, name: str, challenge: str, **options: Any) -> Answer:
        person = self.person(name)
        passkey = self.passkeys.setdefault(name, Passkey(person))
        sub_c = commitment(self.desk.salt, person)
        key = trusted_key(public_key.P256, passkey.public, iss=person.iss, sub_c=sub_c, rp_id=RP_ID)
        return Answer(passkey.binding(challenge, **options), key)

    def decide(self, packet_id: str, name: str, decision: str = "grant", **options: Any) -> dict[str, Any]:
        issued = self.ask(packet_id, name, decision)
        return self.deciding.answer(issued.nonce, self.passkey_answer(name, issued.challenge, **options))

    def granted(self, *names: str, **changes: Any) -> dict[str, Any]:
        """A packet that these people granted; its state, with the token."""
        opened = self.open(**changes)
        for name in names or ("ann",):
            self.decide(opened["id"], name)
        return self.state(opened["id"])

    def records(self, typ: str = "pef.approval") -> list[dict[str, Any]]:
        connection = database.open_for_reading(self.layout.database)
        try:
            lines = [row[0] for row in connection.execute("SELECT line FROM records ORDER BY seq")]
        finally:
            connection.close()
        every = [json.loads(line) for line in lines]
        return [record for record in every if record["typ"].startswith(typ)]

    def _record(self, events: list[dict[str, Any]]) -> None:
        if self.fail_records:
            raise OSError("the disk is full")
        self.store.record_events(events)
