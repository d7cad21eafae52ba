"""The approval certificate: one person's yes or no to exactly one payload, signed by the recorder's seal key.

An in-toto Statement v1 (DSSE) over two subjects, the payload's digest and the action's, whose predicate says who
decided, how that person proved it, for which action, under which policy, until when, and that it may be used once. What
makes it more than the operator's word is `binding`: an assertion by the person's own authenticator or identity provider
over a challenge that contains the payload's digest. A certificate is named by SHA-256 of its payload. References:
in-toto Statement v1, DSSE, RFC 9562 (UUIDv7), W3C WebAuthn Level 3, OpenID Connect Core 1.0.
"""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any, Final

import jsonschema_rs
import orjson

from recorder import NAMESPACE, canonical, dsse, statement, strict_json
from recorder.approval_payload import PayloadDigest
from recorder.keys import SigningKey

PREDICATE_TYPE: Final = f"{NAMESPACE}/pef/approval/v0"
FOLDER: Final = "approvals/"
SUFFIX: Final = ".dsse.json"
MAX_BYTES: Final = 1 << 20
GRANT, DENY = "grant", "deny"


class ApprovalError(ValueError):
    """A certificate is not of the one form there is. `detail` says why, without any value of it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Action:
    """What may be done. method and host bind only when given; tool and tenant must be as in the record."""

    op: str
    target: str
    tool: str = ""
    tenant: str = ""
    method: str = ""
    host: str = ""

    def document(self) -> dict[str, str]:
        names = ("op", "target", "tool", "tenant", "method", "host")
        every = {name: getattr(self, name) for name in names}
        return {name: value for name, value in every.items() if value or name in ("op", "target")}

    def digest(self) -> str:
        """Hex SHA-256 of the DEF-JSON form."""
        return sha256(canonical.encode(self.document())).hexdigest()


@dataclass(frozen=True, slots=True)
class Approver:
    """Who decided. subject_commitment: hex HMAC of the subject, never the subject. auth_time: seconds, 0 = unknown."""

    issuer: str
    subject_commitment: str
    multi_factor: bool
    phishing_resistant: bool
    methods: tuple[str, ...] = ()
    domain: str = ""
    auth_time: int = 0
    context: str = ""

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "iss": self.issuer,
            "sub_c": self.subject_commitment,
            "amr": list(self.methods),
            "mfa": self.multi_factor,
            "phishing_resistant": self.phishing_resistant,
        }
        optional = {"domain": self.domain, "auth_time": self.auth_time, "acr": self.context}
        return found | {name: value for name, value in optional.items() if value}


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the approver answered. issued, expires: seconds since the epoch. audience: who asked."""

    nonce: str
    issued: int
    expires: int
    audience: str

    @classmethod
    def new(cls, audience: str, lifetime_s: int, now: float | None = None) -> Challenge:
        """A fresh challenge with 256 bits of chance."""
        issued = int(time.time() if now is None else now)
        return cls(secrets.token_urlsafe(32), issued, issued + lifetime_s, audience)


@dataclass(frozen=True, slots=True)
class Quorum:
    """need of `of` persons of a role. group: common to the certificates that are used together, needed from two on."""

    need: int = 1
    of: int = 1
    role: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate's content. requester_commitment: of who asked, under the salt of the approver's commitment.

    display_sha256: digest of what the person was shown. amount: decimal text and ISO 4217 currency, when there is one.
    bindings: documents made by `approval_binding`.
    """

    id: str
    decision: str
    payload: PayloadDigest
    display_sha256: str
    action: Action
    approver: Approver
    challenge: Challenge
    requester_commitment: str
    policy_sha256: str
    bindings: tuple[dict[str, Any], ...]
    quorum: Quorum = field(default_factory=Quorum)
    amount: tuple[str, str] | None = None

    def predicate(self) -> dict[str, Any]:
        quorum: dict[str, Any] = {"need": self.quorum.need, "of": self.quorum.of, "role": self.quorum.role}
        if self.quorum.group:
            quorum["group"] = self.quorum.group
        challenge = self.challenge
        found: dict[str, Any] = {
            "id": self.id,
            "decision": self.decision,
            "payload": {
                "sha256": self.payload.sha256,
                "c14n": self.payload.c14n,
                "display_sha256": self.display_sha256,
            },
            "action": self.action.document(),
            "approver": self.approver.document(),
            "challenge": {
                "nonce": challenge.nonce,
                "iat": challenge.issued,
                "exp": challenge.expires,
                "aud": challenge.audience,
            },
            "one_time": True,
            "quorum": quorum,
            "sod": {
                "requester_c": self.requester_commitment,
                "distinct": self.requester_commitment != self.approver.subject_commitment,
            },
            "policy": {"sha256": self.policy_sha256},
            "binding": list(self.bindings),
        }
        if self.amount is not None:
            found["amount"] = {"value": self.amount[0], "currency": self.amount[1]}
        return found


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate in its envelope. digest: hex SHA-256 of the payload, the certificate's name everywhere."""

    digest: str
    envelope: bytes

    @property
    def member(self) -> str:
        """Its name in a bundle."""
        return member_name(self.digest)


