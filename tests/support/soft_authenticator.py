"""An authenticator in software, enrolled over the page's own HTTP, that signs for people (W3C WebAuthn Level 3)."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import cbor2
import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from recorder.layout import Layout
from recorder.web_encoding import to_base64url
from tests.support.approving import desk


@dataclass
class SoftAuthenticator:
    """One passkey. origin: of the page."""

    name: str
    origin: str
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    signs: int = 0
    flags: int = 0x05

    @classmethod
    def enrolled(cls, layout: Layout, name: str) -> SoftAuthenticator:
        """A new one, registered by a one-time link."""
        url = desk(layout, "invite", person=name)["url"]
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        made = cls(name, origin)
        with httpx.Client(trust_env=False, headers={"origin": origin}) as http:
            assert http.get(url).status_code == 200
            options = http.post(f"{url}/options", json={}).raise_for_status().json()
            http.post(url, json=made.register(options)).raise_for_status()
        return made

    def register(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to `navigator.credentials.create`, attestation none."""
        numbers = self.private.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + cose
        data = sha256(options["rp"]["id"].encode()).digest() + bytes([self.flags | 0x40]) + bytes(4) + attested
        response = {
            "clientDataJSON": to_base64url(self._client_data("webauthn.create", options["challenge"])),
            "attestationObject": to_base64url(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return {"id": to_base64url(self.id), "rawId": to_base64url(self.id), "type": "public-key", "response": response}

    def assertion(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to `navigator.credentials.get`."""
        self.signs += 1
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = sha256(options["rpId"].encode()).digest() + bytes([self.flags]) + self.signs.to_bytes(4)
        signature = self.private.sign(data + sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": to_base64url(client_data),
            "authenticatorData": to_base64url(data),
            "signature": to_base64url(signature),
        }
        return {"id": to_base64url(self.id), "response": response}

    def decide(self, layout: Layout, packet: str, decision: str = "grant") -> dict[str, Any]:
        """Sign a decision handed over by who runs the recorder, out of band."""
        asked = desk(layout, "challenge", id=packet, person=self.name, decision=decision, by="webauthn")
        return desk(
            layout, "answer", person=self.name, nonce=asked["nonce"], assertion=self.assertion(asked["options"])
        )

    def _client_data(self, kind: str, challenge: str) -> bytes:
        data = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(data, separators=(",", ":")).encode()
