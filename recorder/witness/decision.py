"""What a witness answers, decided from a request and what it knows: no clock, no disk, no socket.

The order of the checks is that of c2sp.org/tlog-witness: origin (404), signature (403), old size beyond the checkpoint
(400), old size other than the known one (409 and the known size), another root at the known size (409), proof (422).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorder import note
from recorder.cosignature import Vkey
from recorder.ed25519 import verifies
from recorder.merkle import EMPTY_ROOT, ProofError, verify_consistency
from recorder.witness.request import AddCheckpoint


@dataclass(frozen=True, slots=True)
class Head:
    """The newest checkpoint a witness cosigned for one log; size 0 when it never did."""

    size: int = 0
    root: bytes = EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class Refusal:
    """status: HTTP code. known: the size to report with a 409."""

    status: int
    reason: str
    known: int | None = None


def refuse_stranger(request: AddCheckpoint, keys: Sequence[Vkey] | None) -> Refusal | None:
    """404 or 403, or None when the checkpoint is signed by one of `keys`. None: the log is not watched."""
    if keys is None:
        return Refusal(404, "this witness does not watch that log")
    if not any(_signed(request.checkpoint, key) for key in keys):
        return Refusal(403, "no signature by a key trusted for that log")
    return None


def refuse_history(request: AddCheckpoint, known: Head) -> Refusal | None:
    """400, 409 or 422, or None when the checkpoint continues what was cosigned before."""
    new = request.checkpoint
    if request.old > new.size:
        return Refusal(400, "the old size is larger than the checkpoint's")
    if request.old != known.size:
        return Refusal(409, "the old size is not the known one", known.size)
    if new.size == known.size and new.root != known.root:
        return Refusal(409, "another root was cosigned at that size", known.size)
    if not _proven(request, known):
        return Refusal(422, "the consistency proof does not verify")
    return None


def _proven(request: AddCheckpoint, known: Head) -> bool:
    if known.size == 0:
        return not request.proof
    try:
        verify_consistency(known.size, request.checkpoint.size, request.proof, known.root, request.checkpoint.root)
    except ProofError:
        return False
    return True


def _signed(checkpoint: note.Checkpoint, key: Vkey) -> bool:
    return any(
        line.name == key.name and line.key_id == key.key_id and verifies(key.public, line.value, checkpoint.text)
        for line in checkpoint.signatures
    )
