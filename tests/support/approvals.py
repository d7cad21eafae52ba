"""People who approve: authenticators that sign as W3C WebAuthn says, and an identity provider that issues ID tokens."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from recorder import canonical, dsse, public_key, trust
from recorder.approval import Action, Approver, Certificate, Challenge, Signed, new_id
from recorder.approval_binding import (
    challenge_of,
    oidc_binding,
    session_binding,
    subject_commitment,
    webauthn_binding,
)
from recorder.approval_payload import PayloadDigest, digest_payload
from recorder.keys import SigningKey

RP_ID = "approve.example"
ORIGIN = "https://approve.example"
ISSUER = "https://login.example"
AUDIENCE = "clyra-approvals"
POLICY = "c" * 64
PAYLOAD = b'{"to": "DE00", "amount": "1200.00"}'
ACTION = Action("http.request", "/v1/payments", tenant="acme")
USER_PRESENT, USER_VERIFIED = 0x01, 0x04
SALT = bytes(range(32))


def trusted(algorithm: str, public: bytes, **said: Any) -> trust.TrustedKey:
    """A key of role approver_idp, in force from the start."""
    key_id = public_key.key_id(algorithm, public)
    return trust.TrustedKey(key_id, algorithm, public, "approver_idp", 0, **said)


@dataclass
class Authenticator:
    """One registered passkey of one person."""

    subject: str
    private: ec.EllipticCurvePrivateKey | Ed25519PrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def key(self) -> trust.TrustedKey:
        sub_c = subject_commitment(SALT, ISSUER, self.subject)
        if isinstance(self.private, Ed25519PrivateKey):
            raw = self.private.public_key().public_bytes_raw()
            return trusted(public_key.ED25519, raw, iss=ISSUER, sub_c=sub_c, rp_id=RP_ID)
        point = self.private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return trusted(public_key.P256, point, iss=ISSUER, sub_c=sub_c, rp_id=RP_ID)

    def answer(
        self,
        challenge: str,
        *,
        flags: int = USER_PRESENT | USER_VERIFIED,
        rp_id: str = RP_ID,
        extra: bytes = b"",
        client: Mapping[str, Any] | None = None,
    ) -> tuple[bytes, bytes, bytes]:
        """(clientDataJSON, authenticatorData, signature) of `navigator.credentials.get`."""
        data = {"type": "webauthn.get", "challenge": challenge, "origin": ORIGIN, "crossOrigin": False}
        client_data = json.dumps({**data, **(client or {})}, separators=(",", ":")).encode()
        authenticator_data = sha256(rp_id.encode()).digest() + bytes([flags]) + (7).to_bytes(4) + extra
        message = authenticator_data + sha256(client_data).digest()
        if isinstance(self.private, Ed25519PrivateKey):
            return client_data, authenticator_data, self.private.sign(message)
        return client_data, authenticator_data, self.private.sign(message, ec.ECDSA(hashes.SHA256()))

    def binding(self, nonce: str, payload: PayloadDigest, **options: Any) -> dict[str, Any]:
        return webauthn_binding(self.key.key_id, *self.answer(challenge_of(nonce, payload.sha256), **options))


_JWK = {"RS256": RSAKey, "ES256": ECKey, "EdDSA": OKPKey}


@dataclass
class Provider:
    """An OpenID provider with one signing key."""

    algorithm: str = "RS256"
    issuer: str = ISSUER

    def __post_init__(self) -> None:
        make = {
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": Ed25519PrivateKey.generate,
        }
        self.private: Any = make[self.algorithm]()

    @property
    def key(self) -> trust.TrustedKey:
        public = self.private.public_key()
        if self.algorithm == "RS256":
            der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
            return trusted(public_key.RSA, der, iss=self.issuer)
        if self.algorithm == "ES256":
            point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
            return trusted(public_key.P256, point, iss=self.issuer)
        return trusted(public_key.ED25519, public.public_bytes_raw(), iss=self.issuer)

    def token(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        """An ID token, made by joserfc."""
        pem = self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        protected = {"alg": self.algorithm, "typ": "JWT", **(header or {})}
        known = ["RS256", "ES256", "EdDSA", "Ed25519"]
        return jws.serialize_compact(protected, json.dumps(dict(claims)), _JWK[self.algorithm].import_key(pem), known)

    def jwks(self) -> bytes:
        return json.dumps({"keys": [{"kid": self.key.key_id}]}).encode()

    def claims(self, subject: str, challenge: Challenge, payload: PayloadDigest, **other: Any) -> dict[str, Any]:
        return {
            "iss": self.issuer,
            "sub": subject,
            "aud": challenge.audience,
            "iat": challenge.issued + 5,
            "exp": challenge.issued + 305,
            "nonce": challenge_of(challenge.nonce, payload.sha256),
            "amr": ["pwd", "mfa"],
            **other,
        }

    def binding(self, subject: str, challenge: Challenge, payload: PayloadDigest, **other: Any) -> dict[str, Any]:
        token = self.token(self.claims(subject, challenge, payload, **other))
        return oidc_binding(self.key.key_id, token, self.jwks(), SALT)


def approver(subject: str, *, hardware: bool, mfa: bool = True, methods: tuple[str, ...] = ("pwd", "mfa")) -> Approver:
    commitment = subject_commitment(SALT, ISSUER, subject)
    return Approver(ISSUER, commitment, mfa, hardware, methods, domain="example.com")


def certificate(now: float, subject: str = "alice", payload: bytes = PAYLOAD, **changes: Any) -> Certificate:
    """A grant by the operator's word; `changes` replace its fields."""
    made = Certificate(
        id=new_id(now),
        decision="grant",
        payload=digest_payload(payload),
        display_sha256=sha256(b"Pay 1200.00 EUR to DE00").hexdigest(),
        action=ACTION,
        approver=approver(subject, hardware=False),
        challenge=Challenge(secrets.token_urlsafe(32), int(now) - 30, int(now) + 600, AUDIENCE),
        requester_commitment=subject_commitment(SALT, ISSUER, "the agent's owner"),
        policy_sha256=POLICY,
        bindings=(session_binding(),),
    )
    return replace(made, **changes)


