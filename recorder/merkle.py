"""The Merkle tree of RFC 6962 section 2.1 over records: root, compact range, inclusion and consistency proofs.

A compact range (frontier) is the list of roots of the perfect subtrees that make up a tree of a given size, left to
right; its length is the number of one bits of the size. It is all the recorder keeps in memory, and all a verifier
needs in order to continue a tree from a window's start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()


class ProofError(ValueError):
    """A proof does not lead from what is known to what is claimed."""


def leaf_hash(record: bytes) -> bytes:
    """MTH of one entry (RFC 6962, 2.1)."""
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """MTH of two subtrees (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Frontier:
    """A compact range that grows one leaf at a time. nodes: subtree roots, largest (leftmost) first."""

    size: int = 0
    nodes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.nodes) != self.size.bit_count():
            raise ProofError(f"a frontier of size {self.size} has {self.size.bit_count()} nodes, not {len(self.nodes)}")
        if any(len(node) != HASH_SIZE for node in self.nodes):
            raise ProofError("a frontier node is 32 bytes")

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash: merge as many perfect subtrees as the size has trailing one bits."""
        nodes, size = self.nodes, self.size
        self.size = size + 1
        while size & 1:
            leaf = sha256(b"\x01" + nodes.pop() + leaf).digest()
            size >>= 1
        nodes.append(leaf)

    def root(self) -> bytes:
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = node_hash(node, root)
        return root

    def copy(self) -> Frontier:
        return Frontier(self.size, list(self.nodes))

    def to_bytes(self) -> bytes:
        return b"".join(self.nodes)

    @classmethod
    def from_bytes(cls, size: int, raw: bytes) -> Frontier:
        return cls(size, [raw[at : at + HASH_SIZE] for at in range(0, len(raw), HASH_SIZE)])


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Audit path of leaf `index` in the tree over all `leaves` (leaf hashes)."""
    if not 0 <= index < len(leaves):
        raise ProofError("the index is outside the tree")
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(leaves[:split], index), root_of(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), root_of(leaves[:split])]


def consistency_proof(leaves: Sequence[bytes], size: int) -> list[bytes]:
    """Proof that the tree over the first `size` leaves is a prefix of the tree over all of them."""
    if not 0 <= size <= len(leaves):
        raise ProofError("the smaller tree is larger")
    return [] if size == 0 else _subproof(leaves, size, complete=True)


def _subproof(leaves: Sequence[bytes], size: int, *, complete: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if complete else [root_of(leaves)]
    split = _split(len(leaves))
    if size <= split:
        return [*_subproof(leaves[:split], size, complete=complete), root_of(leaves[split:])]
    return [*_subproof(leaves[split:], size - split, complete=False), root_of(leaves[:split])]


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (size >= 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 section 2.1.3.2. Raises ProofError."""
    _check_proof(proof)
    if not 0 <= index < size or len(leaf) != HASH_SIZE:
        raise ProofError("the index is outside the tree")
    at, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is too long")
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        at >>= 1
        last >>= 1
    if last or node != root:
        raise ProofError("the proof does not lead to the root")


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """RFC 9162 section 2.1.4.2. Raises ProofError."""
    _check_proof(proof)
    if not 0 < first <= second:
        raise ProofError("the sizes are out of order, or from the empty tree, which proves nothing")
    if first == second:
        if proof or first_root != second_root:
            raise ProofError("equal trees need equal roots and no proof")
        return
    _walk_consistency(first, second, proof, first_root, second_root)


def _walk_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        raise ProofError("the proof is empty")
    at, last = first - 1, second - 1
    while at & 1:
        at >>= 1
        last >>= 1
    old = new = path[0]
    for node in path[1:]:
        if last == 0:
            raise ProofError("the proof is too long")
        if at & 1 or at == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            new = node_hash(new, node)
        at >>= 1
        last >>= 1
    if last or old != first_root or new != second_root:
        raise ProofError("the proof does not lead to both roots")


def _check_proof(proof: Sequence[bytes]) -> None:
    if any(len(node) != HASH_SIZE for node in proof):
        raise ProofError("a proof node is 32 bytes")
