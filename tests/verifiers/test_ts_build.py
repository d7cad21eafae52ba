"""What is committed of the TypeScript verifier is what its sources give: the bundles, and the schemas inside."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import orjson
import pytest

from recorder import record
from recorder.record_schemas import ENVELOPE, composed
from tests.support.ts_verifier import BROWSER_BUNDLE, PROGRAM, SOURCES, node, run


def test_it_has_the_schemas_of_this_checkout() -> None:
    lines = run("schemas").stdout.splitlines()
    found = {name.decode(): schema for name, _, schema in (line.partition(b" ") for line in lines)}
    assert found == {name: composed(name).rstrip() for name in (*record.TYPES, ENVELOPE)}


def test_it_names_no_registry() -> None:
    lock = orjson.loads((SOURCES / "package-lock.json").read_bytes())
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_the_committed_bundles_are_what_the_sources_give(tmp_path: Path) -> None:
    """Types are checked strictly on the way."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    node()
    copy = tmp_path / "verifiers" / "ts"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("dist", "node_modules"))
    schemas = tmp_path / "recorder" / "schemas"
    shutil.copytree(Path(record.__file__).parent / "schemas", schemas)
    installed = subprocess.run([npm, "ci", "--ignore-scripts"], cwd=copy, capture_output=True, check=False, timeout=90)
    if installed.returncode != 0:
        pytest.skip("npm ci cannot fetch the locked tools")
    built = subprocess.run([npm, "run", "build"], cwd=copy, capture_output=True, check=False, timeout=90)
    assert built.returncode == 0, built.stdout.decode() + built.stderr.decode()
    assert (copy / "src" / "schemas.json").read_bytes() == (SOURCES / "src" / "schemas.json").read_bytes()
    for committed in (PROGRAM, BROWSER_BUNDLE):
        assert (copy / "dist" / committed.name).read_bytes() == committed.read_bytes(), f"stale: {committed.name}"
