"""C2SP cosignature/v1: a witness's word that it saw one checkpoint, at one time, and nothing that contradicts it.

A cosignature is a note signature line of key type 0x04 whose value is a big-endian 64-bit POSIX time and an Ed25519
signature over `cosignature/v1 LF time <decimal> LF` and the checkpoint's text. Lines of unknown keys prove nothing and
are passed over. Keys travel as verifier keys (vkeys): `name+hex key id+base64(type || public key)`. References:
c2sp.org/tlog-cosignature, c2sp.org/signed-note.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from recorder import ed25519, note

LOG_TYPE = note.ED25519
WITNESS_TYPE = 0x04
MAX_TIME = 2**63 - 1
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")


class VkeyError(ValueError):
    """A verifier key text is malformed, of another type, or weak."""


@dataclass(frozen=True, slots=True)
class Vkey:
    """A verifier key. name: key name (for a log, its origin). public: 32 raw bytes. kind: LOG_TYPE or WITNESS_TYPE."""

    name: str
    public: bytes
    kind: int

    @property
    def key_id(self) -> bytes:
        return key_id(self.name, self.public, self.kind)

    def __str__(self) -> str:
        blob = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{blob}"


def parse_vkey(text: str, kind: int) -> Vkey:
    """Read a vkey of one type strictly. Raises VkeyError."""
    parts = text.split("+", 2)
    if len(parts) != 3 or _NAME.fullmatch(parts[0]) is None:
        raise VkeyError("a verifier key is name+key id+base64")
    try:
        raw = base64.b64decode(parts[2], validate=True)
    except (binascii.Error, ValueError):
        raise VkeyError("the key material is not base64") from None
    if len(raw) != 33 or raw[0] != kind or base64.b64encode(raw).decode() != parts[2]:
        raise VkeyError(f"not a 32-byte Ed25519 key of type {kind:#04x}")
    found = Vkey(parts[0], raw[1:], kind)
    if found.key_id.hex() != parts[1]:
        raise VkeyError("the key id is not the digest of name and key")
    if ed25519.is_weak(found.public):
        raise VkeyError("the public key is weak or not canonical")
    return found


def key_id(name: str, public: bytes, kind: int = WITNESS_TYPE) -> bytes:
    """The four-byte key id."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def signed_message(text: bytes, at: int) -> bytes:
    """What a witness signs. text: the checkpoint's note body with its final newline. at: POSIX seconds."""
    return b"cosignature/v1\ntime %d\n" % at + text


def cosign(text: bytes, name: str, signer: note.Signer, at: int) -> bytes:
    """One signature line, with its newline."""
    value = struct.pack(">Q", at) + signer.sign(signed_message(text, at))
    blob = base64.b64encode(key_id(name, signer.public) + value).decode()
    return f"— {name} {blob}\n".encode()


def time_of(line: note.Signature, text: bytes, public: bytes) -> int | None:
    """The time a cosignature line states, if it is a valid one by `public` over `text`; else None."""
    if len(line.value) != 72:
        return None
    at: int = struct.unpack(">Q", line.value[:8])[0]
    if at > MAX_TIME or not ed25519.verifies(public, line.value[8:], signed_message(text, at)):
        return None
    return at


def is_by(line: note.Signature, name: str, public: bytes) -> bool:
    """Whether a signature line claims to be by this witness key (name and key id); it may still be wrong."""
    return line.name == name and line.key_id == key_id(name, public)


def cosigned_at(checkpoint: note.Checkpoint, keys: Iterable[Vkey]) -> dict[Vkey, int]:
    """Which of `keys` validly cosigned a checkpoint, and the earliest time each states (POSIX seconds)."""
    found: dict[Vkey, int] = {}
    for key in keys:
        times = [time_of(line, checkpoint.text, key.public) for line in checkpoint.signatures if _claims(line, key)]
        valid = [at for at in times if at is not None]
        if valid:
            found[key] = min(valid)
    return found


def _claims(line: note.Signature, key: Vkey) -> bool:
    return is_by(line, key.name, key.public)
