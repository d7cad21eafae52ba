"""Python environments for real clients that cannot share ours, or that we do not want to depend on.

Rule: made once by uv from a fixed list of requirements, kept in a cache folder under a name that hashes the list, and
used by every later session. Only when the package index cannot be reached is a test skipped, by name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SENDERS = (
    "drt-core==1.2.1",
    "dlt==1.31.0",
    "singer-sdk==0.54.9",
    "simple-salesforce==1.12.10",
    "hubspot-api-client==12.0.0",
    "slack-sdk==3.47.0",
    "rudder-sdk-python==2.1.9",
    "databricks-sdk==0.156.0",
)
WAREHOUSE = (
    "dbt-core>=1.11,<1.12",
    "dbt-snowflake>=1.11,<1.13",
    "fakesnow[server]==0.12.1",
    "snowflake-connector-python<5",
)
_UNREACHABLE = ("dns error", "failed to fetch", "error sending request", "connection refused", "network is unreachable")


def python_with(name: str, requirements: tuple[str, ...]) -> Path:
    """The interpreter of an environment with these requirements; skips the test when no index can be reached."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("needs uv")
    folder = _cache() / f"{name}-{hashlib.sha256(repr((requirements, sys.version)).encode()).hexdigest()[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    python, ready = folder / "bin" / "python", folder / "ready"
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # sessions beside each other make it once
        if not ready.exists():
            _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
            _run(uv, "pip", "install", "--quiet", "--python", str(python), *requirements)
            ready.write_text("\n".join(requirements))
    return python


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "clyra-tests"


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode == 0:
        return
    said = done.stderr.lower()
    if any(sign in said for sign in _UNREACHABLE):
        pytest.skip("needs a package index")
    raise AssertionError(f"{words[0]} {words[1]} failed:\n{done.stderr[-2000:]}")
