"""`clyra report` as a user runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from recorder.layout import Layout
from tests.support.clyra_command import clyra
from tests.support.evidence_log import EvidenceLog, denied, exchange


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Path]:
    log = EvidenceLog(tmp_path_factory.mktemp("home"))
    return log.layout, log.write([exchange("a"), denied("b")]).seal()


@pytest.mark.parametrize(
    ("name", "start"), [("terminal", b"Daily"), ("markdown", b"# Daily"), ("html", b"<!doc"), ("pdf", b"%PDF")]
)
def test_every_format_is_written(home: tuple[Layout, Path], name: str, start: bytes, tmp_path: Path) -> None:
    target = tmp_path / "review"
    done = clyra("report", "--daily-review", "--format", name, "--output", target, home=home[0].root)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert target.read_bytes().startswith(start)


def test_bundles_and_log_tell_the_same(home: tuple[Layout, Path]) -> None:
    words = ("report", "--daily-review", "--date", "all")
    of_log, of_bundle = clyra(*words, home=home[0].root), clyra(*words, home[1], home=home[0].root)
    assert of_log.returncode == of_bundle.returncode == 0
    assert of_log.stdout.splitlines()[3].split("   ")[:3] == of_bundle.stdout.splitlines()[3].split("   ")[:3]
    assert "2 exchanges" in of_log.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--daily-review"),
        (("--daily-review", "--date", "today"), "is not a day"),
        (("--daily-review", "--format", "pdf"), "--output"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(home: tuple[Layout, Path], words: tuple[str, ...], said: str) -> None:
    done: subprocess.CompletedProcess[str] = clyra("report", *words, home=home[0].root)
    assert (done.returncode, said in done.stderr) == (64, True), done.stderr