def by_passkey(now: float, person: Authenticator, **changes: Any) -> Certificate:
    """A grant bound to a passkey."""
    made = certificate(now, person.subject, **{"approver": approver(person.subject, hardware=True), **changes})
    return replace(made, bindings=(person.binding(made.challenge.nonce, made.payload),))


def by_token(now: float, provider: Provider, subject: str = "alice", **changes: Any) -> Certificate:
    """A grant bound to an ID token."""
    made = certificate(now, subject, **changes)
    return replace(made, bindings=(provider.binding(subject, made.challenge, made.payload),))


def consume_event(signed: Signed, made: Certificate, *others: Signed, **data: Any) -> dict[str, Any]:
    """The event with which an approval is used up, as a proxy hands it in."""
    found: dict[str, Any] = {"payload_sha256": made.payload.sha256, **data}
    if others:
        found["certificates"] = [one.digest for one in (signed, *others)]
    act = {"op": made.action.op, "proto": "HTTP/1.1", "method": "POST", "target": made.action.target}
    if made.action.tool:
        act["tool"] = made.action.tool
    agent = {"uid": "agent-1", "auth": "proxy"}
    if made.action.tenant:
        agent["tenant"] = made.action.tenant
    verdict = {
        "decision": "allow",
        "reason": "approved",
        "policy_sha256": made.policy_sha256,
        "engine": "clyra/test",
        "mode": "enforce",
        "eval_us": 5,
    }
    return {
        "typ": "pef.approval.consume",
        "agent": agent,
        "act": act,
        "verdict": verdict,
        "appr": {"id": made.id, "cert_sha256": signed.digest, "state": "consumed"},
        "data": found,
    }


def trust_with(raw: bytes, keys: list[trust.TrustedKey], roots: list[SigningKey]) -> bytes:
    """The trust file `raw` with approver keys added, signed anew by its roots."""
    document = canonical.check(dsse.parse(raw, trust.PAYLOAD_TYPE).payload, trust.MAX_BYTES)
    for key in keys:
        entry = {"keyid": key.key_id, "alg": key.alg, "pub": key.public.hex(), "role": key.role}
        entry |= {"valid_from_size": 0, "state": "active"}
        entry |= {name: getattr(key, name) for name in ("iss", "sub_c", "rp_id") if getattr(key, name)}
        document["keys"].append(entry)
    document["version"] += 1
    return dsse.sign(canonical.encode(document, trust.MAX_BYTES), trust.PAYLOAD_TYPE, roots)
