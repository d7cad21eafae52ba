"""The approval certificate: one person's yes or no to exactly one payload, signed by the recorder's seal key.

An in-toto Statement v1 (DSSE) over two subjects, the payload's digest and the action's, whose predicate says who
decided, how that person proved it, for which action, under which policy, until when, and that it may be used once. What
makes it more than the operator's word is `binding`: an assertion by the person's own authenticator or identity provider
over a challenge that contains the payload's digest. A certificate is named by SHA-256 of its payload. References:
in-toto Statement v1, DSSE, RFC 9562 (UUIDv7), W3C WebAuthn Level 3, OpenID Connect Core 1.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any, Final

import jsonschema_rs
import orjson

from recorder import NAMESPACE, canonical, dsse, statement, strict_json
from recorder.approval_terms import DENY as DENY
from recorder.approval_terms import GRANT as GRANT
from recorder.approval_terms import Action as Action
from recorder.approval_terms import Approver as Approver
from recorder.approval_terms import Certificate as Certificate
from recorder.approval_terms import Challenge as Challenge
from recorder.approval_terms import Quorum as Quorum
from recorder.approval_terms import new_id as new_id
from recorder.keys import SigningKey

PREDICATE_TYPE: Final = f"{NAMESPACE}/pef/approval/v0"
FOLDER: Final = "approvals/"
SUFFIX: Final = ".dsse.json"
MAX_BYTES: Final = 1 << 20


class ApprovalError(ValueError):
    """A certificate is not of the one form there is. `detail` says why, without any value of it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate in its envelope. digest: hex SHA-256 of the payload, the certificate's name everywhere."""

    digest: str
    envelope: bytes

    @property
    def member(self) -> str:
        """Its name in a bundle."""
        return member_name(self.digest)


def member_name(digest: str) -> str:
    """Where a bundle keeps the certificate with this digest."""
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
