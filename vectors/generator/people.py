"""People who approve, and their certificates: passkeys as W3C WebAuthn has them, ID tokens as OpenID Connect has them.

Everything is the same on every run: keys come from labels, nonces and ids from their names.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from recorder import approval, dsse, public_key, statement
from recorder.approval import Action, Approver, Certificate, Challenge, Quorum, Signed
from recorder.approval_binding import challenge_of, oidc_binding, session_binding, subject_commitment, webauthn_binding
from recorder.approval_payload import PayloadDigest
from recorder.keys import SigningKey
from vectors.generator.bundle import compact
from vectors.generator.keys import RsaKey, key, p256, rsa_key
from vectors.generator.log import EPOCH_US, POLICY
from vectors.generator.trust_file import listed

RP_ID, SITE, ISSUER, AUDIENCE = "approve.example", "https://approve.example", "https://login.example", "clyra-approvals"
NOW = EPOCH_US // 1_000_000
SALT = bytes(range(32))
PAYLOAD = PayloadDigest(sha256(b'{"amount":"1200.00","to":"DE00"}').hexdigest(), "jcs")
ACTION = Action("update", "/v1/payments", tenant="acme")
PRESENT, VERIFIED = 0x01, 0x04


def commitment(subject: str) -> str:
    return subject_commitment(SALT, ISSUER, subject)


@dataclass(frozen=True)
class Passkey:
    """An authenticator of one person."""

    subject: str
    key: SigningKey

    def entry(self, **fields: Any) -> dict[str, Any]:
        """Its entry in a trust file; None takes a field out."""
        said = {"iss": ISSUER, "sub_c": commitment(self.subject), "rp_id": RP_ID, **fields}
        return listed(self.key, "approver_idp", **{name: value for name, value in said.items() if value is not None})

    def binding(
        self,
        made: Certificate,
        *,
        flags: int = PRESENT | VERIFIED,
        rp_id: str = RP_ID,
        extra: bytes = b"",
        client: bytes | Mapping[str, Any] | None = None,
        signs: Callable[[bytes], bytes] | None = None,
    ) -> dict[str, Any]:
        """An assertion. client: members to change (None takes one out), or the whole client data."""
        if isinstance(client, bytes):
            client_data = client
        else:
            challenge = challenge_of(made.challenge.nonce, made.payload.sha256)
            said = {"type": "webauthn.get", "challenge": challenge, "origin": SITE, "crossOrigin": False}
            said |= dict(client or {})
            client_data = json.dumps({name: value for name, value in said.items() if value is not None}).encode()
        data = sha256(rp_id.encode()).digest() + bytes([flags]) + (7).to_bytes(4) + extra
        signature = (signs or self.key.sign)(data + sha256(client_data).digest())
        return webauthn_binding(self.key.key_id, client_data, data, signature)


@dataclass(frozen=True)
class Provider:
    """An identity provider with one key."""

    key: SigningKey | RsaKey
    issuer: str = ISSUER

    @property
    def algorithm(self) -> str:
        return {public_key.RSA: "RS256", public_key.P256: "ES256", public_key.ED25519: "EdDSA"}[self.key.algorithm]

    def entry(self, **fields: Any) -> dict[str, Any]:
        said = {"iss": self.issuer, **fields}
        return listed(self.key, "approver_idp", **{name: value for name, value in said.items() if value is not None})

    def token(self, claims: bytes, header: Mapping[str, Any] | bytes | None = None) -> str:
        """A compact JWS."""
        raw = header if isinstance(header, bytes) else compact({"alg": self.algorithm, "typ": "JWT", **(header or {})})
        parts = [_url(raw), _url(claims)]
        signature = self.key.sign(".".join(parts).encode())
        if self.key.algorithm == public_key.P256:
            r, s = decode_dss_signature(signature)
            signature = r.to_bytes(32) + s.to_bytes(32)
        return ".".join([*parts, _url(signature)])

    def binding(
        self,
        made: Certificate,
        subject: str = "alice",
        *,
        header: Mapping[str, Any] | bytes | None = None,
        salt: bytes = SALT,
        change: Callable[[str], str] = lambda token: token,
        raw: Callable[[bytes], bytes] = lambda claims: claims,
        **claims: Any,
    ) -> dict[str, Any]:
        """A token bound to a certificate. claims: to change, None takes one out. raw, change: of their bytes, of it."""
        said = {
            "iss": self.issuer,
            "sub": subject,
            "aud": made.challenge.audience,
            "iat": made.challenge.issued + 5,
            "exp": made.challenge.issued + 305,
            "nonce": challenge_of(made.challenge.nonce, made.payload.sha256),
            "amr": list(made.approver.methods),
            **claims,
        }
        body = raw(compact({name: value for name, value in said.items() if value is not None}))
        return oidc_binding(self.key.key_id, change(self.token(body, header)), b'{"keys":[]}', salt)


ALICE, BOB = Passkey("alice", p256("alice")), Passkey("bob", key("bob"))
PROVIDERS = {"RS256": Provider(rsa_key("idp")), "ES256": Provider(p256("idp")), "EdDSA": Provider(key("idp"))}


def certificate(name: str = "one", subject: str = "alice", **changes: Any) -> Certificate:
    """A grant by the operator's word. name: gives id and nonce."""
    made = Certificate(
        id=identifier(name),
        decision="grant",
        payload=PAYLOAD,
        display_sha256=sha256(b"Pay 1200.00 EUR to DE00").hexdigest(),
        action=ACTION,
        approver=Approver(ISSUER, commitment(subject), True, False, ("pwd", "mfa"), "example.com"),
        challenge=Challenge(_url(sha256(name.encode()).digest()), NOW - 30, NOW + 600, AUDIENCE),
        requester_commitment=commitment("the agent's owner"),
        policy_sha256=POLICY,
        bindings=(session_binding(),),
    )
    return replace(made, **changes)


