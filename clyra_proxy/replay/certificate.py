"""The replay certificate: a signed in-toto statement of what judging a bundle again gave, and checking it by doing so.

Subjects are the bundle and the policy, by digest. There is no clock in it: the same bundle, policy and version give the
same payload. Checking trusts no word of it: the signature is held against the trust file, and everything else is
computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from clyra_proxy import __version__
from clyra_proxy.replay.judging import Replayer
from clyra_proxy.replay.reasons import Code
from clyra_proxy.replay.running import Totals, replay
from recorder import NAMESPACE, dsse, statement, strict_json, trust
from recorder.keys import SigningKey
from recorder.reading import BundleEvidence, Progress

PREDICATE_TYPE: Final = f"{NAMESPACE}/pef/replay/v0"
ENGINE: Final = f"clyra/{__version__}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a certificate does not hold. detail: for people."""

    code: Code
    detail: str


def make_statement(bundle: BundleEvidence, replayer: Replayer, totals: Totals) -> dict[str, Any]:
    """The statement of a replay that ran to its end."""
    policy = replayer.policy.compiled.sha256
    return {
        "_type": statement.STATEMENT_TYPE,
        "subject": [
            {"name": "bundle", "digest": {"sha256": bundle.provenance.bundle.removeprefix("sha256:")}},
            {"name": "policy", "digest": {"sha256": policy}},
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "evidence": _evidence(bundle),
            "engine": ENGINE,
            "policy_sha256": policy,
            "recorded_policies": sorted(replayer.then),
            "assume_findings": replayer.assume,
            "summary": totals.document(),
            "codes": totals.codes(),
        },
    }


def sign(document: dict[str, Any], key: SigningKey) -> bytes:
    """The DSSE envelope of a certificate."""
    return dsse.sign(strict_json.write(document), statement.PAYLOAD_TYPE, [key])


def check(
    raw: bytes, bundle: BundleEvidence, replayer: Replayer, trusted: trust.Trust, progress: Progress | None = None
) -> Refusal | None:
    """Hold a certificate against bundle, policy and trust file, by judging everything again; None when it holds."""
    try:
        envelope = dsse.parse(raw, statement.PAYLOAD_TYPE)
        document = strict_json.read(envelope.payload)
        predicate, subjects = document["predicate"], [item["digest"]["sha256"] for item in document["subject"]]
        engine, assume = predicate["engine"], predicate["assume_findings"]
    except (dsse.DsseError, strict_json.StrictJsonError, KeyError, TypeError) as error:
        return Refusal(Code.R_FORMAT, f"not a replay certificate: {error}")
    for refusal in (
        _type(document),
        _signature(envelope, trusted, bundle.provenance.end),
        _subjects(subjects, bundle, replayer),
        None if engine == ENGINE else Refusal(Code.R_ENGINE, f"made by {engine}, this is {ENGINE}"),
        _verdict(bundle),
    ):
        if refusal is not None:
            return refusal
    if assume is not replayer.assume or predicate.get("recorded_policies") != sorted(replayer.then):
        return Refusal(Code.R_POLICY, "it was made with other --recorded-policy or --assume-findings")
    totals = Totals()
    for _ in replay(bundle, replayer, totals, progress):
        pass
    if make_statement(bundle, replayer, totals) != document:
        return Refusal(Code.R_RESULT, "judging again gives another result")
    return None


def _evidence(bundle: BundleEvidence) -> dict[str, Any]:
    """Whose records; without what reached the verifier from outside, which differs from reader to reader."""
    provenance = bundle.provenance
    return {"origin": provenance.origin, "start": provenance.start, "end": provenance.end}


def _type(document: dict[str, Any]) -> Refusal | None:
    right = document.get("_type") == statement.STATEMENT_TYPE and document.get("predicateType") == PREDICATE_TYPE
    return None if right else Refusal(Code.R_TYPE, str(document.get("predicateType", "no predicate type"))[:120])


def _signature(envelope: dsse.Envelope, trusted: trust.Trust, size: int) -> Refusal | None:
    roles = ("seal", "auditor")
    keys = {key.key_id: key for role in roles for key in trusted.of_role(role) if not key.refusal_at(size, lower=False)}
    signers = envelope.signers(keys)
    named = [name for name, _ in envelope.signatures if name in keys]
    return None if signers and signers == named else Refusal(Code.R_SIG, "no trusted seal or auditor key has signed it")


def _subjects(subjects: Sequence[str], bundle: BundleEvidence, replayer: Replayer) -> Refusal | None:
    digest, policy = bundle.provenance.bundle.removeprefix("sha256:"), replayer.policy.compiled.sha256
    if not subjects or subjects[0] != digest:
        return Refusal(Code.R_BUNDLE, f"it is about {(subjects or ['nothing'])[0][:16]}, this is {digest[:16]}")
    if subjects[1:] != [policy]:
        return Refusal(Code.R_POLICY, f"it is about another policy than {policy[:16]}")
    return None


def _verdict(bundle: BundleEvidence) -> Refusal | None:
    sound = bundle.provenance.verdict in ("verified", "prefix")
    return None if sound else Refusal(Code.R_EVIDENCE, f"the bundle is {bundle.provenance.verdict}")
