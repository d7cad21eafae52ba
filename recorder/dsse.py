"""DSSE envelopes: exact payload bytes, their type, and signatures over both (secure-systems-lab/dsse v1.0.2).

Reading is strict: the envelope is compact JSON with sorted keys, canonical base64, and each signature names the key
that made it, so that no byte of the file can change unnoticed. Which key is trusted is decided by the caller.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from recorder import strict_json

if TYPE_CHECKING:  # a verifier does not load what keeps private keys
    from recorder.keys import SigningKey

MAX_BYTES = 16 << 20
MAX_SIGNATURES = 16


class DsseError(ValueError):
    """An envelope is malformed or of another type. `code` is an S2 code of the verifier."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Verifier(Protocol):
    """A public key that is trusted for something."""

    def verifies(self, signature: bytes, message: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed envelope. signatures: (key id, signature) in file order."""

    payload: bytes
    payload_type: str
    signatures: tuple[tuple[str, bytes], ...]

    def signers(self, keys: Mapping[str, Verifier]) -> list[str]:
        """Key ids of `keys` with a valid signature here, in file order. Bad ones are left out."""
        message = pae(self.payload_type, self.payload)
        return [name for name, signature in self.signatures if name in keys and keys[name].verifies(signature, message)]

    def claims(self, keys: Mapping[str, Verifier]) -> list[str]:
        """Key ids of `keys` that a signature here names, whether it is valid or not."""
        return [name for name, _ in self.signatures if name in keys]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: what is really signed."""
    name = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def sign(payload: bytes, payload_type: str, signers: Sequence[SigningKey]) -> bytes:
    """An envelope over `payload`, signed by every signer."""
    message = pae(payload_type, payload)
    signatures = [{"keyid": key.key_id, "sig": base64.b64encode(key.sign(message)).decode()} for key in signers]
    document = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": signatures,
    }
    return strict_json.write(document) + b"\n"


def parse(raw: bytes, payload_type: str) -> Envelope:
    """Read an envelope of one type. Raises DsseError. Verifies nothing."""
    if len(raw) > MAX_BYTES:
        raise DsseError("E_DSSE_FORMAT", "the envelope is too long")
    if not raw.endswith(b"\n"):
        raise DsseError("E_DSSE_FORMAT", "no newline at the end")
    try:
        document = strict_json.read(raw[:-1])
    except strict_json.StrictJsonError as error:
        raise DsseError("E_DSSE_FORMAT", error.detail) from None
    return from_document(document, payload_type)


def from_document(document: Any, payload_type: str) -> Envelope:
    """Read an envelope out of a compact JSON value. Raises DsseError."""
    if not isinstance(document, dict) or set(document) != {"payload", "payloadType", "signatures"}:
        raise DsseError("E_DSSE_FORMAT", "not a DSSE envelope")
    if document["payloadType"] != payload_type:
        raise DsseError("E_DSSE_TYPE", f"the payload type is not {payload_type}")
    listed = document["signatures"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_SIGNATURES:
        raise DsseError("E_DSSE_FORMAT", "1 to 16 signatures expected")
    return Envelope(_decode(document["payload"]), payload_type, tuple(_signature(item) for item in listed))


def _signature(item: Any) -> tuple[str, bytes]:
    if not isinstance(item, dict) or set(item) != {"keyid", "sig"} or not isinstance(item["keyid"], str):
        raise DsseError("E_DSSE_FORMAT", "a signature has keyid and sig")
    return item["keyid"], _decode(item["sig"])


def _decode(text: Any) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise DsseError("E_DSSE_FORMAT", "bad base64") from None
    if base64.b64encode(raw).decode() != text:
        raise DsseError("E_DSSE_FORMAT", "base64 is not canonical")
    return raw
