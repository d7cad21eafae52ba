"""The demo is the product's promise in one command: it must keep it, and must fail when it cannot."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.processes import run
from tests.support.proxy import CLYRA


def test_the_whole_story_comes_true(tmp_path: Path) -> None:
    done = run([*CLYRA, "demo", "--keep", str(tmp_path / "a demo")], env={"NO_COLOR": "1"}, seconds=110)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every step did what it should." in done.stdout
    assert "✗" not in done.stdout


def test_without_a_client_it_says_so_and_fails(tmp_path: Path) -> None:
    """A PATH without Node: that step cannot be shown, so the demo did not show everything."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        if Path(folder, "curl").exists() and not (tools / "curl").exists():
            (tools / "curl").symlink_to(Path(folder, "curl"))
    done = run([*CLYRA, "demo"], env={"NO_COLOR": "1", "PATH": str(tools)}, seconds=110)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Node.js is not installed" in done.stdout
