"""Asking any C2SP witness for a cosignature over a checkpoint.

The witness says which size it knows (409) when we do not know it; the proof from there is made out of the store. Only a
signature that verifies under the configured key counts. A witness that knows a longer log, another root at the same
size, or refuses an honest proof, remembers another history of this log: that is reported as what it is, not retried.
Reference: c2sp.org/tlog-witness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from recorder import note
from recorder.anchoring import web
from recorder.anchoring.errors import AnchorError, ContradictionError, UnknownLogKeyError
from recorder.cosignature import Vkey, is_by, time_of
from recorder.witness import following
from recorder.witness import request as wire

ATTEMPTS = 4

type Prove = Callable[[int, int], Sequence[bytes]]
"""(old size, new size) -> consistency proof."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """line: one signature line with its newline. at: the time it states, POSIX seconds."""

    line: bytes
    at: int


def ask(
    http: httpx.Client, prefix: str, key: Vkey, checkpoint: bytes, known: int, prove: Prove, timeout_s: float = 10.0
) -> Cosigned:
    """One cosignature. prefix: the witness's submission prefix. known: the size it had when last asked.

    Raises AnchorError, ContradictionError.
    """
    url = prefix.rstrip("/") + wire.PATH
    head = note.parse_checkpoint(checkpoint)
    old = min(known, head.size)
    for _ in range(ATTEMPTS):
        body = wire.format_request(old, prove(old, head.size), checkpoint)
        answer = web.post(http, url, body, {"content-type": "text/plain"}, timeout_s)
        if answer.status == 200:
            return _read(answer.body, checkpoint, key)
        if answer.status != 409:
            raise _refused(answer, key, old, head.size)
        reported = _size(answer, key)
        if reported > head.size:
            raise ContradictionError(
                f"The witness {key.name} has seen this log at size {reported}; it now ends at {head.size}.",
                "The log was rolled back, or it has two histories.",
                "Do not go on: find out who restored or rewrote it.",
            )
        if reported == old:
            raise ContradictionError(
                f"The witness {key.name} has seen another history of this log at size {old}.",
                "Somebody signed a different tree of that size with the log's key.",
                "Keep the log and the witness's state, and find out who.",
            )
        old = reported
    raise AnchorError(f"The witness {key.name} reported another size each time.", "Another recorder may be asking too.")


def show_rotations(http: httpx.Client, prefix: str, origin: str, member: bytes, timeout_s: float = 10.0) -> bool:
    """Show a witness the log's key changes; whether it took them. Others than `clyra witness` know no such request."""
    url = prefix.rstrip("/") + following.PATH
    body = following.format_body(origin, member)
    return web.post(http, url, body, {"content-type": "application/octet-stream"}, timeout_s).status == 200


def _read(body: bytes, checkpoint: bytes, key: Vkey) -> Cosigned:
    """The first valid line of the witness's key. Lines of unknown keys are passed over."""
    try:
        signed = note.parse_checkpoint(checkpoint.partition(b"\n\n")[0] + b"\n\n" + body)
    except note.NoteError as error:
        raise AnchorError(f"The witness {key.name} did not answer with signature lines.", f"{error.detail}.") from None
    for line, raw in zip(signed.signatures, body.split(b"\n"), strict=False):
        if is_by(line, key.name, key.public):
            at = time_of(line, signed.text, key.public)
            if at is not None:
                return Cosigned(raw + b"\n", at)
    raise AnchorError(f"The answer of {key.name} has no valid cosignature by its key.", "", "Check its vkey.")


def _size(answer: web.Answer, key: Vkey) -> int:
    try:
        return wire.parse_size(answer.body, answer.media)
    except wire.RequestError as error:
        raise ContradictionError(
            f"The witness {key.name} refused the checkpoint as conflicting (409).",
            f"It did not say which size it knows: {error}.",
            "Ask its operator what it has seen of this log.",
        ) from None


def _refused(answer: web.Answer, key: Vkey, old: int, new: int) -> AnchorError:
    reasons = {
        403: "It does not trust the key that signed the checkpoint: give its operator this log's verifier key.",
        404: "It does not watch this log: give its operator this log's verifier key.",
    }
    if answer.status == 422:
        return ContradictionError(
            f"The witness {key.name} does not accept that the log of size {new} continues the one of size {old}.",
            "The records before that size are not those it cosigned.",
            "Keep the log and the witness's state, and find out who changed the log.",
        )
    kind = UnknownLogKeyError if answer.status == 403 else AnchorError
    return kind(f"The witness {key.name} answered {answer.status}.", reasons.get(answer.status, ""))
