"""Somebody has the Go program, the trust file and the bundle, and does what the bundle's read-me says."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

from tests.support.evidence_log import EvidenceLog, exchange
from tests.support.go_verifier import GoVerifier


def test_the_readme_is_enough(tmp_path: Path) -> None:
    log = EvidenceLog(tmp_path / "home")
    log.write([exchange(f"x{number}") for number in range(20)])
    layout = log.close()
    sealed = log.seal()
    desk = tmp_path / "desk"
    desk.mkdir()
    GoVerifier.built_in(desk)
    shutil.copy(sealed, desk / "evidence.zip")
    shutil.copy(layout.trust, desk / "trust.json")
    with zipfile.ZipFile(desk / "evidence.zip") as container:
        readme = container.read("readme.txt").decode()
    command = next(line for line in readme.splitlines() if line.strip().startswith("clyra-verify verify "))
    line = command.strip().split("  ")[0].replace("THIS_FILE", "evidence.zip").split()
    done = subprocess.run([desk / line[0], *line[1:]], cwd=desk, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "intact, end not anchored" in done.stdout.lower()
    (desk / "evidence.zip").write_bytes((desk / "evidence.zip").read_bytes()[:-1])
    done = subprocess.run([desk / line[0], *line[1:]], cwd=desk, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
