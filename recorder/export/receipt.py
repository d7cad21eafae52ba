"""COSE receipts of inclusion (RFC 9942) for records: proof and signature that a SCITT verifier reads (RFC 9943).

A receipt is a COSE_Sign1 by the log key whose detached payload is the root of our tree, with the inclusion proof in
the unprotected header. Nothing is converted: RFC9162_SHA256 is the very tree the recorder keeps, and the entry is the
record's exact line. The log key signs nothing here that it has not signed as a checkpoint before: a rejected bundle,
or one whose end another key has signed, gets no receipt.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final

import cbor2
import orjson

from recorder import NAMESPACE, note, statement
from recorder.errors import RecorderError
from recorder.export.tree import WindowTree
from recorder.keys import SigningKey
from recorder.reading import BundleEvidence, Evidence, EvidenceRejectedError, Provenance

ALG, KID, CWT_CLAIMS, VDS, VDP = 1, 4, 15, 395, 396
"""COSE header labels: algorithm, key id, CWT claims; verifiable data structure, its proofs (RFC 9942 section 2)."""
EDDSA: Final = -8
RFC9162_SHA256: Final = 1
INCLUSION: Final = -1
_ISSUER, _SUBJECT = 1, 2
_SIGN1_TAG: Final = 18


def write(evidence: Evidence, key: SigningKey, only: int | None = None) -> Iterator[bytes]:
    """NDJSON, a line a record: its number, its exact bytes as `entry`, and its `receipt`, both base64url.

    only: the bare CBOR receipt of one record instead. Raises RecorderError.
    """
    _check_signer(evidence, key)
    tree = WindowTree(evidence.frontier(), (item.leaf for item in evidence.items()))
    try:
        signer = _Signer(tree, key, evidence.provenance)
        if only is not None:
            yield signer.receipt(only)
            return
        for item in evidence.items():
            line = {
                "seq": item.seq,
                "tree_size": tree.end,
                "entry": _base64url(item.line),
                "receipt": _base64url(signer.receipt(item.seq)),
                "evidence": evidence.provenance.document(),
            }
            yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    finally:
        tree.close()


class _Signer:
    """Receipts under one root: the signature is the same for all of them, so it is made once."""

    def __init__(self, tree: WindowTree, key: SigningKey, provenance: Provenance) -> None:
        claims = {_ISSUER: f"{NAMESPACE}/log/{provenance.origin}", _SUBJECT: f"{provenance.origin}/{tree.end}"}
        header = {ALG: EDDSA, KID: bytes.fromhex(key.key_id), CWT_CLAIMS: claims, VDS: RFC9162_SHA256}
        self._tree = tree
        self._protected = cbor2.dumps(header, canonical=True)
        signed = cbor2.dumps(["Signature1", self._protected, b"", tree.root])
        self._signature = key.sign(signed)

    def receipt(self, seq: int) -> bytes:
        if not self._tree.start <= seq < self._tree.end:
            raise RecorderError(f"Record {seq} is not in [{self._tree.start}, {self._tree.end}).")
        proof = cbor2.dumps([self._tree.end, seq, self._tree.proof(seq)])
        message: list[Any] = [self._protected, {VDP: {INCLUSION: [proof]}}, None, self._signature]
        return cbor2.dumps(cbor2.CBORTag(_SIGN1_TAG, message))


def _check_signer(evidence: Evidence, key: SigningKey) -> None:
    if evidence.provenance.forced:
        raise EvidenceRejectedError("A rejected bundle gets no receipts.", "The log key must not sign over it.")
    if not isinstance(evidence, BundleEvidence):
        return
    raw = evidence.member(statement.TREE_END)
    checkpoint = note.parse_checkpoint(raw) if raw is not None else None
    own = [(key.public, key.public)]
    if checkpoint is None or note.signed_by(checkpoint, evidence.provenance.origin, own) is None:
        raise RecorderError(
            "This log key has not signed the end of that bundle.",
            "A receipt speaks for the log, so only the log's own key can make it.",
            "Give the data folder of the log with --home.",
        )


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
