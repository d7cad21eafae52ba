"""Signed results: verified by the verifier as attestations of the bundle, and never more than what was computed."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from oscal_bindings.v1.models import AssessmentResults

from recorder import dsse, statement
from recorder.attest import controls, oscal, result
from recorder.attest.append import append
from recorder.attest.evaluate import Assessment, assess
from recorder.errors import RecorderError
from recorder.keys import LocalKey
from recorder.layout import Layout
from recorder.reading import open_bundle
from recorder.verify.bundle import verify
from recorder.verify.options import Options
from tests.support.evidence_log import EvidenceLog, denied, exchange, trust_with_auditor

AT = "2026-11-22T12:00:00Z"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Path]:
    log = EvidenceLog(tmp_path_factory.mktemp("home"))
    writes = [exchange("a", phase="intent"), exchange("a", phase="outcome"), denied("b")]
    path = log.write([*writes, exchange("c", agent={"auth": "none"})]).seal()
    return log.layout, path


@pytest.fixture
def copy(sealed: tuple[Layout, Path], tmp_path: Path) -> Path:
    return Path(shutil.copy(sealed[1], tmp_path / "evidence.zip"))


def _assess(layout: Layout, path: Path, framework: str = "sox") -> Assessment:
    return assess(controls.load(framework), open_bundle(path, layout.trust.read_bytes()))


def _payload(envelope: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dsse.parse(envelope, statement.PAYLOAD_TYPE).payload)
    return found


@pytest.mark.parametrize("signer", ["seal", "auditor"])
def test_the_verifier_accepts_both_statements(sealed: tuple[Layout, Path], copy: Path, signer: str) -> None:
    layout, _ = sealed
    auditor = LocalKey.generate()
    key = auditor if signer == "auditor" else layout.keys.signing_key("seal")
    trusted = trust_with_auditor(layout, auditor)
    before = verify(copy, Options(trust=trusted)).document()
    append(copy, result.members(_assess(layout, copy), key, AT))
    with zipfile.ZipFile(copy) as packed:
        assert sum(name.startswith("attestations/sox-") for name in packed.namelist()) == 2
    assert verify(copy, Options(trust=trusted)).document() == before


def test_a_key_that_nobody_trusts_attests_nothing(sealed: tuple[Layout, Path], copy: Path) -> None:
    layout, _ = sealed
    append(copy, result.members(_assess(layout, copy), LocalKey.generate(), AT))
    assert verify(copy, Options(trust=layout.trust.read_bytes())).document()["first"] == "E_DSSE_SIG"


def test_an_attestation_of_another_bundle_is_found(sealed: tuple[Layout, Path], copy: Path, tmp_path: Path) -> None:
    layout, _ = sealed
    other = EvidenceLog(tmp_path / "other").write([exchange("z")])
    assessment = _assess(other.layout, other.seal())
    append(copy, result.members(assessment, layout.keys.signing_key("seal"), AT))
    assert verify(copy, Options(trust=layout.trust.read_bytes())).document()["first"] == "E_MEMBER_DIGEST"


def test_the_result_has_every_control_with_its_proof(sealed: tuple[Layout, Path]) -> None:
    layout, path = sealed
    assessment = _assess(layout, path)
    document = result.result_statement(assessment, AT)
    predicate = document["predicate"]
    assert document["predicateType"] == "https://clyra.dev/ns/compliance/result/v0"
    assert document["subject"][0]["digest"]["sha256"] == assessment.provenance.bundle.removeprefix("sha256:")
    assert [c["id"] for c in predicate["controls"]] == [c.id for c in assessment.mapping.framework.controls]
    assert sum(predicate["summary"].values()) == len(predicate["controls"])
    for control in predicate["controls"]:
        assert control["cannot_show"]
        for test in control["tests"]:
            assert test["counts"]
            assert (test["result"] == "fail") <= bool(test["failures"])


def test_a_verification_result_names_the_passes_only(sealed: tuple[Layout, Path]) -> None:
    layout, path = sealed
    assessment = _assess(layout, path)
    document = result.verification_statement(assessment, AT)
    assert document is not None
    predicate = document["predicate"]
    passed = {control.control.id for control in assessment.controls if control.result == "pass"}
    assert set(predicate) == {"verifier", "timeCreated", "properties"}
    assert predicate["verifier"]["policies"][0]["digest"]["sha256"] == assessment.mapping.sha256
    assert set(predicate["properties"]) == {result.property_of("sox", name) for name in passed}
    assert 0 < len(passed) < len(assessment.controls)


def test_nothing_that_is_signed_says_that_anybody_is_compliant(sealed: tuple[Layout, Path]) -> None:
    layout, path = sealed
    for framework in controls.framework_names():
        assessment = _assess(layout, path, framework)
        members = result.members(assessment, layout.keys.signing_key("seal"), AT)
        texts = [json.dumps(_payload(raw)) for raw in members.values()]
        texts.append(json.dumps(oscal.assessment_results(assessment)))
        assert not any("compliant" in text.lower() for text in texts)


def test_oscal_is_what_nist_describes_and_the_same_every_time(sealed: tuple[Layout, Path]) -> None:
    layout, path = sealed
    for framework in controls.framework_names():
        document = oscal.assessment_results(_assess(layout, path, framework))
        assert oscal.assessment_results(_assess(layout, path, framework)) == document
        AssessmentResults.model_validate(document["assessment-results"])
        (found,) = document["assessment-results"]["results"]
        observations = {entry["uuid"] for entry in found["observations"]}
        assert len(observations) == len(found["observations"])
        related = {
            link["observation-uuid"] for finding in found["findings"] for link in finding["related-observations"]
        }
        assert related == observations
        states = {finding["target"]["status"]["state"] for finding in found["findings"]}
        assert states <= {"satisfied", "not-satisfied"}


def test_another_bundle_gets_other_identifiers(sealed: tuple[Layout, Path], tmp_path: Path) -> None:
    other = EvidenceLog(tmp_path / "other").write([exchange("z")])
    one = oscal.assessment_results(_assess(*sealed))
    two = oscal.assessment_results(_assess(other.layout, other.seal()))
    assert one["assessment-results"]["uuid"] != two["assessment-results"]["uuid"]


def test_a_damaged_bundle_is_left_as_it_is(copy: Path) -> None:
    raw = bytearray(copy.read_bytes())
    raw[raw.index(b"transport.sha256") + 40] ^= 1
    copy.write_bytes(raw)
    with pytest.raises(RecorderError):
        append(copy, {"attestations/x.dsse.json": b"{}"})
    assert copy.read_bytes() == raw
    assert list(copy.parent.iterdir()) == [copy]


@pytest.mark.parametrize("name", ["records.jsonl", "attestations/UPPER.json", "anchors/1.cosig"])
def test_nothing_but_attestations_can_be_added(copy: Path, name: str) -> None:
    with pytest.raises(ValueError, match="only attestations"):
        append(copy, {name: b""})


def test_a_folder_is_attested_as_the_zip_is(sealed: tuple[Layout, Path], tmp_path: Path) -> None:
    layout, path = sealed
    folder = tmp_path / "bundle"
    with zipfile.ZipFile(path) as packed:
        packed.extractall(folder)
    (folder / "transport.sha256").unlink()
    append(folder, result.members(_assess(layout, folder), layout.keys.signing_key("seal"), AT))
    assert verify(folder, Options(trust=layout.trust.read_bytes())).document()["verdict"] == "prefix"
