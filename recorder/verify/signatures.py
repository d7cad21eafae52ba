"""Who signed a checkpoint or a statement, and whether that key may speak at that size.

Rule: what is signed only by a key whose rotation failed gets no code of its own, because the rotation has one.
"""

from __future__ import annotations

from collections.abc import Iterable

from recorder import dsse, ed25519, note
from recorder.effective_keys import KeyRing
from recorder.trust import TrustedKey


def statement_refusal(envelope: dsse.Envelope, ring: KeyRing, size: int) -> tuple[bool, str]:
    """(signed by a key in force, code to report or ""). Every signature must be by a seal key of the log."""
    good = {key.key_id: key for key in ring.of_role("seal")}
    failed = {key.key_id: key for key in ring.failed_of_role("seal")}
    signers = envelope.signers(failed | good)
    if len(signers) != len(envelope.signatures):
        return False, "E_DSSE_SIG"
    refusals = {good[name].refusal_at(size, lower=False) for name in signers if name in good}
    if "" in refusals:
        return True, ""
    return False, "" if any(name in failed for name in signers) else min(refusals)


def checkpoint_refusal(checkpoint: note.Checkpoint, ring: KeyRing, origin: str, *, lower: bool) -> str:
    """The code for a checkpoint's own signatures, or ""."""
    good = signers_of(checkpoint, origin, ring.of_role("log"))
    refusals = {key.refusal_at(checkpoint.size, lower=lower) for key in good}
    if "" in refusals:
        return ""
    if refusals:
        return min(refusals)
    return "" if signers_of(checkpoint, origin, ring.failed_of_role("log")) else "E_CKPT_SIG"


def signed_by_log(checkpoint: note.Checkpoint, ring: KeyRing | None, origin: str) -> bool:
    """Whether a log key in force signed an outside checkpoint; not asked when nothing is trusted."""
    if ring is None:
        return True
    signers = signers_of(checkpoint, origin, ring.of_role("log"))
    return any(key.refusal_at(checkpoint.size, lower=False) == "" for key in signers)


def signers_of(checkpoint: note.Checkpoint, name: str, keys: Iterable[TrustedKey]) -> list[TrustedKey]:
    """Keys with a valid signature line under `name`."""
    return [key for key in keys if _signed(checkpoint, name, key.public)]


def _signed(checkpoint: note.Checkpoint, name: str, public: bytes) -> bool:
    wanted = note.key_id(name, public)
    return any(
        line.name == name and line.key_id == wanted and ed25519.verifies(public, line.value, checkpoint.text)
        for line in checkpoint.signatures
    )
