"""C2SP signed notes and tlog checkpoints: the line of text a log's whole history hangs on.

A checkpoint is `origin LF size LF base64(root) LF`, an empty line, and signature lines `— name base64(id ||
signature)`. Ours carry no extension lines. Reading is strict: canonical base64, canonical decimal, bounded count of
signatures; signatures of unknown keys are kept but prove nothing. References: c2sp.org/signed-note,
c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from recorder import ed25519
from recorder.merkle import HASH_SIZE

MAX_BYTES = 65_536
MAX_SIGNATURES = 16
ED25519 = 0x01
_NAME = re.compile("[^ +\x00-\x1f\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]{1,200}")
"""Key names: no white space in any language's sense, no plus, no control characters."""
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


class NoteError(ValueError):
    """A note or checkpoint is not well formed. `code` is an S3 code of the verifier."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Signer(Protocol):
    """Something that signs bytes with Ed25519 and knows its raw public key."""

    @property
    def public(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line. key_id: the four-byte hint."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: origin, size, root, and the exact text that was signed."""

    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: tuple[Signature, ...] = ()


def is_key_name(name: str) -> bool:
    """Whether a signature line may carry this key name."""
    return _NAME.fullmatch(name) is not None


def key_id(name: str, public: bytes) -> bytes:
    """The four-byte key id of an Ed25519 note key."""
    return sha256(name.encode() + b"\n" + bytes([ED25519]) + public).digest()[:4]


def checkpoint_text(origin: str, size: int, root: bytes) -> bytes:
    """The body of a checkpoint (C2SP tlog-checkpoint): origin, size, root in base64, each on its line."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()


def sign_checkpoint(origin: str, size: int, root: bytes, signer: Signer) -> bytes:
    """The complete signed checkpoint, key name = origin."""
    text = checkpoint_text(origin, size, root)
    blob = base64.b64encode(key_id(origin, signer.public) + signer.sign(text)).decode()
    return text + f"\n— {origin} {blob}\n".encode()


def split_note(raw: bytes) -> tuple[bytes, tuple[Signature, ...]]:
    """Text (with its final newline) and signatures of a signed note. Raises NoteError."""
    if len(raw) > MAX_BYTES:
        raise NoteError("E_CKPT_FORMAT", "the note is too long")
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteError("E_CKPT_FORMAT", "the note is not UTF-8") from None
    if any(ord(char) < 0x20 and char != "\n" for char in decoded):
        raise NoteError("E_CKPT_FORMAT", "the note has a control character")
    text, separator, tail = decoded.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise NoteError("E_CKPT_FORMAT", "no signature block after an empty line")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError("E_CKPT_FORMAT", "too many signatures")
    return (text + "\n").encode(), tuple(_signature(line) for line in lines)


def parse_checkpoint(raw: bytes) -> Checkpoint:
    """Read a signed checkpoint strictly. Raises NoteError. Verifies nothing."""
    text, signatures = split_note(raw)
    lines = text.decode().split("\n")[:-1]
    if len(lines) > 3:
        raise NoteError("E_CKPT_EXT", "extension lines are not used in this format")
    if len(lines) < 3 or not lines[0]:
        raise NoteError("E_CKPT_FORMAT", "a checkpoint has three lines: origin, size, root")
    origin, size, root = lines
    return Checkpoint(origin, decimal(size), strict_base64(root, HASH_SIZE), text, signatures)


def signed_by(checkpoint: Checkpoint, name: str, publics: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """First public key of `publics` (pairs: tag to return, raw key) whose signature under `name` verifies; its tag."""
    for tag, public in publics:
        wanted = key_id(name, public)
        for line in checkpoint.signatures:
            if line.name == name and line.key_id == wanted and ed25519.verifies(public, line.value, checkpoint.text):
                return tag
    return None


def decimal(text: str) -> int:
    """A canonical decimal below 2**53. Raises NoteError."""
    if _DECIMAL.fullmatch(text) is None or int(text) >= 2**53:
        raise NoteError("E_CKPT_FORMAT", "the size is not a canonical decimal")
    return int(text)


def strict_base64(text: str, size: int | None = None) -> bytes:
    """Decode canonical standard base64 (one text per value). Raises NoteError."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("E_CKPT_FORMAT", "bad base64") from None
    if base64.b64encode(raw).decode() != text or (size is not None and len(raw) != size):
        raise NoteError("E_CKPT_FORMAT", "base64 is not canonical or has the wrong length")
    return raw


def _signature(line: str) -> Signature:
    mark, _, rest = line.partition(" ")
    name, separator, blob = rest.partition(" ")
    if mark != "—" or not separator or _NAME.fullmatch(name) is None:
        raise NoteError("E_CKPT_FORMAT", "a signature line is not `— name base64`")
    raw = strict_base64(blob)
    if len(raw) < 5:
        raise NoteError("E_CKPT_FORMAT", "a signature is too short")
    return Signature(name, raw[:4], raw[4:])
