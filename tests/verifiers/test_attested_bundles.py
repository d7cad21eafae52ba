"""What `clyra attest` signs is accepted, and what somebody else signs refused, by all three verifiers alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from recorder.attest import controls, result
from recorder.attest.append import append
from recorder.attest.evaluate import assess
from recorder.keys import LocalKey
from recorder.layout import Layout
from recorder.reading import open_bundle
from recorder.verify.bundle import verify
from recorder.verify.options import Options
from tests.support import ts_verifier
from tests.support.evidence_log import EvidenceLog, denied, exchange, trust_with_auditor
from tests.support.go_verifier import GoVerifier

AT = "2026-11-22T12:00:00Z"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Path]:
    log = EvidenceLog(tmp_path_factory.mktemp("home"))
    return log.layout, log.write([exchange("a"), denied("b")]).seal()


@pytest.mark.parametrize(
    ("signer", "first"), [("auditor", "P_TAIL_UNANCHORED"), ("seal", "P_TAIL_UNANCHORED"), ("stranger", "E_DSSE_SIG")]
)
def test_every_framework_is_judged_alike(
    go: GoVerifier, sealed: tuple[Layout, Path], signer: str, first: str, tmp_path: Path
) -> None:
    layout, path = sealed
    auditor = LocalKey.generate()
    keys = {"auditor": auditor, "seal": layout.keys.signing_key("seal"), "stranger": LocalKey.generate()}
    trusted = tmp_path / "trust.json"
    trusted.write_bytes(trust_with_auditor(layout, auditor))
    bundle = Path(shutil.copy(path, tmp_path / "evidence.zip"))
    evidence = open_bundle(bundle, trusted.read_bytes())
    for name in controls.framework_names():
        append(bundle, result.members(assess(controls.load(name), evidence), keys[signer], AT))
    expected = verify(bundle, Options(trust=trusted.read_bytes()))
    assert expected.document()["first"] == first
    assert go.reports([bundle], "--trust", trusted)[0] == [expected.to_bytes()]
    done = ts_verifier.run("verify", bundle, "--trust", trusted, "--json")
    assert done.stdout.splitlines() == [expected.to_bytes()]
