"""What others say about this bundle: signed results that name it by its digest.

An attestation proves who said it about which evidence. Whether what it says is right is not judged here.
"""

from __future__ import annotations

from typing import Any, Final

from recorder import NAMESPACE, dsse, statement, strict_json
from recorder.effective_keys import KeyRing

RESULT: Final = f"{NAMESPACE}/compliance/result/v0"
SVR: Final = "https://in-toto.io/attestation/svr/v0.2"
MAX_BYTES: Final = dsse.MAX_BYTES


def check_attestation(raw: bytes, ring: KeyRing, digest: str, end: int) -> tuple[str, str]:
    """(code, detail), or ("", "") when it is good. digest: of the bundle, `sha256:...`."""
    try:
        envelope = dsse.parse(raw, statement.PAYLOAD_TYPE)
    except dsse.DsseError as error:
        return error.code, error.detail
    keys = {key.key_id: key for role in ("seal", "auditor") for key in ring.of_role(role)}
    signers = envelope.signers(keys)
    if signers != envelope.claims(keys) or all(keys[name].refusal_at(end, lower=False) for name in signers):
        return "E_DSSE_SIG", "not signed by a trusted auditor or by the seal key"
    try:
        document = strict_json.read(envelope.payload)
    except strict_json.StrictJsonError as error:
        return "E_STMT_TYPE", error.detail
    return _check_statement(document, digest.removeprefix("sha256:"))


def _check_statement(document: Any, digest: str) -> tuple[str, str]:
    if not isinstance(document, dict) or document.get("_type") != statement.STATEMENT_TYPE:
        return "E_STMT_TYPE", "not an in-toto Statement v1"
    subjects = document.get("subject")
    if not isinstance(subjects, list):
        return "E_STMT_TYPE", "it has no list of subjects"
    if document.get("predicateType") not in (RESULT, SVR):
        return "E_STMT_PREDICATE", "a kind of statement that is no result"
    if not any(_digest_of(subject) == digest for subject in subjects):
        return "E_MEMBER_DIGEST", "it is about other evidence"
    return "", ""


def _digest_of(subject: Any) -> str:
    digest = subject.get("digest") if isinstance(subject, dict) else None
    found = digest.get("sha256") if isinstance(digest, dict) else None
    return found if isinstance(found, str) else ""
