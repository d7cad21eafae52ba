"""Checking one record with its proof: is it, byte for byte, in a tree that the log's key signed?

It shows nothing about the records around it, and nothing about what came later.
"""

from __future__ import annotations

from recorder import note
from recorder import trust as trust_file
from recorder.effective_keys import effective_keys
from recorder.merkle import ProofError, leaf_hash, verify_inclusion
from recorder.proof import ProofFormatError, RecordProof, parse
from recorder.verify.reading import read_record
from recorder.verify.report import RecordReport
from recorder.verify.signatures import checkpoint_refusal


def verify_record(raw: bytes, trusted: bytes | None = None) -> RecordReport:
    """Check a proof, with a trust file if there is one."""
    report = RecordReport()
    trust = _trust(report, trusted)
    try:
        proof = parse(raw)
    except ProofFormatError as error:
        report.fail("E_PROOF_FORMAT", str(error))
        return report
    report.seq = proof.index
    try:
        checkpoint = note.parse_checkpoint(proof.checkpoint)
    except note.NoteError as error:
        report.fail(error.code, error.detail)
        return report
    report.origin, report.size = checkpoint.origin, checkpoint.size
    if trust is not None:
        _check_signer(report, checkpoint, trust)
    _check_line(report, proof, checkpoint.origin)
    try:
        verify_inclusion(leaf_hash(proof.line), proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    except ProofError as error:
        report.fail("E_ROOT", str(error))
    return report


def _trust(report: RecordReport, raw: bytes | None) -> trust_file.Trust | None:
    if raw is None:
        report.fail("I_TRUST_MISSING")
        return None
    try:
        return trust_file.load(raw)
    except trust_file.TrustError as error:
        report.fail(error.code, error.detail)
        return None


def _check_signer(report: RecordReport, checkpoint: note.Checkpoint, trust: trust_file.Trust) -> None:
    if checkpoint.origin != trust.origin:
        report.fail("E_CKPT_ORIGIN", "the trust file is of another log")
    ring = effective_keys(trust, checkpoint.origin, checkpoint.size)
    code = checkpoint_refusal(checkpoint, ring, checkpoint.origin, lower=True)
    if code:
        report.fail(code, "it is not signed by a log key in force")


def _check_line(report: RecordReport, proof: RecordProof, origin: str) -> None:
    value, code, detail = read_record(proof.line)
    if code:
        report.fail(code, detail)
    if value is None:
        return
    if value["origin"] != origin:
        report.fail("E_ORIGIN", "the record is of another log")
    if value["seq"] != proof.index:
        report.fail("E_SEQ", f"it says {value['seq']}")
