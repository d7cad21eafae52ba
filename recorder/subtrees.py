"""Consistency and inclusion proofs out of a stored log, reading few of its leaves.

RFC 6962 sections 2.1.1 and 2.1.2. A proof needs hashes of stretches of leaves. The store keeps a compact range at every
anchor (at most some ten thousand records apart), and a compact range of size s already holds the root of every perfect
subtree it is made of. So the hash of a perfect subtree is looked up where an anchor has it, and is otherwise completed
from the nearest anchor inside it: the cost is a few look-ups and the leaves between one anchor and the next for each
node of the proof, whatever the size of the log.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from recorder.database import frontier_at
from recorder.errors import StoreCorruptError
from recorder.merkle import Frontier, ProofError


def consistency(connection: sqlite3.Connection, first: int, second: int) -> list[bytes]:
    """Proof that the tree of size `first` is a prefix of that of size `second`. Raises ProofError, StoreCorruptError.

    From size 0, and between equal sizes, the proof is empty.
    """
    if not 0 <= first <= second:
        raise ProofError("the smaller tree is larger")
    if first in (0, second):
        return []
    tree = Stretches(connection, frontier_at(connection, second))
    proof: list[bytes] = []
    start, end, whole = 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            proof.append(tree.hash(middle, end))
            end = middle
        else:
            proof.append(tree.hash(start, middle))
            start, whole = middle, False
    if not whole:
        proof.append(tree.hash(start, end))
    return proof[::-1]


def inclusion(connection: sqlite3.Connection, index: int, size: int) -> list[bytes]:
    """Audit path of record `index` in the tree of `size` records. Raises ProofError, StoreCorruptError."""
    if not 0 <= index < size:
        raise ProofError("the index is outside the tree")
    tree = Stretches(connection, frontier_at(connection, size))
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(tree.hash(middle, end))
            end = middle
        else:
            proof.append(tree.hash(start, middle))
            start = middle
    return proof[::-1]


@dataclass(frozen=True, slots=True)
class Stretches:
    """Hashes of stretches of one stored tree. whole: its compact range at the size that proofs are made for."""

    connection: sqlite3.Connection
    whole: Frontier

    def hash(self, start: int, end: int) -> bytes:
        """Hash over the leaves [start, end), a stretch as RFC 6962 splits the tree: aligned at its start."""
        length = end - start
        if length & (length - 1):  # only the right edge of the tree is not perfect, and its parts are in `whole`
            return self._right_edge(start, end)
        return self._perfect(start, length)

    def _right_edge(self, start: int, end: int) -> bytes:
        if end != self.whole.size:
            raise ProofError("only the right edge of a tree is not perfect")
        return Frontier(end - start, self.whole.nodes[start.bit_count() :]).root()

    def _perfect(self, start: int, length: int) -> bytes:
        end = start + length
        if length > 1 and not start & length:
            row = self._anchor(end, end + length - 1, "ASC")
            if row is not None:
                return row.nodes[start.bit_count()]
        known = self._anchor(start + 1, end - 1, "DESC")
        part = Frontier(known.size - start, known.nodes[start.bit_count() :]) if known else Frontier()
        rows = self.connection.execute(
            "SELECT leaf FROM records WHERE seq >= ? AND seq < ? ORDER BY seq", (start + part.size, end)
        )
        for (leaf,) in rows:
            part.append(leaf)
        if part.size != length:
            raise StoreCorruptError(f"The stored log has no records up to {end}.")
        return part.root()

    def _anchor(self, low: int, high: int, order: str) -> Frontier | None:
        """The anchor nearest to one end of the sizes [low, high]."""
        row = self.connection.execute(
            f"SELECT size, frontier FROM anchors WHERE size BETWEEN ? AND ? ORDER BY size {order} LIMIT 1",  # noqa: S608
            (low, min(high, self.whole.size)),
        ).fetchone()
        return Frontier.from_bytes(*row) if row else None


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (size >= 2)."""
    return 1 << ((size - 1).bit_length() - 1)
