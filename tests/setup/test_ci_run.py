"""`.ci/run` must not be fooled: a failure, a missing data folder or an empty run is never green."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.processes import run

ROOT = Path(__file__).resolve().parents[2]
SUMMARY = "================== 812 passed, 3 skipped, 9 deselected in 301.20s (0:05:01) =================="
SKIP_OTHER = "SKIPPED [1] tests/e2e/test_clients.py:120: needs node"
SKIP_SHARED = "SKIPPED [4] tests/conftest.py:18: needs ../shared/data"


@pytest.mark.parametrize(
    ("output", "status", "green"),
    [
        ([SKIP_OTHER, SUMMARY], 0, True),
        ([SKIP_SHARED, SUMMARY], 0, False),
        ([SUMMARY], 2, False),
        (["========== no tests ran in 0.10s =========="], 0, False),
        (["nothing of the kind"], 0, False),
    ],
)
def test_it_judges_the_run_of_make_test(tmp_path: Path, output: list[str], status: int, green: bool) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    make = tmp_path / "bin" / "make"
    make.parent.mkdir()
    lines = "\n".join(f"echo '{line}'" for line in output)
    make.write_text(f'#!/usr/bin/env bash\n[ "$*" = test ] || exit 9\n{lines}\nexit {status}\n')
    make.chmod(0o755)
    done = run(["bash", tmp_path / ".ci" / "run"], env={"PATH": f"{make.parent}{os.pathsep}{os.environ['PATH']}"})
    assert (done.returncode == 0) is green, done.stdout + done.stderr
    if green:
        assert done.stdout.splitlines()[-1] == SUMMARY
