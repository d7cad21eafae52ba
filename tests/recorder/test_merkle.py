"""RFC 6962 trees against the public vectors and against a definition written differently."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import merkle
from recorder.merkle import Frontier, ProofError


def _vectors(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    found = [(str(path.relative_to(folder)), json.loads(path.read_bytes())) for path in sorted(folder.rglob("*.json"))]
    assert len(found) > 50
    return found


def _decode(texts: list[str] | None) -> list[bytes]:
    return [base64.b64decode(text) for text in texts or []]


@pytest.mark.shared
def test_inclusion_vectors(shared_data: Path) -> None:
    for name, case in _vectors(shared_data / "suites/merkle/inclusion"):
        leaf, root = base64.b64decode(case["leafHash"] or ""), base64.b64decode(case["root"] or "")
        try:
            merkle.verify_inclusion(leaf, case["leafIdx"], case["treeSize"], _decode(case["proof"]), root)
            accepted = True
        except ProofError:
            accepted = False
        assert accepted is not case["wantErr"], f"{name}: {case['desc']}"


@pytest.mark.shared
def test_consistency_vectors(shared_data: Path) -> None:
    for name, case in _vectors(shared_data / "suites/merkle/consistency"):
        roots = [base64.b64decode(case[key] or "") for key in ("root1", "root2")]
        try:
            merkle.verify_consistency(case["size1"], case["size2"], _decode(case["proof"]), *roots)
            accepted = True
        except ProofError:
            accepted = False
        assert accepted is not case["wantErr"], f"{name}: {case['desc']}"


def _root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + _root_by_definition(leaves[:split]) + _root_by_definition(leaves[split:])).digest()


SIZES = sorted({0, 1, 2, 3, *(2**k + d for k in range(1, 7) for d in (-1, 0, 1))})


@pytest.mark.parametrize("size", SIZES)
def test_frontier_is_the_tree_and_survives_storage(size: int) -> None:
    leaves = [merkle.leaf_hash(b"%d" % i) for i in range(size)]
    frontier = Frontier()
    for at, leaf in enumerate(leaves):
        assert frontier.root() == _root_by_definition(leaves[:at])
        frontier = Frontier.from_bytes(frontier.size, frontier.to_bytes())
        frontier.append(leaf)
    assert frontier.root() == _root_by_definition(leaves) == merkle.root_of(leaves)


@given(st.integers(1, 90), st.data())
def test_proofs_prove_and_only_what_is_true(size: int, data: st.DataObject) -> None:
    leaves = [merkle.leaf_hash(b"%d" % i) for i in range(size)]
    root = merkle.root_of(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(leaves, index)
    merkle.verify_inclusion(leaves[index], index, size, proof, root)
    with pytest.raises(ProofError):
        merkle.verify_inclusion(merkle.leaf_hash(b"other"), index, size, proof, root)
    first = data.draw(st.integers(1, size))
    consistency = merkle.consistency_proof(leaves, first)
    old = merkle.root_of(leaves[:first])
    merkle.verify_consistency(first, size, consistency, old, root)
    with pytest.raises(ProofError):
        merkle.verify_consistency(first, size, consistency, merkle.leaf_hash(b"x"), root)


@pytest.mark.parametrize(("size", "nodes"), [(1, 0), (0, 1), (3, 1), (-1, 0)])
def test_a_frontier_of_the_wrong_shape_is_refused(size: int, nodes: int) -> None:
    with pytest.raises(ProofError):
        Frontier(size, [b"\x00" * 32] * nodes)
