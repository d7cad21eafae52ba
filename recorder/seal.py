"""Sealing: a window of the log becomes one `evidence.zip` that anyone can verify offline.

The log is only read; every leaf is recomputed from its line, and the window must lead to the root the recorder has
signed, or nothing is sealed. Memory is constant: records are packed as they are read.
"""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import orjson

from recorder import archive, database, dsse, keyring, note, readme, rotation, statement, trust
from recorder.anchoring.bundled import anchor_members
from recorder.anchoring.shelf import Shelf
from recorder.approval_store import ApprovalStore
from recorder.checkpoints import Checkpoints, SignAt
from recorder.covered import SCHEMAS, Covered
from recorder.durable import sync_folder
from recorder.errors import KeyFileError, SealError, SocketError, StoreCorruptError
from recorder.keyring import Ring
from recorder.keys import SigningKey
from recorder.keys.reference import DelegatedReference
from recorder.layout import Layout
from recorder.local import request_checkpoint
from recorder.merkle import Frontier, leaf_hash

log = logging.getLogger("recorder.seal")

RETENTION_YEARS = 7
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Sealed:
    """A finished bundle. digest: `sha256:...` of its statement. checkpoint: of its end, signed."""

    path: Path
    digest: str
    origin: str
    start: int
    end: int
    checkpoint: bytes

    def document(self) -> dict[str, object]:
        return {
            "path": str(self.path),
            "digest": self.digest,
            "origin": self.origin,
            "start": self.start,
            "end": self.end,
            "checkpoint": self.checkpoint.decode(),
        }


@dataclass(slots=True)
class _Reading:
    """One pass over the records of a window."""

    frontier: Frontier
    covered: Covered
    digest: str = ""
    tally: statement.Tally = field(default_factory=statement.Tally)

    def lines(self, connection: sqlite3.Connection, start: int, end: int) -> Iterator[bytes]:
        digest = sha256()
        for seq, leaf, line in database.read_lines(connection, start, end):
            if seq != self.frontier.size or leaf_hash(line) != leaf:
                raise StoreCorruptError(f"Record {self.frontier.size} of the stored log is damaged.")
            self.frontier.append(leaf)
            found = orjson.loads(line)
            self.tally.add(found)
            self.covered.add(found)
            raw = line + b"\n"
            digest.update(raw)
            yield raw
        self.digest = digest.hexdigest()


