"""The body of `add-checkpoint`, read and written: old size, consistency proof, empty line, checkpoint.

Reading is strict and bounded: every line ends in LF, sizes are canonical decimals, hashes canonical base64, at most 63
of them. Verifies nothing. Reference: c2sp.org/tlog-witness.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from recorder import note
from recorder.merkle import HASH_SIZE

MAX_PROOF = 63
MAX_BODY = note.MAX_BYTES
PATH = "/add-checkpoint"
SIZE_MEDIA = "text/x.tlog.size"
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,17}")
_OLD = re.compile(r"old (0|[1-9][0-9]{0,17})")
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,17})\n")


class RequestError(ValueError):
    """A body or answer is not in the form of the protocol."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """One request. old: size the log believes the witness has. raw: the checkpoint as sent."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: note.Checkpoint
    raw: bytes


def format_request(old: int, proof: Sequence[bytes], checkpoint: bytes) -> bytes:
    """The body. checkpoint: a complete signed note."""
    lines = [f"old {old}", *(base64.b64encode(node).decode() for node in proof), "", ""]
    return "\n".join(lines).encode() + checkpoint


def parse_request(body: bytes) -> AddCheckpoint:
    """Read a body. Raises RequestError."""
    if len(body) > MAX_BODY:
        raise RequestError("the body is too long")
    head, separator, raw = body.partition(b"\n\n")
    if not separator:
        raise RequestError("no empty line before the checkpoint")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise RequestError("the lines before the checkpoint are not ASCII") from None
    old = _OLD.fullmatch(lines[0])
    if old is None:
        raise RequestError("the first line is not `old` and a canonical decimal")
    if len(lines) - 1 > MAX_PROOF:
        raise RequestError("more than 63 proof lines")
    try:
        proof = tuple(note.strict_base64(line, HASH_SIZE) for line in lines[1:])
        checkpoint = parse_any_checkpoint(raw)
    except note.NoteError as error:
        raise RequestError(error.detail) from None
    return AddCheckpoint(int(old.group(1)), proof, checkpoint, raw)


def parse_any_checkpoint(raw: bytes) -> note.Checkpoint:
    """Read a checkpoint of any C2SP log: other than ours it may carry extension lines. Raises NoteError."""
    text, signatures = note.split_note(raw)
    lines = text.decode().split("\n")[:-1]
    if len(lines) < 3 or not all(lines):
        raise note.NoteError("E_CKPT_FORMAT", "a checkpoint has at least three lines, none empty")
    if _DECIMAL.fullmatch(lines[1]) is None:
        raise note.NoteError("E_CKPT_FORMAT", "the size is not a canonical decimal")
    root = note.strict_base64(lines[2], HASH_SIZE)
    return note.Checkpoint(lines[0], int(lines[1]), root, text, signatures)


def format_size(size: int) -> bytes:
    """Body of a 409 answer."""
    return b"%d\n" % size


def parse_size(body: bytes, media: str = SIZE_MEDIA) -> int:
    """The size in a 409 answer of that media type. Raises RequestError."""
    found = _SIZE.fullmatch(body)
    if found is None or media != SIZE_MEDIA:
        raise RequestError("not a size line")
    return int(found.group(1))
