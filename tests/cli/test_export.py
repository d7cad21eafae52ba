"""`clyra export` as a user runs it, on a bundle that a real recorder sealed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from scitt_cose import receipt as oracle

from recorder.layout import Layout
from tests.support.clyra_command import clyra
from tests.support.evidence_log import EvidenceLog, denied, exchange, log_key_pem

FORMATS = ("ocsf", "ecs", "csv", "otel", "ai-agent-action", "scitt")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Path]:
    log = EvidenceLog(tmp_path_factory.mktemp("home"))
    log.write([exchange("a"), exchange("b", phase="intent"), denied("c"), exchange("b", phase="outcome")])
    path = log.seal()
    return log.layout, path


@pytest.mark.parametrize("name", FORMATS)
def test_a_bundle_and_its_log_are_written_in_every_format(
    sealed: tuple[Layout, Path], name: str, tmp_path: Path
) -> None:
    layout, path = sealed
    for number, source in enumerate(([path], [])):
        target = tmp_path / str(number)
        done = clyra("export", *source, "--format", name, "--output", target, home=layout.root)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert target.stat().st_size > 500
        assert target.stat().st_mode & 0o777 == 0o600


def test_without_a_file_it_goes_to_stdout(sealed: tuple[Layout, Path]) -> None:
    done = clyra("export", sealed[1], "--format", "ocsf", "--seq", "4", home=sealed[0].root)
    (event,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert event["metadata"]["sequence"] == 4


def test_the_receipt_of_one_record_is_bare_cbor(sealed: tuple[Layout, Path], tmp_path: Path) -> None:
    layout, path = sealed
    target = tmp_path / "one.cose"
    done = clyra("export", path, "--format", "scitt", "--seq", "3", "--output", target, home=layout.root)
    assert done.returncode == 0, done.stderr
    line = zipfile.ZipFile(path).read("records.jsonl").splitlines()[3]
    result = oracle.verify_receipt(
        target.read_bytes(), leaf_entry_hex=line.hex(), log_public_key_pem=log_key_pem(layout)
    )
    assert result.ok, result.errors


def test_a_rejected_bundle_needs_force(sealed: tuple[Layout, Path], tmp_path: Path) -> None:
    layout, path = sealed
    damaged = tmp_path / "damaged.zip"
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"transport.sha256") + 40] ^= 1
    damaged.write_bytes(raw)
    target = tmp_path / "out.csv"
    refused = clyra("export", damaged, "--format", "csv", "--output", target, home=layout.root)
    assert refused.returncode == 1
    assert "is rejected" in refused.stderr
    assert "--force" in refused.stderr
    assert not target.exists()
    forced = clyra("export", damaged, "--format", "csv", "--output", target, "--force", home=layout.root)
    assert forced.returncode == 0, forced.stderr
    assert ",rejected," in target.read_text()


@pytest.mark.parametrize(
    "words",
    [("--format", "ocsf", "--sign"), ("--format", "xml"), ("BUNDLE", "--format", "csv", "--start", "1"), ()],
)
def test_what_makes_no_sense_is_a_usage_error(sealed: tuple[Layout, Path], words: tuple[str, ...]) -> None:
    given = [sealed[1] if word == "BUNDLE" else word for word in words]
    assert clyra("export", *given, home=sealed[0].root).returncode == 64


def test_a_file_that_is_not_there_is_named(sealed: tuple[Layout, Path]) -> None:
    done = clyra("export", "nowhere.zip", "--format", "csv", home=sealed[0].root)
    assert done.returncode == 1
    assert "nowhere.zip" in done.stderr