def seal_window(layout: Layout, start: int | None = None, end: int | None = None) -> Sealed:
    """Seal [start, end); default: from the end of the last bundle to the newest record. Raises RecorderError."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(KeyFileError):  # a key may have changed between our look at the log and at the keys
            return _seal_once(layout, start, end)
    return _seal_once(layout, start, end)


def _seal_once(layout: Layout, start: int | None, end: int | None) -> Sealed:
    connection = database.open_for_reading(layout.database)
    try:
        connection.execute("BEGIN")  # one snapshot, whatever is appended meanwhile
        return _seal(connection, layout, start, end)
    except sqlite3.Error as error:
        raise SealError("The log cannot be read.", f"SQLite says: {error}.") from None
    except OSError as error:
        raise SealError("The bundle cannot be written.", f"The system says: {error.strerror}.", "Free space.") from None
    finally:
        connection.close()


def seal_offline(layout: Layout, start: int | None = None, end: int | None = None) -> Sealed:
    """Seal while no recorder runs, and remember the bundle. Raises RecorderError, StoreLockedError when one runs."""
    lock = database.ExclusiveLock(layout.lock)
    try:
        sealed = seal_window(layout, start, end)
        connection = database.open_for_writing(layout.database)
        remember(connection, sealed.start, sealed.end, sealed.digest, str(sealed.path), sealed.checkpoint)
        connection.close()
    finally:
        lock.release()
    return sealed


def remember(
    connection: sqlite3.Connection, start: int, end: int, digest: str, path: str, checkpoint: bytes = b""
) -> None:
    """Note a bundle that continues the row of bundles; any other window is a copy and is not noted.

    checkpoint: of its end, kept because the next window starts there.
    """
    newest = last_bundle(connection)
    if start == (newest[0] if newest else 0):
        connection.execute("INSERT OR REPLACE INTO bundles VALUES(?,?,?,?)", (start, end, digest, path))
    if checkpoint:
        keyring.keep_checkpoint(connection, end, checkpoint)


def last_bundle(connection: sqlite3.Connection) -> tuple[int, str] | None:
    """(end, digest) of the newest bundle."""
    row = connection.execute("SELECT end, digest FROM bundles ORDER BY end DESC LIMIT 1").fetchone()
    return (row[0], row[1]) if row else None


def _seal(connection: sqlite3.Connection, layout: Layout, start: int | None, end: int | None) -> Sealed:
    state = database.read_state(connection)
    if state is None:
        raise SealError("There is nothing to seal yet.", "The log is empty.")
    first, last = _asked_window(connection, state.size, start, end)
    ring = keyring.load(connection)
    seal_key, sign_at = _seal_key(layout, ring, last), _signer(layout, ring, state.origin)
    folder = layout.bundles
    reading = _Reading(database.frontier_at(connection, first), Covered(ApprovalStore(layout.approvals)))
    start_frontier = reading.frontier.copy()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".sealing-") as scratch:
        place = Path(scratch)
        with (place / "records").open("w+b") as packed_records:
            records = archive.pack(
                statement.RECORDS, reading.lines(connection, first, last), packed_records, compress=True
            )
            roots = start_frontier.root(), reading.frontier.root()
            window = statement.Window(state.origin, first, last, *roots, _digest_before(connection, first))
            _check_signed_root(connection, state, reading.frontier)
            members = _small_members(window, start_frontier, ring) | reading.covered.members()
            digests = {name: sha256(content).hexdigest() for name, content in members.items()}
            digests[statement.RECORDS] = reading.digest
            members |= _checkpoints(connection, ring, state, window, sign_at)
            checkpoint = members[statement.TREE_END]
            members |= _anchors(layout, first, last, checkpoint)
            payload = statement.make_payload(window, reading.tally, digests, config_digest(), RETENTION_YEARS)
            members[statement.STATEMENT] = dsse.sign(payload, statement.PAYLOAD_TYPE, [seal_key])
            digest = statement.bundle_digest(payload)
            path = folder / f"evidence-{first:012d}-{last:012d}-{digest[7:19]}.zip"
            _write(place, members, records, path)
    return Sealed(path, digest, state.origin, first, last, checkpoint)


def _asked_window(connection: sqlite3.Connection, size: int, start: int | None, end: int | None) -> tuple[int, int]:
    """[first, last): by default from the end of the last bundle to the end of the log. Raises SealError."""
    newest = last_bundle(connection)
    first = start if start is not None else (newest[0] if newest else 0)
    last = end if end is not None else size
    if not 0 <= first < last <= size:
        why = f"The log has {size} records, and the window would be [{first}, {last})."
        raise SealError("There is nothing to seal in that window.", why)
    return first, last


def _digest_before(connection: sqlite3.Connection, first: int) -> str:
    """The digest of the bundle that ends where this one begins, "" where none does."""
    row = connection.execute("SELECT digest FROM bundles WHERE end = ? LIMIT 1", (first,)).fetchone()
    return str(row[0]) if row else ""


def _anchors(layout: Layout, start: int, end: int, checkpoint: bytes) -> dict[str, bytes]:
    """What outside places said about sizes in the window. Sealing goes on without it: it can be attached later."""
    try:
        shelf = Shelf.reading(layout.anchor_shelf)
        return anchor_members(shelf, start, end, checkpoint)
    except sqlite3.Error as error:
        log.warning("the anchors of [%d, %d) cannot be read and are left out: %s", start, end, error)
        return {}


def _seal_key(layout: Layout, ring: Ring, end: int) -> SigningKey:
    """The seal key in force, if a reader of a window up to `end` can know it. Raises SealError."""
    held = ring.current("seal")
    if not held.may_sign(end, lower=False) or (held.since > end and not _is_trusted(layout, held.key_id)):
        raise SealError(
            f"The seal key in force cannot speak for a window that ends at {end}.",
            f"It came at {held.since}, so the bundle's own list of key changes does not have it yet.",
            f"End the window at {held.since} or later, or add the key to the trust file: clyra keys trust.",
        )
    return layout.keys.signing_key("seal", held.key_id)


def _is_trusted(layout: Layout, key_id: str) -> bool:
    try:
        listed = trust.load(layout.trust.read_bytes()).of_role("seal")
    except (OSError, trust.TrustError):
        return False
    return any(key.key_id == key_id for key in listed)


def _checkpoints(
    connection: sqlite3.Connection, ring: Ring, state: database.State, window: statement.Window, sign_at: SignAt
) -> dict[str, bytes]:
    """`tree/start` and `tree/end`. Raises SealError when no key in force can sign there."""
    kept = keyring.stored_checkpoints(connection)
    there = Checkpoints(state.origin, ring, state.note, kept, sign_at)
    found = {statement.TREE_END: there.at_end(window.end, window.end_root)}
    start = there.at_start(window.start, window.start_root, window.end)
    return found | ({statement.TREE_START: start} if start is not None else {})


def _signer(layout: Layout, ring: Ring, origin: str) -> SignAt:
    """Signs with the log key: read from its file, or, where it lives in the recorder's memory, by asking for it."""
    held = ring.current("log")
    if not isinstance(layout.keys.configuration.log, DelegatedReference):
        key = layout.keys.signing_key("log", held.key_id)
        return lambda size, root: note.sign_checkpoint(origin, size, root, key)

    def ask(size: int, root: bytes) -> bytes | None:
        try:
            signed = request_checkpoint(layout.socket, size)
        except SocketError:
            return None
        found = note.parse_checkpoint(signed)
        if note.signed_by(found, origin, [(b"log", held.public)]) is None:
            raise KeyFileError("The log key changed while the bundle was made.", "", "Seal again.")
        return signed if found.root == root else None

    return ask


