"""The trust file: which keys may speak for one log, in which role, over which range of tree sizes.

A DSSE envelope over a DEF-JSON document, signed by the root keys it names (m of n). Validity is counted in tree size,
not in time: an index cannot be back-dated, a clock can. One key has one role; weak keys are refused. The file says
nothing about itself being the right one: its reader got it from someone he trusts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from recorder import canonical, dsse, ed25519
from recorder.keys import SigningKey

PAYLOAD_TYPE = "application/vnd.clyra.trust+json"
MAX_BYTES = 1 << 20
_HEX64 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SIZE = {"type": "integer", "minimum": 0}
_SCHEMA = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["v", "version", "origin", "threshold", "keys"],
        "properties": {
            "v": {"const": "def-trust/0"},
            "version": {"type": "integer", "minimum": 1},
            "origin": {"type": "string", "minLength": 1, "maxLength": 200},
            "threshold": {"type": "integer", "minimum": 1, "maximum": 16},
            "keys": {
                "type": "array",
                "minItems": 1,
                "maxItems": 256,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["keyid", "alg", "pub", "role", "valid_from_size", "state"],
                    "properties": {
                        "keyid": _HEX64,
                        "alg": {"type": "string", "maxLength": 64},
                        "pub": _HEX64,
                        "role": {"enum": ["root", "log", "seal", "approver_idp", "tsa", "witness", "auditor"]},
                        "valid_from_size": _SIZE,
                        "valid_until_size": _SIZE,
                        "state": {"enum": ["active", "retired", "compromised"]},
                        "compromised_from_size": _SIZE,
                    },
                },
            },
        },
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
    """One key of the file. until / compromised_from: tree sizes, None when open."""

    key_id: str
    public: bytes
    role: str
    valid_from: int
    until: int | None
    compromised_from: int | None

    def refusal_at(self, size: int) -> str:
        """The S3 code for using this key at a tree size, or "" when it may be used."""
        if self.compromised_from is not None and size >= self.compromised_from:
            return "E_KEY_COMPROMISED"
        outside = size < self.valid_from or (self.until is not None and size > self.until)
        return "E_KEY_NOT_VALID_AT_SIZE" if outside else ""


@dataclass(frozen=True, slots=True)
class Trust:
    """A checked trust file."""

    origin: str
    version: int
    keys: tuple[TrustedKey, ...]

    def of_role(self, role: str) -> Iterator[TrustedKey]:
        return (key for key in self.keys if key.role == role)


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
                "alg": "ed25519",
                "pub": key.public.hex(),
                "role": role,
                "valid_from_size": 0,
                "state": "active",
            }
            for role, key in listed
        ],
    }
    return dsse.sign(canonical.encode(document), PAYLOAD_TYPE, roots)


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
    roots = {key.key_id: key.public for key in keys if key.role == "root"}
    _check_signatures(envelope, roots, document["threshold"])
    return Trust(document["origin"], document["version"], keys)


def _check_signatures(envelope: dsse.Envelope, roots: Mapping[str, bytes], threshold: int) -> None:
    signers = envelope.signers(roots)
    if len(signers) != len(envelope.signatures):
        raise TrustError("E_TRUST_SIG", "a signature on the trust file is wrong, or not by one of its root keys")
    if len(set(signers)) != len(signers) or len(signers) < threshold:
        raise TrustError("E_TRUST_THRESHOLD", f"{len(set(signers))} root signatures, {threshold} needed")


def _key(item: dict[str, Any]) -> TrustedKey:
    if item["alg"] != "ed25519":
        raise TrustError("E_KEY_ALG", "this verifier knows ed25519 only")
    public = bytes.fromhex(item["pub"])
    if ed25519.is_weak(public):
        raise TrustError("E_KEY_WEAK", "a public key is weak or not canonical")
    if ed25519.key_id(public) != item["keyid"]:
        raise TrustError("E_TRUST_SIG", "a key id is not the digest of its key")
    compromised = item.get("compromised_from_size", 0 if item["state"] == "compromised" else None)
    return TrustedKey(
        item["keyid"], public, item["role"], item["valid_from_size"], item.get("valid_until_size"), compromised
    )
