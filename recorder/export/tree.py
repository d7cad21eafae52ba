"""The Merkle tree over a window, laid out on disk: every record's inclusion proof in constant memory.

One unlinked scratch file per level holds the hashes of the complete subtrees that touch the window; what lies wholly
before the window is in the frontier. Two scratch hashes a record, ~64 bytes. Proofs are those of RFC 9162 section
2.1.3 for the tree of size `end`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from functools import lru_cache
from typing import IO

from recorder.merkle import HASH_SIZE, Frontier, node_hash


class WindowTree:
    """Built from the frontier before the window and the window's leaf hashes; closed by `close`."""

    def __init__(self, frontier: Frontier, leaves: Iterable[bytes]) -> None:
        self.start = self.end = frontier.size
        self._levels: list[IO[bytes]] = []
        self._before: dict[tuple[int, int], bytes] = {}
        self._pending: dict[int, bytes] = {}
        set_bits = [bit for bit in range(frontier.size.bit_length()) if frontier.size >> bit & 1]
        for level, node in zip(reversed(set_bits), frontier.nodes, strict=True):
            self._before[level, (frontier.size >> level) - 1] = node
            self._pending[level] = node
        for leaf in leaves:
            self._push(leaf)
            self.end += 1
        self._edge = self._right_edge()
        self._node = lru_cache(maxsize=4096)(self._read)

    @property
    def root(self) -> bytes:
        """Root of the tree of size `end`."""
        return self._edge[-1]

    def proof(self, index: int) -> list[bytes]:
        """Audit path of a record of the window, from the leaf upwards."""
        if not self.start <= index < self.end:
            raise ValueError(f"record {index} is not in the window")
        path = []
        for level in range(len(self._edge) - 1):
            sibling, last = (index >> level) ^ 1, (self.end - 1) >> level
            if sibling < last:
                path.append(self._node(level, sibling))
            elif sibling == last:
                path.append(self._edge[level])
        return path

    def close(self) -> None:
        for file in self._levels:
            file.close()

    def _push(self, leaf: bytes) -> None:
        node, level, index = leaf, 0, self.end
        while True:
            if level == len(self._levels):
                self._levels.append(tempfile.TemporaryFile())  # noqa: SIM115 - closed by close()
            self._levels[level].write(node)
            if not index & 1:
                self._pending[level] = node
                return
            node = node_hash(self._pending[level], node)
            level, index = level + 1, index >> 1

    def _right_edge(self) -> list[bytes]:
        """For every level the hash of its last node, complete or not; the last entry is the root."""
        if self.end == self.start:
            raise ValueError("the window is empty")
        last = self.end - 1
        edge = [self._read(0, last)]
        while last >> (len(edge) - 1):
            level = len(edge) - 1
            at = last >> level
            edge.append(node_hash(self._read(level, at - 1), edge[-1]) if at & 1 else edge[-1])
        return edge

    def _read(self, level: int, index: int) -> bytes:
        known = self._before.get((level, index))
        if known is not None:
            return known
        file = self._levels[level]
        file.seek((index - (self.start >> level)) * HASH_SIZE)
        node = file.read(HASH_SIZE)
        if len(node) != HASH_SIZE:
            raise ValueError(f"there is no node {index} on level {level}")
        return node
