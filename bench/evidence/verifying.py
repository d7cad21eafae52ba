"""Verification in full (level L2) by each verifier as its user runs it: a process, start-up included."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
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
        peak: list[float] = [0.0]
        watcher = threading.Thread(target=_watch, args=(process.pid, peak))
        watcher.start()
        report = process.stdout.read()
        process.wait()
    seconds = time.perf_counter() - started
    watcher.join()
    if process.returncode != PREFIX_EXIT or json.loads(report)["verdict"] != "prefix":
        raise RuntimeError(f"{verifier.name} says {report[:400]!r} (exit {process.returncode})")
    return Measured(seconds, peak[0], report)


def _watch(pid: int, peak: list[float]) -> None:
    """Keep the high-water mark of a process in MB until it ends. (ru_maxrss would begin with its parent's.)"""
    status = Path(f"/proc/{pid}/status")
    while True:
        try:
            found = re.search(r"VmHWM:\s+([0-9]+) kB", status.read_text())
        except OSError:
            return
        if found is None:  # a zombie has no memory
            return
        peak[0] = int(found[1]) / 1024
        time.sleep(0.005)