def new_id(now: float | None = None) -> str:
    """A fresh certificate id: UUIDv7, so that ids sort by time (RFC 9562)."""
    millis = int((time.time() if now is None else now) * 1000) & (2**48 - 1)
    value = millis << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def member_name(digest: str) -> str:
    return f"{FOLDER}{digest}{SUFFIX}"


def make_payload(predicate: dict[str, Any]) -> bytes:
    """The exact statement bytes of a predicate. Raises ApprovalError when it breaks the schema."""
    try:
        subjects = (
            ("payload", predicate["payload"]["sha256"]),
            ("action", sha256(canonical.encode(predicate["action"])).hexdigest()),
        )
    except (KeyError, TypeError, canonical.CanonicalError):
        raise ApprovalError("the predicate has no payload or no action") from None
    document = {
        "_type": statement.STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in subjects],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    _demand(document)
    try:
        return strict_json.write(document)
    except strict_json.StrictJsonError as error:
        raise ApprovalError(error.detail) from None


def sign(certificate: Certificate, seal_key: SigningKey) -> Signed:
    """The certificate, signed by the seal key. Raises ApprovalError when a value breaks the schema."""
    return sign_predicate(certificate.predicate(), seal_key)


def sign_predicate(predicate: dict[str, Any], seal_key: SigningKey) -> Signed:
    """The same from a predicate as it came over the wire. Raises ApprovalError when it breaks the schema."""
    payload = make_payload(predicate)
    return Signed(sha256(payload).hexdigest(), dsse.sign(payload, statement.PAYLOAD_TYPE, [seal_key]))


@dataclass(frozen=True, slots=True)
class Parsed:
    """A well-formed certificate; nothing about it is verified yet."""

    digest: str
    envelope: dsse.Envelope
    predicate: dict[str, Any]
    payload_subject: str
    action_subject: str

    @property
    def id(self) -> str:
        found: str = self.predicate["id"]
        return found

    @property
    def group(self) -> str:
        found: str = self.predicate["quorum"].get("group", "")
        return found


def parse(raw: bytes) -> Parsed:
    """Read a certificate. Raises ApprovalError when it is not of the one form; verifies no signature."""
    if len(raw) > MAX_BYTES:
        raise ApprovalError("it is too long")
    try:
        envelope = dsse.parse(raw, statement.PAYLOAD_TYPE)
        document = strict_json.read(envelope.payload)
    except (dsse.DsseError, strict_json.StrictJsonError) as error:
        raise ApprovalError(f"not a DSSE envelope over compact JSON: {error.detail}") from None
    _demand(document)
    payload, action = (item["digest"]["sha256"] for item in document["subject"])
    return Parsed(sha256(envelope.payload).hexdigest(), envelope, document["predicate"], payload, action)


def _demand(document: Any) -> None:
    if not _schema().is_valid(document):
        raise ApprovalError("the statement does not satisfy its schema")
    if [item["name"] for item in document["subject"]] != ["payload", "action"]:
        raise ApprovalError("the subjects are not payload and action, in this order")


@cache
def _schema() -> jsonschema_rs.Draft202012Validator:
    raw = (resources.files("recorder") / "schemas" / "statements" / "pef.approval.json").read_bytes()
    return jsonschema_rs.Draft202012Validator(orjson.loads(raw))
