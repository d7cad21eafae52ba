"""The trust file: which keys may speak for one log, in which role, over which range of tree sizes.

A DSSE envelope over a DEF-JSON document, signed by the root keys it names (m of n). Validity is counted in tree size,
not in time: an index cannot be back-dated, a clock can. One key has one role; weak keys are refused. The file says
nothing about itself being the right one: its reader got it from someone he trusts, or it is signed by enough of the
root keys of the file before it (the one rule of TUF that is worth keeping).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from recorder import canonical, dsse, note, public_key

if TYPE_CHECKING:  # a verifier does not load what keeps private keys
    from recorder.keys import SigningKey

PAYLOAD_TYPE = "application/vnd.clyra.trust+json"
MAX_BYTES = 1 << 20
ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = {
    "root": public_key.SIGNING,
    "log": (public_key.ED25519,),
    "seal": public_key.SIGNING,
    "approver_idp": public_key.KNOWN,
    "witness": (public_key.ED25519,),
    "auditor": public_key.SIGNING,
}
"""Roles, and what a key of each may be."""

_HEX64 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SIZE = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 256}
_KEY: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["keyid", "alg", "pub", "role", "valid_from_size", "state"],
    "properties": {
        "keyid": _HEX64,
        "alg": {"type": "string", "maxLength": 64},
        "pub": {"type": "string", "pattern": "^([0-9a-f]{2})+$", "maxLength": 4096},
        "role": {"enum": list(ALGORITHMS)},
        "valid_from_size": _SIZE,
        "valid_until_size": _SIZE,
        "state": {"enum": ["active", "retired", "compromised"]},
        "compromised_from_size": _SIZE,
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "same_admin": {"type": "boolean"},
        "iss": _TEXT,
        "sub_c": _HEX64,
        "rp_id": _TEXT,
        "credential_sha256": _HEX64,
    },
}
_PROPERTIES: dict[str, Any] = {
    "v": {"const": "def-trust/0"},
    "version": {"type": "integer", "minimum": 1},
    "origin": {"type": "string", "minLength": 1, "maxLength": 200},
    "threshold": {"type": "integer", "minimum": 1, "maximum": 16},
    "expires_size": _SIZE,
    "keys": {"type": "array", "minItems": 1, "maxItems": 256, "items": _KEY},
    "witness": {
        "type": "object",
        "additionalProperties": False,
        "required": ["need"],
        "properties": {"need": {"type": "integer", "minimum": 0, "maximum": 16}},
    },
    "tsa": {
        "type": "array",
        "maxItems": 16,
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "certificate"],
            "properties": {"name": _TEXT, "certificate": {"type": "string", "maxLength": 32_768}},
        },
    },
}
_SCHEMA = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["v", "version", "origin", "threshold", "keys"],
        "properties": _PROPERTIES,
    }
)


class TrustError(ValueError):
    """A trust file cannot be used. `code` is an S1 code of the verifier."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """One key and what it may do. until / compromised_from: tree sizes, None when open.

    public: 32 bytes (ed25519), 65 (P-256 point) or SPKI DER (RSA). name, same_admin: of a witness. iss, sub_c, rp_id,
    credential_sha256: of an approver's identity provider or authenticator. delegated: until bounds a delegation.
    """

    key_id: str
    alg: str
    public: bytes
    role: str
    valid_from: int
    until: int | None = None
    compromised_from: int | None = None
    name: str = ""
    same_admin: bool = False
    iss: str = ""
    sub_c: str = ""
    rp_id: str = ""
    credential_sha256: str = ""
    delegated: bool = False

    def refusal_at(self, size: int, *, lower: bool = True) -> str:
        """The code for using this key at a tree size, or "" when it may be used. lower: whether it may be too new."""
        if self.compromised_from is not None and size >= self.compromised_from:
            return "E_KEY_COMPROMISED"
        if self.until is not None and size > self.until:
            return "E_DELEGATION_RANGE" if self.delegated else "E_KEY_NOT_VALID_AT_SIZE"
        return "E_KEY_NOT_VALID_AT_SIZE" if lower and size < self.valid_from else ""

    def verifies(self, signature: bytes, message: bytes) -> bool:
        return public_key.verifies(self.alg, self.public, signature, message)


@dataclass(frozen=True, slots=True)
class Root:
    """A root key as the next trust file, or the memory file, needs it."""

    key_id: str
    alg: str
    public: bytes

    def verifies(self, signature: bytes, message: bytes) -> bool:
        return public_key.verifies(self.alg, self.public, signature, message)


@dataclass(frozen=True, slots=True)
class Authority:
    """What the trust file after this one must be signed by, and may not go back behind."""

    origin: str
    version: int
    threshold: int
    roots: tuple[Root, ...]


@dataclass(frozen=True, slots=True)
class Trust:
    """A checked trust file. witness_need: 0 when the file asks for no witness. tsa: DER certificates in base64."""

    origin: str
    version: int
    keys: tuple[TrustedKey, ...]
    threshold: int
    expires_size: int | None
    witness_need: int
    tsa: tuple[str, ...]
    envelope: dsse.Envelope

    def of_role(self, role: str) -> Iterator[TrustedKey]:
        return (key for key in self.keys if key.role == role)

    @property
    def authority(self) -> Authority:
        roots = tuple(Root(key.key_id, key.alg, key.public) for key in self.of_role("root"))
        return Authority(self.origin, self.version, self.threshold, roots)


def make(origin: str, log_key: SigningKey, seal_key: SigningKey, roots: Sequence[SigningKey]) -> bytes:
    """The first trust file of a log, signed by all `roots`, threshold = their number."""
    listed = [("log", log_key), ("seal", seal_key), *(("root", root) for root in roots)]
    document = {
        "v": "def-trust/0",
        "version": 1,
        "origin": origin,
        "threshold": len(roots),
        "keys": [
            {
                "keyid": key.key_id,
                "alg": getattr(key, "algorithm", public_key.ED25519),
                "pub": key.public.hex(),
                "role": role,
                "valid_from_size": 0,
                "state": "active",
            }
            for role, key in listed
        ],
    }
    return dsse.sign(canonical.encode(document, MAX_BYTES), PAYLOAD_TYPE, roots)


def load(raw: bytes) -> Trust:
    """Read and check a trust file. Raises TrustError."""
    try:
        envelope = dsse.parse(raw, PAYLOAD_TYPE)
        document = canonical.check(envelope.payload, MAX_BYTES)
    except (dsse.DsseError, canonical.CanonicalError) as error:
        raise TrustError("E_TRUST_SIG", f"not a trust file: {error.detail}") from None
    if not _SCHEMA.is_valid(document):
        raise TrustError("E_TRUST_SIG", "the trust document does not satisfy its schema")
    keys = tuple(_key(item) for item in document["keys"])
    if len({key.public for key in keys}) != len(keys):
        raise TrustError("E_KEY_DUP", "one public key is listed twice; one key has one role")
    roots = {key.key_id: key for key in keys if key.role == "root"}
    signers = envelope.signers(roots)
    if signers != envelope.claims(roots):
        raise TrustError("E_TRUST_SIG", "a root key's signature on the trust file is wrong")
    if len(set(signers)) < document["threshold"]:
        raise TrustError("E_TRUST_THRESHOLD", f"{len(set(signers))} root signatures, {document['threshold']} needed")
    return Trust(
        document["origin"],
        document["version"],
        keys,
        document["threshold"],
        document.get("expires_size"),
        document.get("witness", {}).get("need", 0),
        tuple(item["certificate"] for item in document.get("tsa", ())),
        envelope,
    )


def check_succession(trust: Trust, before: Authority) -> None:
    """A trust file that follows another: never older, and signed by enough of the old roots. Raises TrustError."""
    if trust.origin != before.origin:
        raise TrustError("E_TRUST_SIG", "the trust file before it is of another log")
    if trust.version < before.version:
        raise TrustError("E_TRUST_SIG", f"version {trust.version} is older than version {before.version}, seen before")
    signers = trust.envelope.signers({root.key_id: root for root in before.roots})
    if len(set(signers)) < before.threshold:
        raise TrustError("E_TRUST_THRESHOLD", f"{len(set(signers))} of the roots before it, {before.threshold} needed")


def _key(item: dict[str, Any]) -> TrustedKey:
    role, alg, public = item["role"], item["alg"], bytes.fromhex(item["pub"])
    if alg not in ALGORITHMS[role]:
        raise TrustError("E_KEY_ALG", f"a {role} key cannot be of algorithm {alg[:64]}")
    if public_key.is_weak(alg, public):
        raise TrustError("E_KEY_WEAK", "a public key is weak or not canonical")
    if public_key.key_id(alg, public) != item["keyid"]:
        raise TrustError("E_TRUST_SIG", "a key id is not the digest of its key")
    name = item.get("name", "")
    if role == "witness" and not note.is_key_name(name):
        raise TrustError("E_TRUST_SIG", "a witness needs the name of its note key")
    return TrustedKey(
        key_id=item["keyid"],
        alg=alg,
        public=public,
        role=role,
        valid_from=item["valid_from_size"],
        until=item.get("valid_until_size"),
        compromised_from=item.get("compromised_from_size", 0 if item["state"] == "compromised" else None),
        name=name,
        same_admin=item.get("same_admin", False),
        iss=item.get("iss", ""),
        sub_c=item.get("sub_c", ""),
        rp_id=item.get("rp_id", ""),
        credential_sha256=item.get("credential_sha256", ""),
    )
