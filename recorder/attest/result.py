"""The signed words about an assessment: our result statement with every control, and an in-toto SVR for the passes.

Both are Statement v1 whose subject is the bundle digest, in DSSE, by an auditor's key or the seal key, so that all
verifiers check them as attestations of the bundle. The result says which controls operated and which did not, with
record numbers as proof. Nothing here says that anybody or anything satisfies a law.
"""

from __future__ import annotations

from typing import Any, Final

from recorder import NAMESPACE, __version__, dsse, statement, strict_json
from recorder.attest.evaluate import Assessment
from recorder.attest.outcome import PASS
from recorder.errors import RecorderError
from recorder.keys import SigningKey

RESULT_TYPE: Final = f"{NAMESPACE}/compliance/result/v0"
SVR_TYPE: Final = "https://in-toto.io/attestation/svr/v0.2"
_PREFIX: Final = "CLYRA"


def result_statement(assessment: Assessment, at: str) -> dict[str, Any]:
    """Every control with its result. at: RFC 3339 time of the evaluation."""
    predicate = {**assessment.document(), "evaluated_at": at}
    return _statement(assessment, RESULT_TYPE, predicate)


def verification_statement(assessment: Assessment, at: str) -> dict[str, Any] | None:
    """An in-toto Simple Verification Result v0.2 of the controls that passed; None when none did."""
    framework = assessment.mapping.framework
    passed = [control.control.id for control in assessment.controls if control.result == PASS]
    if not passed:
        return None
    policy = {
        "uri": f"{NAMESPACE}/compliance/{framework.framework}/v{framework.version}",
        "digest": {"sha256": assessment.mapping.sha256},
    }
    predicate = {
        "verifier": {"id": f"{NAMESPACE}/compliance/evaluator/v{__version__}", "policies": [policy]},
        "timeCreated": at,
        "properties": [property_of(framework.framework, name) for name in passed],
    }
    return _statement(assessment, SVR_TYPE, predicate)


def property_of(framework: str, control: str) -> str:
    """The name of a passed control in an SVR, scoped as the predicate asks: `CLYRA_SOX_CM_1`."""
    scope = framework.upper().replace("-", "_")
    own = control.upper().replace("-", "_").replace(".", "_")
    return f"{_PREFIX}_{own}" if own.startswith(f"{scope}_") else f"{_PREFIX}_{scope}_{own}"


def sign(document: dict[str, Any], key: SigningKey) -> bytes:
    """The DSSE envelope of a statement."""
    return dsse.sign(strict_json.write(document), statement.PAYLOAD_TYPE, [key])


def members(assessment: Assessment, key: SigningKey, at: str) -> dict[str, bytes]:
    """The attestations as bundle members: name -> envelope. Raises RecorderError for evidence without a digest."""
    if not assessment.provenance.bundle:
        raise RecorderError("Only a sealed bundle can be attested.", "An attestation names the bundle by its digest.")
    stem = f"attestations/{assessment.mapping.framework.framework}-{{}}-{key.key_id[:16]}.dsse.json"
    found = {stem.format("result"): sign(result_statement(assessment, at), key)}
    verification = verification_statement(assessment, at)
    if verification is not None:
        found[stem.format("svr")] = sign(verification, key)
    return found


def _statement(assessment: Assessment, predicate_type: str, predicate: dict[str, Any]) -> dict[str, Any]:
    digest = assessment.provenance.bundle.removeprefix("sha256:")
    return {
        "_type": statement.STATEMENT_TYPE,
        "subject": [{"name": "bundle", "digest": {"sha256": digest}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
