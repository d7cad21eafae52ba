"""Before a recorder goes on writing: the stored tail must lead to the signed checkpoint, and nothing newer may exist.

Only what was stored since the last anchored checkpoint is read, so a start is quick however long the log is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from recorder import database, note
from recorder.errors import StoreCorruptError
from recorder.intents import Intents, Replay
from recorder.merkle import Frontier, leaf_hash
from recorder.record import GENESIS_PREV


@dataclass(frozen=True, slots=True)
class Tail:
    """Where to go on: the tree, the hash of the last record (hex), and the size of the last anchored checkpoint."""

    frontier: Frontier
    prev: str
    anchored_size: int


def last_leaf(connection: sqlite3.Connection, size: int) -> str:
    """Hash (hex) of the last record of a log of `size` records."""
    row = connection.execute("SELECT leaf FROM records WHERE seq = ?", (size - 1,)).fetchone()
    if row is None:
        raise _disagrees(f"record {size - 1} is missing")
    leaf: bytes = row[0]
    return leaf.hex()


def prove_tail(
    connection: sqlite3.Connection, state: database.State, log_keys: Sequence[bytes], intents: Intents
) -> Tail:
    """Recompute the tail from its lines, and bring the stored intents up to date with it.

    log_keys: public keys of the log. Raises StoreCorruptError unless everything agrees.
    """
    row = connection.execute(
        "SELECT size, frontier FROM anchors WHERE size < ? ORDER BY size DESC LIMIT 1", (state.size,)
    ).fetchone()
    frontier = Frontier.from_bytes(*row) if row else Frontier()
    anchored_size = frontier.size
    prev = last_leaf(connection, anchored_size) if anchored_size else GENESIS_PREV
    replay = Replay(intents)
    for seq, leaf, line in database.read_lines(connection, anchored_size, 1 << 60):
        if seq != frontier.size or leaf != leaf_hash(line) or f'"prev":"{prev}"'.encode() not in line:
            raise _disagrees(f"record {frontier.size} does not follow from the one before it")
        frontier.append(leaf)
        prev = leaf.hex()
        replay.see(seq, leaf, line)
    if (state.size, state.frontier) != (frontier.size, frontier.to_bytes()):
        raise _disagrees("the stored tree is not that of the stored lines")
    _check_note(state, frontier, log_keys)
    return Tail(frontier, prev, anchored_size)


def _check_note(state: database.State, frontier: Frontier, log_keys: Sequence[bytes]) -> None:
    try:
        checkpoint = note.parse_checkpoint(state.note)
    except note.NoteError as error:
        raise _disagrees(f"the checkpoint is malformed ({error.detail})") from None
    if (checkpoint.size, checkpoint.root, checkpoint.origin) != (frontier.size, frontier.root(), state.origin):
        raise _disagrees(f"the stored lines lead to size {frontier.size}, the checkpoint says {checkpoint.size}")
    if note.signed_by(checkpoint, state.origin, [(b"log", key) for key in log_keys]) is None:
        raise _disagrees("the checkpoint was not signed by this recorder's log key")


def refuse_rollback(seen_raw: bytes, origin: str, size: int, root: bytes, log_keys: Sequence[bytes]) -> None:
    """Compare the log with the newest checkpoint this machine is known to have signed. Raises StoreCorruptError.

    A checkpoint of this log counts under whatever key: its key may have come later than this copy of the log.
    """
    try:
        seen = note.parse_checkpoint(seen_raw)
    except note.NoteError:
        return  # torn by a power cut, or a new log: it proves nothing
    known = note.signed_by(seen, seen.origin, [(b"log", key) for key in log_keys]) is not None
    if not known and seen.origin != origin:
        return
    same = seen.origin == origin and seen.size <= size
    if not same or (seen.size == size and seen.root != root):
        raise StoreCorruptError(
            f"The log ends at {size}, but a checkpoint of size {seen.size} was already signed here.",
            "An older copy of the log seems to have been put back; going on would give it a second history.",
            "Restore the newest log.db, or start a new log in another --home.",
        )


def _disagrees(why: str) -> StoreCorruptError:
    return StoreCorruptError(
        "The stored log does not agree with its own checkpoint.",
        f"{why[0].upper()}{why[1:]}.",
        "Nothing is written to it. Keep the file as evidence and restore the newest copy, or start a new --home.",
    )
