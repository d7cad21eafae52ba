"""What an approval certificate says, as typed values: who decided, about what, when, for which action, with whom else.

Values only: `document` and `predicate` give the JSON of the statement, and its closed schema is demanded where the
statement is made. People are named by commitments (HMAC under one salt for approver and requester), so that they can be
told apart and not read. References: in-toto Statement v1, RFC 9562 (UUIDv7), ISO 4217.
"""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from recorder import canonical
from recorder.approval_payload import PayloadDigest

GRANT: Final = "grant"
DENY: Final = "deny"


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


def new_id(now: float | None = None) -> str:
    """A fresh certificate id: UUIDv7, so that ids sort by time (RFC 9562)."""
    millis = int((time.time() if now is None else now) * 1000) & (2**48 - 1)
    value = millis << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))
