"""Which keys are in force in one log, as its own store tells it, and whether a change of them may be written.

The writer's side of the rules a verifier checks: a change that a verifier would refuse is never recorded. A ring is a
value; a change gives a new one. Validity is counted in tree size: a key that comes with record n speaks from size n+1
on, the one it replaces may still sign the checkpoint of size n+1, which both sign.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from recorder import database, dsse, note, public_key, rotation, trust
from recorder.errors import KeyChangeError, StoreCorruptError
from recorder.keys import SigningKey
from recorder.rotation import DELEGATION, MAX_DELEGATION, RECOVERY, REVOCATION, Change, Entry

_GENESIS_RECORDS = 8
"""Keys of a new log stand right behind its first record."""


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key of the log. since, until: sizes it may speak for; compromised_from: from where it proves nothing."""

    role: str
    key_id: str
    algorithm: str
    public: bytes
    since: int
    until: int | None = None
    compromised_from: int | None = None
    delegated: bool = False

    def may_sign(self, size: int, *, lower: bool = True) -> bool:
        """Whether a signature over this size counts. lower: whether the key may also be too new for it."""
        if self.compromised_from is not None and size >= self.compromised_from:
            return False
        return (self.until is None or size <= self.until) and (size >= self.since or not lower)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        return public_key.verifies(self.algorithm, self.public, signature, message)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A change that only waits for its record. key: the new log key, None when no log key comes."""

    change: Change
    envelope: bytes
    possession: str
    key: SigningKey | None = None

    @property
    def payload(self) -> bytes:
        return dsse.parse(self.envelope, rotation.PAYLOAD_TYPE).payload


@dataclass(frozen=True, slots=True)
class Ring:
    """All keys a log has had, in the order they came, and the statements that brought them."""

    keys: tuple[HeldKey, ...] = ()
    entries: tuple[Entry, ...] = ()

    def current(self, role: str) -> HeldKey:
        """The key in force. Raises KeyChangeError when the log has none yet."""
        for key in reversed(self.keys):
            if key.role == role:
                return key
        raise KeyChangeError(f"The log has no {role} key yet.", "It has no record.", "Start the recorder once.")

    def get(self, key_id: str) -> HeldKey | None:
        return next((key for key in self.keys if key.key_id == key_id), None)

    def of_role(self, role: str) -> Iterator[HeldKey]:
        return (key for key in self.keys if key.role == role)

    def entries_before(self, end: int) -> list[Entry]:
        """What the bundle of a window that ends at `end` must show."""
        return [entry for entry in self.entries if entry.seq < end]

    def changed(self, change: Change, entry: Entry) -> Ring:
        """The ring after the record `entry.seq`."""
        boundary = entry.seq + 1
        keys = tuple(_limited(key, change, boundary) if key.key_id == change.revoked else key for key in self.keys)
        if change.kind != REVOCATION:
            until = change.until_size
            new = HeldKey(change.role, change.key_id, change.algorithm, change.public, boundary, until)
            keys += (replace(new, delegated=change.kind == DELEGATION),)
        return Ring(keys, (*self.entries, entry))


def _limited(key: HeldKey, change: Change, boundary: int) -> HeldKey:
    """Bounds only ever tighten."""
    compromised = change.compromised_from_size
    if change.kind == REVOCATION and compromised is not None:
        return replace(key, compromised_from=_least(key.compromised_from, compromised))
    return replace(
        key,
        until=_least(key.until, boundary),
        compromised_from=_least(key.compromised_from, compromised),
    )


def _least(one: int | None, other: int | None) -> int | None:
    known = [bound for bound in (one, other) if bound is not None]
    return min(known) if known else None


def load(connection: sqlite3.Connection) -> Ring:
    """The ring of a stored log. Raises StoreCorruptError when what is stored makes no sense."""
    ring = Ring(tuple(_genesis_keys(connection)))
    for seq, envelope, possession in connection.execute("SELECT seq, envelope, possession FROM rotations ORDER BY seq"):
        try:
            change = rotation.parse_payload(dsse.parse(envelope, rotation.PAYLOAD_TYPE).payload)
        except (dsse.DsseError, rotation.RotationError) as error:
            raise StoreCorruptError(f"The stored key change of record {seq} is damaged.", error.detail) from None
        ring = ring.changed(change, Entry(seq, envelope, possession))
    return ring


def _genesis_keys(connection: sqlite3.Connection) -> Iterator[HeldKey]:
    for _, _, line in database.read_lines(connection, 0, _GENESIS_RECORDS):
        record = orjson.loads(line)
        data = record["data"]
        if record["typ"] == "sys.key" and "statement_sha256" not in data:
            yield HeldKey(data["role"], data["keyid"], data["alg"], bytes.fromhex(data["pub"]), 0)


def stored_checkpoints(connection: sqlite3.Connection) -> dict[int, bytes]:
    """Signed checkpoints the recorder keeps: at anchors, bundle ends and changes of keys."""
    rows = connection.execute("SELECT size, note FROM anchors UNION ALL SELECT size, note FROM checkpoints")
    return dict(rows.fetchall())


def keep_checkpoint(connection: sqlite3.Connection, size: int, signed: bytes) -> None:
    """Keep a checkpoint that outlives the key which signed it; the first of a size stays."""
    connection.execute("INSERT OR IGNORE INTO checkpoints VALUES(?,?)", (size, signed))


def keep_change(connection: sqlite3.Connection, entry: Entry, size: int, signed: bytes) -> None:
    """Inside the transaction that stores the record: the statement, and the checkpoint both keys signed."""
    connection.execute("INSERT INTO rotations VALUES(?,?,?)", (entry.seq, entry.envelope, entry.possession))
    connection.execute("INSERT OR REPLACE INTO checkpoints VALUES(?,?)", (size, signed))


def cosign(origin: str, size: int, root: bytes, keys: list[SigningKey]) -> bytes:
    """A checkpoint with a signature line of each key."""
    first, *others = (note.sign_checkpoint(origin, size, root, key) for key in keys)
    skip = len(note.checkpoint_text(origin, size, root)) + 1
    return first + b"".join(other[skip:] for other in others)


@dataclass(frozen=True, slots=True)
class Endorsers:
    """Who may speak besides the log's own keys: the root keys of the trust file (id -> key) and how many are needed."""

    roots: Mapping[str, trust.TrustedKey] = field(default_factory=dict)
    threshold: int = 1

    @classmethod
    def read(cls, path: Path) -> Endorsers:
        """Out of the recorder's own trust file. Raises KeyChangeError."""
        try:
            trusted = trust.load(path.read_bytes())
        except (OSError, trust.TrustError) as error:
            raise KeyChangeError(f"The trust file {path} cannot be used.", str(error), "Restore it.") from None
        return cls({key.key_id: key for key in trusted.of_role("root")}, trusted.threshold)


