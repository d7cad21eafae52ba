"""`clyra attest` as a user runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from recorder.keys import LocalKey
from recorder.keys.providers import create_file
from recorder.layout import Layout
from tests.support.clyra_command import clyra
from tests.support.evidence_log import EvidenceLog, denied, exchange


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Path]:
    log = EvidenceLog(tmp_path_factory.mktemp("home"))
    return log.layout, log.write([exchange("a", phase="intent"), exchange("a", phase="outcome"), denied("b")]).seal()


@pytest.fixture
def bundle(home: tuple[Layout, Path], tmp_path: Path) -> Path:
    return Path(shutil.copy(home[1], tmp_path / "evidence.zip"))


def test_the_result_is_printed_appended_and_verifies(home: tuple[Layout, Path], bundle: Path, tmp_path: Path) -> None:
    report = tmp_path / "sar.json"
    done = clyra("attest", bundle, "--framework", "sox", "--append", "--oscal", report, home=home[0].root)
    assert done.returncode == 2, done.stderr
    assert "not-evidenced" in done.stdout
    assert "SOX-CO-1" in done.stdout
    assert json.loads(report.read_text())["assessment-results"]["results"]
    assert clyra("verify", bundle, home=home[0].root).returncode == 3
    assert "compliant" not in done.stdout.lower()


def test_an_auditor_signs_with_a_key_of_his_own(home: tuple[Layout, Path], bundle: Path, tmp_path: Path) -> None:
    auditor = LocalKey.generate()
    create_file(tmp_path / "auditor.key", auditor, None)
    out = tmp_path / "out"
    words = ("--framework", "pci", "--key", tmp_path / "auditor.key", "--output", out)
    done = clyra("attest", bundle, *words, home=home[0].root)
    assert done.returncode == 1, done.stderr  # bodies without commitments
    assert {path.name for path in out.iterdir()} == {
        f"pci-result-{auditor.key_id[:16]}.dsse.json",
        f"pci-svr-{auditor.key_id[:16]}.dsse.json",
    }


def test_json_is_the_predicate(home: tuple[Layout, Path], bundle: Path) -> None:
    done = clyra("attest", bundle, "--framework", "eu-ai-act", "--json", home=home[0].root)
    document = json.loads(done.stdout)
    assert document["framework"]["id"] == "eu-ai-act"
    assert sum(document["summary"].values()) == len(document["controls"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 64, "Name one framework"),
        (("--framework", "sox", "--mapping", "x.yaml"), 64, "Name one framework"),
        (("--framework", "sux"), 1, "The nearest is `sox`"),
        (("--mapping", "nowhere.yaml"), 1, "Cannot read nowhere.yaml"),
    ],
)
def test_what_is_wrong_is_said(
    home: tuple[Layout, Path], bundle: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = clyra("attest", bundle, *words, home=home[0].root)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
