"""Proofs out of a log: that one record is in it, and that a bundle continues a tree somebody saw before.

One record with its proof is small enough to mail, and is checked offline with the trust file alone.

A C2SP tlog-proof: the record's line (as `extra`), its index, the hashes of an RFC 6962 inclusion proof, and a signed
checkpoint, which may carry cosignatures. Reading is strict, so that one proof has one form. References:
c2sp.org/tlog-proof, RFC 6962 section 2.1.1.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder import database, dsse, note, strict_json, subtrees
from recorder.container import open_container
from recorder.container_form import ContainerError, read_member
from recorder.errors import RecorderError
from recorder.layout import Layout
from recorder.merkle import HASH_SIZE
from recorder.repack import repack
from recorder.statement import PAYLOAD_TYPE, STATEMENT, TREE_CONSISTENCY

HEADER = "c2sp.org/tlog-proof@v1"
MAX_BYTES = 256 << 10
MAX_HASHES = 63


class ProofFormatError(ValueError):
    """Not a proof of one record."""


@dataclass(frozen=True, slots=True)
class RecordProof:
    """line: the record's exact bytes. index: its place. hashes: from leaf to root. checkpoint: a signed note."""

    line: bytes
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes


def make(line: bytes, index: int, hashes: Sequence[bytes], checkpoint: bytes) -> bytes:
    """The proof's file."""
    lines = [HEADER, f"extra {base64.b64encode(line).decode()}", f"index {index}"]
    lines += [base64.b64encode(one).decode() for one in hashes]
    return "\n".join(lines).encode() + b"\n\n" + checkpoint


def parse(raw: bytes) -> RecordProof:
    """Read a proof strictly. Raises ProofFormatError. Verifies nothing, the checkpoint's form neither."""
    head, separator, checkpoint = raw.partition(b"\n\n")
    if len(raw) > MAX_BYTES or not separator:
        raise ProofFormatError("no checkpoint after an empty line")
    lines = head.decode("latin-1").split("\n")
    if len(lines) < 3 or lines[0] != HEADER or len(lines) > 3 + MAX_HASHES:
        raise ProofFormatError(f"it does not begin with {HEADER}, extra and index")
    try:
        line = note.strict_base64(_after("extra ", lines[1]))
        index = note.decimal(_after("index ", lines[2]))
        hashes = tuple(note.strict_base64(one, HASH_SIZE) for one in lines[3:])
    except note.NoteError as error:
        raise ProofFormatError(error.detail) from None
    return RecordProof(line, index, hashes, checkpoint)


def prove(layout: Layout, seq: int) -> bytes:
    """A proof of one record of the recorder's own log, up to its newest checkpoint. Raises RecorderError."""
    connection = database.open_for_reading(layout.database)
    try:
        connection.execute("BEGIN")  # one snapshot, whatever is appended meanwhile
        state = database.read_state(connection)
        size = state.size if state is not None else 0
        if state is None or not 0 <= seq < size:
            raise RecorderError(f"The log has no record {seq}.", f"It has {size} records.", "Check the number.")
        _, _, line = next(iter(database.read_lines(connection, seq, seq + 1)))
        return make(line, seq, subtrees.inclusion(connection, seq, size), state.note)
    finally:
        connection.close()


def connect(layout: Layout, bundle: Path, size: int, target: Path) -> None:
    """A copy of a bundle with the proof that its end continues the tree of `size` records, which somebody saw.

    Raises RecorderError, OSError.
    """
    end = _end_of(bundle)
    if not 0 < size < end:
        raise RecorderError(
            f"A proof leads from an earlier tree to {end} records, not from {size}.", "", "Check --from."
        )
    connection = database.open_for_reading(layout.database)
    try:
        hashes = subtrees.consistency(connection, size, end)
    finally:
        connection.close()
    lines = [str(size), *(base64.b64encode(one).decode() for one in hashes)]
    repack(bundle, target, {TREE_CONSISTENCY: "".join(f"{line}\n" for line in lines).encode()})


def _end_of(bundle: Path) -> int:
    """Where a bundle's window ends, as its statement says. Raises RecorderError, OSError."""
    try:
        container = open_container(bundle)
        try:
            envelope = dsse.parse(read_member(container, STATEMENT, dsse.MAX_BYTES), PAYLOAD_TYPE)
        finally:
            container.close()
        return int(strict_json.read(envelope.payload)["predicate"]["end"])
    except (ContainerError, dsse.DsseError, ValueError, KeyError, TypeError) as error:
        raise RecorderError(f"{bundle} is not a bundle.", str(error), "Check it with `clyra verify`.") from None


def _after(word: str, line: str) -> str:
    if not line.startswith(word):
        raise ProofFormatError(f"a line does not begin with {word.strip()!r}")
    return line.removeprefix(word)
