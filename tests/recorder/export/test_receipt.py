"""COSE receipts: decoded and verified by an independent library, and by hand, on every shape of window."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from scitt_cose import receipt as oracle

from recorder.errors import RecorderError
from recorder.export import receipt
from recorder.export.tree import WindowTree
from recorder.layout import Layout
from recorder.merkle import Frontier, inclusion_proof, root_of, verify_inclusion
from recorder.reading import EvidenceRejectedError, open_bundle, open_log
from recorder.seal import seal_window
from tests.support.evidence_log import EvidenceLog, exchange, log_key_pem


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    found = EvidenceLog(tmp_path_factory.mktemp("log"))
    return found.write([exchange(f"x{n}") for n in range(17)]).close()


@settings(max_examples=120)
@given(st.integers(0, 70).flatmap(lambda start: st.tuples(st.just(start), st.integers(start + 1, 75))))
def test_every_proof_of_every_window_leads_to_the_root(window: tuple[int, int]) -> None:
    start, end = window
    leaves = [sha256(b"leaf %d" % n).digest() for n in range(end)]
    frontier = Frontier()
    for leaf in leaves[:start]:
        frontier.append(leaf)
    tree = WindowTree(frontier, leaves[start:])
    try:
        assert tree.root == root_of(leaves)
        for index in range(start, end):
            assert tree.proof(index) == inclusion_proof(leaves, index)
            verify_inclusion(leaves[index], index, end, tree.proof(index), tree.root)
        if start:
            with pytest.raises(ValueError, match="not in the window"):
                tree.proof(start - 1)
    finally:
        tree.close()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _receipts(layout: Layout, start: int, end: int | None) -> Iterator[tuple[int, bytes, bytes]]:
    evidence = open_log(layout, start, end)
    for line in receipt.write(evidence, layout.keys.signing_key("log")):
        document = json.loads(line)
        yield document["seq"], _decoded(document["entry"]), _decoded(document["receipt"])


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 1), (3, 9), (8, 16), (5, 20)])
def test_an_independent_library_accepts_every_receipt(log: Layout, start: int, end: int | None) -> None:
    found = list(_receipts(log, start, end))
    assert [seq for seq, _, _ in found] == list(range(start, end or found[-1][0] + 1))
    for seq, entry, raw in found:
        result = oracle.verify_receipt(raw, leaf_entry_hex=entry.hex(), log_public_key_pem=log_key_pem(log))
        assert result.ok, result.errors
        assert (result.leaf_index, result.tree_size) == (seq, end or found[-1][0] + 1)
        assert result.issuer
        assert result.subject


def test_the_independent_library_refuses_another_entry(log: Layout) -> None:
    _, entry, raw = next(_receipts(log, 0, None))
    assert not oracle.verify_receipt(raw, leaf_entry_hex=(entry + b" ").hex(), log_public_key_pem=log_key_pem(log)).ok


def test_its_structure_is_that_of_rfc_9942(log: Layout) -> None:
    _, entry, raw = next(_receipts(log, 4, 11))
    tagged = cbor2.loads(raw)
    protected, unprotected, payload, signature = tagged.value
    assert tagged.tag == 18
    assert payload is None
    header = cbor2.loads(protected)
    assert header[1] == -8
    assert header[395] == 1
    assert header[4] == bytes.fromhex(log.keys.signing_key("log").key_id)
    size, index, path = cbor2.loads(unprotected[396][-1][0])
    assert (size, index) == (11, 4)
    root = WindowTree(Frontier(), [item.leaf for item in open_log(log, 0, 11).items()]).root
    verify_inclusion(sha256(b"\x00" + entry).digest(), index, size, list(path), root)
    signed = cbor2.dumps(["Signature1", protected, b"", root])
    Ed25519PublicKey.from_public_bytes(log.keys.signing_key("log").public).verify(signature, signed)


def test_a_bundle_gives_the_receipts_of_its_log(log: Layout) -> None:
    bundle = open_bundle(seal_window(log, 2, 13).path, log.trust.read_bytes())
    key = log.keys.signing_key("log")
    of_bundle = [json.loads(line)["receipt"] for line in receipt.write(bundle, key)]
    of_log = [json.loads(line)["receipt"] for line in receipt.write(open_log(log, 2, 13), key)]
    assert of_bundle == of_log


def test_the_bare_receipt_of_one_record(log: Layout) -> None:
    by_number = {seq: raw for seq, _, raw in _receipts(log, 0, None)}
    (raw,) = receipt.write(open_log(log), log.keys.signing_key("log"), 6)
    assert raw == by_number[6]
    with pytest.raises(RecorderError, match="not in"):
        list(receipt.write(open_log(log), log.keys.signing_key("log"), 999))


def test_another_log_key_signs_no_receipt(log: Layout, tmp_path: Path) -> None:
    other = EvidenceLog(tmp_path / "other").close()
    bundle = open_bundle(seal_window(log, 0, 5).path, log.trust.read_bytes())
    with pytest.raises(RecorderError, match="has not signed"):
        list(receipt.write(bundle, other.keys.signing_key("log")))


def test_a_rejected_bundle_gets_no_receipt(log: Layout, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.zip"
    raw = bytearray(seal_window(log, 0, 5).path.read_bytes())
    raw[raw.index(b"transport.sha256") + 40] ^= 1
    damaged.write_bytes(raw)
    with pytest.raises(EvidenceRejectedError):
        list(receipt.write(open_bundle(damaged, log.trust.read_bytes(), force=True), log.keys.signing_key("log")))