def check(ring: Ring, prepared: Prepared, origin: str, seq: int, endorsers: Endorsers) -> None:
    """Refuse a change that a verifier would refuse, were it record `seq`. Raises KeyChangeError."""
    change = prepared.change
    if change.origin != origin:
        raise _refused(f"It is about the log {change.origin}, and this one is {origin}.")
    if change.size > seq + 1:
        raise _refused(f"It was made for a log of {change.size} records, and this one has {seq}.")
    if not rotation.proves_possession(change, prepared.possession):
        raise _refused("The new key has not shown that it is there.")
    _check_place(ring, change)
    if change.kind == DELEGATION:
        until = change.until_size or 0
        if not seq < until <= seq + MAX_DELEGATION:
            raise _refused(f"It would hold until size {until}; it must be above {seq} and not too far away.")
    _check_endorsed(ring, prepared, seq, endorsers)


def _check_place(ring: Ring, change: Change) -> None:
    known = ring.get(change.key_id)
    if change.kind == REVOCATION:
        if known is None or known.role != change.role:
            raise _refused(f"The log never had a {change.role} key {change.key_id[:16]}.")
        if known == ring.current(change.role):
            raise _refused("It is the key in force; without another the log could not go on: a recovery brings one.")
        return
    if known is not None:
        raise _refused("A key comes into force once, and this one has been there before.")
    current = ring.current(change.role)
    if change.replaces != current.key_id:
        raise _refused(f"The {change.role} key in force is {current.key_id[:16]}, not {change.replaces[:16]}.")


def _check_endorsed(ring: Ring, prepared: Prepared, seq: int, endorsers: Endorsers) -> None:
    change, envelope = prepared.change, dsse.parse(prepared.envelope, rotation.PAYLOAD_TYPE)
    if change.kind in (RECOVERY, REVOCATION):
        signed = set(envelope.signers(endorsers.roots))
        if len(signed) < endorsers.threshold:
            raise _refused(f"{len(signed)} root keys have signed it, {endorsers.threshold} must.")
        return
    role = "seal" if change.kind == DELEGATION else change.role
    entitled = {key.key_id: key for key in ring.of_role(role) if key.may_sign(seq + 1)}
    if change.kind != DELEGATION:
        entitled = {name: key for name, key in entitled.items() if name == change.replaces}
    if not envelope.signers(entitled):
        raise _refused(f"No {role} key that is in force has signed it.")


def _refused(why: str) -> KeyChangeError:
    return KeyChangeError("The key change was refused; nothing was changed.", why, "`clyra keys show` says what is.")
