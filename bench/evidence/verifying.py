"""Verification in full (level L2) by each verifier as its user runs it: a process, start-up included."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREFIX_EXIT = 3
"""A freshly sealed bundle is sound, and nothing outside confirms its end yet."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """One of the three implementations. command: everything before the bundle."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """seconds: wall clock. peak_mb: the largest resident memory of the process. report: its exact bytes."""

    seconds: float
    peak_mb: float
    report: bytes


def available() -> list[Verifier]:
    """The verifiers that are built here; building is `make verifiers`."""
    found = [Verifier("Python", (sys.executable, "-P", "-m", "recorder.verify"))]
    binary = ROOT / "verifiers/go/bin/clyra-verify"
    if binary.exists():
        found.append(Verifier("Go", (str(binary),)))
    script = ROOT / "verifiers/ts/dist/clyra-verify.mjs"
    node = shutil.which("node")
    if script.exists() and node:
        found.append(Verifier("TypeScript", (node, str(script))))
    return found


def run(verifier: Verifier, bundle: Path, trust: Path, *options: str) -> Measured:
    """One verification. Raises RuntimeError when the bundle is not found sound."""
    command = [*verifier.command, "verify", str(bundle), f"--trust={trust}", "--json", *options]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        report = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode != PREFIX_EXIT or json.loads(report)["verdict"] != "prefix":
        raise RuntimeError(f"{verifier.name} says {report[:400]!r} (exit {process.returncode})")
    return Measured(seconds, usage.ru_maxrss / 1024, report)
