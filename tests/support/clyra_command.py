"""Run the `clyra` command line as a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def clyra(
    *arguments: str | Path, home: Path | None = None, env: Mapping[str, str] | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """`clyra ARGUMENTS` to its end; stdout and stderr as text."""
    return subprocess.run(
        clyra_argv(*arguments),
        env=clyra_environment(home, env),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def clyra_argv(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "clyra_proxy.cli.main", *map(str, arguments)]


def clyra_environment(home: Path | None, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without colour settings, with the data folder chosen."""
    chosen = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "CLYRA_HOME"}}
    chosen["COLUMNS"] = "120"
    if home is not None:
        chosen["CLYRA_HOME"] = str(home)
    return chosen | dict(env or {})
