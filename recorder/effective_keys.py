"""The keys that may speak for one log at each tree size: those of the trust file, changed by the log's own rotations.

Rules. (1) A rotation counts only when someone entitled endorsed it, and the new key proved possession. (2) Bounds only
ever tighten. (3) What fails has no effect and is named once, where it fails: what its key signed gets no second code.
(4) A key the trust file itself lists needs no other endorsement, because the root keys gave it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256

from recorder import dsse, rotation
from recorder.rotation import Change, RotationError
from recorder.trust import Trust, TrustedKey


@dataclass(frozen=True, slots=True)
class Failure:
    """A line that has no effect. seq: of the line, -1 when it cannot be read."""

    code: str
    seq: int
    detail: str


@dataclass(frozen=True, slots=True)
class Line:
    """What a `sys.key` record must agree with."""

    statement_sha256: str
    possession: str


@dataclass(slots=True)
class KeyRing:
    """Effective keys by id, keys whose line failed, the lines by record number, and what failed."""

    trusted: frozenset[str]
    keys: dict[str, TrustedKey]
    failed: dict[str, TrustedKey] = field(default_factory=dict)
    lines: dict[int, Line] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def of_role(self, role: str) -> Iterator[TrustedKey]:
        return (key for key in self.keys.values() if key.role == role)

    def failed_of_role(self, role: str) -> Iterator[TrustedKey]:
        return (key for key in self.failed.values() if key.role == role)


class _RefusalError(Exception):
    """Why a line has no effect."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def effective_keys(trust: Trust | None, origin: str, end: int, member: bytes = b"") -> KeyRing:
    """The key ring of a log up to size `end`. member: the bytes of `keys/rotations.dsse.jsonl`."""
    own = trust.keys if trust is not None and trust.origin == origin else ()
    ring = KeyRing(frozenset(key.key_id for key in own), {key.key_id: key for key in own})
    if trust is None:
        return ring
    last = -1
    for line in member.split(b"\n")[: None if member and not member.endswith(b"\n") else -1]:
        try:
            entry = rotation.parse_line(line)
        except RotationError as error:
            ring.failures.append(Failure("E_ROTATION_UNENDORSED", -1, error.detail))
            return ring
        if entry.seq <= last:
            ring.failures.append(Failure("E_ROTATION_UNENDORSED", -1, "record numbers do not ascend"))
            return ring
        last = entry.seq
        _apply(ring, trust, origin, end, entry)
    if member and not member.endswith(b"\n"):
        ring.failures.append(Failure("E_ROTATION_UNENDORSED", -1, "the last line has no end"))
    return ring


def _apply(ring: KeyRing, trust: Trust, origin: str, end: int, entry: rotation.Entry) -> None:
    envelope = dsse.parse(entry.envelope, rotation.PAYLOAD_TYPE)
    ring.lines[entry.seq] = Line(sha256(envelope.payload).hexdigest(), entry.possession)
    change: Change | None = None
    try:
        change = _read(envelope.payload)
        _check_place(ring, change, origin, end, entry.seq)
        _check_range(change, entry.seq)
        _check_endorsement(ring, trust, envelope, change, entry.seq + 1)
        _check_possession(change, entry.possession)
    except _RefusalError as refusal:
        ring.failures.append(Failure(refusal.code, entry.seq, refusal.detail))
        if change is not None and change.kind != rotation.REVOCATION and change.key_id not in ring.keys:
            ring.failed[change.key_id] = _key(change, entry.seq + 1)
        return
    _change(ring, change, entry.seq + 1)


def _read(payload: bytes) -> Change:
    try:
        return rotation.parse_payload(payload)
    except RotationError as error:
        raise _RefusalError("E_ROTATION_UNENDORSED", error.detail) from None


def _check_place(ring: KeyRing, change: Change, origin: str, end: int, seq: int) -> None:
    """The statement is about this log and this place in it, and its key is new in it."""
    if change.origin != origin or change.size > seq + 1 or seq >= end:
        raise _RefusalError("E_ROTATION_UNENDORSED", "it is about another log or another place in it")
    known = ring.keys.get(change.key_id)
    if change.kind != rotation.REVOCATION and known is not None:
        if known.role != change.role:
            raise _RefusalError("E_ROTATION_UNENDORSED", "one key cannot have two roles")
        if change.key_id not in ring.trusted:
            raise _RefusalError("E_ROTATION_UNENDORSED", "the key was brought in before")


def _check_range(change: Change, seq: int) -> None:
    until = change.until_size or 0
    if change.kind == rotation.DELEGATION and not seq < until <= seq + rotation.MAX_DELEGATION:
        raise _RefusalError("E_DELEGATION_RANGE", f"from {seq + 1} until {until}")


def _check_possession(change: Change, possession: str) -> None:
    if not rotation.proves_possession(change, possession):
        raise _RefusalError("E_ROTATION_POP", "the new key does not prove possession")


def _check_endorsement(ring: KeyRing, trust: Trust, envelope: dsse.Envelope, change: Change, size: int) -> None:
    """Raise _RefusalError unless someone entitled signed, or the trust file lists the new key itself."""
    if change.kind != rotation.REVOCATION and change.key_id in ring.trusted:
        return
    if change.kind in (rotation.RECOVERY, rotation.REVOCATION):
        roots = {key.key_id: key for key in trust.of_role("root")}
        if trust.origin != change.origin or len(set(envelope.signers(roots))) < trust.threshold:
            raise _RefusalError("E_ROTATION_UNENDORSED", "too few root keys signed it")
        return
    if change.kind == rotation.ROTATION:
        old = ring.keys.get(change.replaces)
        entitled = {old.key_id: old} if old is not None and old.role == change.role else {}
    else:
        entitled = {key.key_id: key for key in ring.of_role("seal")}
    refusals = {entitled[name].refusal_at(size) for name in envelope.signers(entitled)}
    if "" in refusals:
        return
    for code in ("E_KEY_COMPROMISED", "E_DELEGATION_RANGE"):
        if code in refusals:
            raise _RefusalError(code, "by a key that may not sign at that size")
    known = {key.key_id: key for role in ("log", "seal") for key in ring.of_role(role)}
    if change.kind == rotation.DELEGATION and envelope.signers(known):
        raise _RefusalError("E_DELEGATION_RANGE", "a delegation is signed by a seal key in force")
    raise _RefusalError("E_ROTATION_UNENDORSED", "not signed by a key that is entitled to")


def _change(ring: KeyRing, change: Change, size: int) -> None:
    """Let a good line take effect from `size` on."""
    if change.kind != rotation.REVOCATION and change.key_id not in ring.keys:
        ring.keys[change.key_id] = _key(change, size)
        ring.failed.pop(change.key_id, None)
    gone = ring.keys.get(change.revoked)
    if gone is None or gone.role != change.role:
        return
    compromised = change.compromised_from_size
    if compromised is not None:
        gone = replace(gone, compromised_from=_least(gone.compromised_from, compromised))
    if change.kind != rotation.REVOCATION or compromised is None:
        gone = replace(gone, until=_least(gone.until, size))
    ring.keys[gone.key_id] = gone


def _key(change: Change, size: int) -> TrustedKey:
    delegated = change.kind == rotation.DELEGATION
    return TrustedKey(
        change.key_id, change.algorithm, change.public, change.role, size, change.until_size, delegated=delegated
    )


def _least(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)
