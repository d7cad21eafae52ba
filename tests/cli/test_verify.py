"""`clyra verify`, `verify-record` and `evidence prove` as a user runs them, on what a real recorder sealed."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from recorder.layout import Layout
from recorder.seal import seal_window
from tests.support.clyra_command import clyra
from tests.support.evidence_log import EvidenceLog, exchange


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Path]:
    log = EvidenceLog(tmp_path_factory.mktemp("home"))
    log.write([exchange("a"), exchange("b")])
    path = log.seal()
    return log.layout, path


def test_it_says_what_is_proven_exposed_and_not_asserted(sealed: tuple[Layout, Path]) -> None:
    layout, path = sealed
    done = clyra("verify", path, "--explain", home=layout.root)
    assert done.returncode == 3, done.stderr
    for words in ("INTACT, END NOT ANCHORED", "Proven:", "Exposure:", "Not asserted:", "Not proven:"):
        assert words in done.stdout
    brief = clyra("verify", path, home=layout.root)
    assert "Exposure:" in brief.stdout
    assert "P_TAIL_UNANCHORED" in brief.stdout


def test_memory_and_checkpoints_are_files(sealed: tuple[Layout, Path], tmp_path: Path) -> None:
    layout, path = sealed
    words = ("verify", path, "--json", "--memory", tmp_path / "memory.json")
    first = clyra(*words, home=layout.root)
    assert (first.returncode, json.loads(first.stdout)["verdict"]) == (3, "prefix")
    again = clyra(*words, home=layout.root)
    assert (again.returncode, json.loads(again.stdout)["verdict"]) == (0, "verified")
    both = clyra("verify", path, path, "--json", home=layout.root)
    assert [json.loads(line)["verdict"] for line in both.stdout.splitlines()] == ["prefix", "verified"]
    (tmp_path / "memory.json").write_text("{}")
    broken = clyra(*words, home=layout.root)
    assert broken.returncode == 2
    assert "not a verifier's memory" in broken.stderr
    light = clyra("verify", path, "--json", "--level", "L0", home=layout.root)
    assert json.loads(light.stdout)["level"] == "L0"


def test_one_record_goes_out_with_its_proof(sealed: tuple[Layout, Path], tmp_path: Path) -> None:
    layout, _ = sealed
    target = tmp_path / "record.tlog-proof"
    made = clyra("evidence", "prove", "--seq", "4", "--out", target, home=layout.root)
    assert made.returncode == 0, made.stderr
    assert target.read_text().startswith("c2sp.org/tlog-proof@v1\n")
    done = clyra("verify-record", target, "--trust", layout.trust, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "VERIFIED: record 4" in done.stdout
    report = clyra("verify-record", target, "--json", home=layout.root)
    assert json.loads(report.stdout)["seq"] == 4
    target.write_bytes(target.read_bytes().replace(b"index 4", b"index 5"))
    assert clyra("verify-record", target, home=layout.root).returncode == 1
    absent = clyra("evidence", "prove", "--seq", "4000", home=layout.root)
    assert absent.returncode == 1
    assert "The log has no record 4000" in absent.stderr


def test_a_later_bundle_is_connected_to_what_somebody_kept(tmp_path: Path) -> None:
    log = EvidenceLog(tmp_path / "home")
    log.write([exchange("a"), exchange("b"), exchange("c")])
    layout, size = log.close(), 5
    earlier, later = seal_window(layout, 0, size), seal_window(layout, size + 1, None).path
    kept = tmp_path / "kept"
    with ZipFile(earlier.path) as bundle:
        kept.write_bytes(bundle.read("tree/end"))
    words = ("verify", "--json", "--checkpoint", kept)
    alone = clyra(*words, later, home=layout.root)
    assert "checkpoint: older than the window" in json.loads(alone.stdout)["skipped"]
    made = clyra(
        "evidence", "connect", later, "--from", str(size), "--out", tmp_path / "connected.zip", home=layout.root
    )
    assert made.returncode == 0, made.stderr
    found = json.loads(clyra(*words, tmp_path / "connected.zip", home=layout.root).stdout)
    assert (found["anchored_end"], found["skipped"]) == (size, [])
    wrong = clyra("evidence", "connect", later, "--from", "4000", "--out", tmp_path / "no.zip", home=layout.root)
    assert wrong.returncode == 1