def _check_signed_root(connection: sqlite3.Connection, state: database.State, window_end: Frontier) -> None:
    """The window must be a part of the history that ends in the recorder's own signed checkpoint."""
    frontier = window_end.copy()
    for (leaf,) in connection.execute("SELECT leaf FROM records WHERE seq >= ? ORDER BY seq", (frontier.size,)):
        frontier.append(leaf)
    signed = note.parse_checkpoint(state.note)
    if (frontier.size, frontier.root()) != (signed.size, signed.root):
        raise StoreCorruptError("The stored records do not lead to the signed checkpoint; nothing was sealed.")


def _small_members(window: statement.Window, frontier: Frontier, ring: Ring) -> dict[str, bytes]:
    """Members that the statement covers, without the records."""
    lines = b"".join(base64.b64encode(node) + b"\n" for node in frontier.nodes)
    members = {statement.FRONTIER: lines, statement.README: readme.make(window)}
    if entries := ring.entries_before(window.end):
        members[rotation.MEMBER] = rotation.make_member(entries)
    return members


def _write(place: Path, members: dict[str, bytes], records: archive.Packed, path: Path) -> None:
    """Pack everything beside the scratch files, then move it into place in one step."""
    with tempfile.TemporaryFile(dir=place) as scratch:
        packed = [records]
        for name, content in members.items():
            packed.append(archive.pack(name, [content], io.BytesIO(), compress=name.startswith(SCHEMAS)))
        temporary = place / "bundle.zip"
        archive.write_archive(temporary, packed, scratch)
    temporary.replace(path)
    sync_folder(path.parent)


def config_digest() -> str:
    """Hex digest of the configuration that shapes bundles."""
    return sha256(f"retention_years={RETENTION_YEARS}".encode()).hexdigest()