def by_passkey(
    name: str = "one", person: Passkey = ALICE, *, answer: Mapping[str, Any] | None = None, **changes: Any
) -> Certificate:
    """A grant bound to a passkey. answer: how the assertion differs."""
    made = certificate(name, person.subject, **changes)
    if "approver" not in changes:
        made = replace(made, approver=replace(made.approver, phishing_resistant=True))
    return replace(made, bindings=(person.binding(made, **(answer or {})),))


def by_token(
    name: str = "one", provider: Provider | None = None, *, answer: Mapping[str, Any] | None = None, **changes: Any
) -> Certificate:
    """A grant bound to an ID token. answer: how the token differs."""
    made = certificate(name, **changes)
    return replace(made, bindings=((provider or PROVIDERS["ES256"]).binding(made, **(answer or {})),))


def quorum(need: int, group: str = "g1") -> Quorum:
    return Quorum(need, 3, "treasury", group)


def signed(
    made: Certificate,
    *signers: SigningKey,
    edit: Callable[[dict[str, Any]], Any] | None = None,
    raw: bytes | None = None,
) -> Signed:
    """A certificate in its envelope. edit: changes the statement first. raw: another statement altogether."""
    body = approval.make_payload(made.predicate()) if raw is None else raw
    if edit is not None:
        document = json.loads(body)
        edit(document)
        body = compact(document)
    envelope = dsse.sign(body, statement.PAYLOAD_TYPE, list(signers) or [key("seal")])
    return Signed(sha256(body).hexdigest(), envelope)


def identifier(name: str) -> str:
    """A UUIDv7 that a name gives."""
    chance = int.from_bytes(sha256(name.encode()).digest()[:10])
    value = NOW * 1000 << 80 | 7 << 76 | (chance >> 62 & 0xFFF) << 64 | 2 << 62 | chance & (2**62 - 1)
    return str(uuid.UUID(int=value))


def _url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
