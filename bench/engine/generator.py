"""The load generator `load.c`: built when needed, run pinned, its one JSON object parsed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("load.c")
NUMBERS = 10**8
"""More requests than one run can send: where numbers of the next run begin."""


class MissingToolError(Exception):
    """Something the benchmark needs is not on this machine; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. proxy: IP:PORT or "". origin: IP:PORT (plain) or NAME:PORT (TLS). trust: PEM for TLS."""

    origin: str
    proxy: str = ""
    trust: Path | None = None
    credentials: str = ""

    @property
    def arguments(self) -> list[str]:
        words = ["--target", self.origin]
        if self.proxy:
            words += ["--proxy", self.proxy]
        if self.trust is not None:
            words += ["--tls", str(self.trust), "--name", "localhost"]
        if self.credentials:
            words += ["--credentials", self.credentials]
        return words


@dataclass(frozen=True, slots=True)
class Result:
    """One run. Times in milliseconds, measured from the scheduled start in an open loop.

    partial: requests of which a part was refused (status 207).
    """

    rps: float
    p50: float
    p95: float
    p99: float
    worst: float
    requests: int
    failed: int
    partial: int = 0


class Generator:
    """Compiles `load.c` into `folder` and runs it on `cpu` (None: unpinned)."""

    def __init__(self, folder: Path, cpu: int | None) -> None:
        self._binary = folder / "load"
        self._cpu = cpu
        self._runs = 0
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise MissingToolError("no C compiler: install gcc and libssl-dev (`make bench-engine` does, as root)")
        words = [compiler, "-O2", "-o", str(self._binary), str(SOURCE), "-lssl", "-lcrypto"]
        built = subprocess.run(words, capture_output=True, text=True, check=False)
        if built.returncode:
            raise MissingToolError(f"load.c does not compile (is libssl-dev installed?):\n{built.stderr[-1500:]}")

    def run(
        self,
        target: Target,
        *,
        body: Path | None,
        connections: int = 16,
        seconds: float = 3.0,
        warmup: float = 0.5,
        rate: float = 0.0,
        requests: int = 0,
        pinned: bool = True,
        fresh: bool = False,
        path: str = "/",
        mix: Sequence[tuple[str, Path]] = (),
        vary: str = "",
    ) -> Result:
        """One measurement. Raises RuntimeError when a request failed: a broken run gives no number.

        mix: paths and bodies of requests that are sent in turn, instead of `path` and `body`. vary: a mark in bodies
        that becomes the number of the request, which no other run of this generator gives.
        """
        words = [str(self._binary), *target.arguments, "--connections", str(connections)]
        alone: list[tuple[str, Path | None]] = [(path, body)]
        for each, file in mix or alone:
            words += ["--path", each, *(["--body", str(file)] if file else [])]
        words += ["--seconds", str(seconds), "--warmup", str(warmup), "--rate", str(rate)]
        words += ["--requests", str(requests)] if requests else []
        words += ["--vary", vary, "--first", str(self._runs * NUMBERS)] if vary else []
        self._runs += 1
        words += ["--fresh-connections"] if fresh else []
        if pinned and self._cpu is not None:
            words = ["taskset", "-c", str(self._cpu), *words]
        done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ})
        if done.returncode:
            raise RuntimeError(f"the load generator failed: {done.stderr.strip()}")
        found = json.loads(done.stdout)
        if found["not_200"] or found["failed"]:
            raise RuntimeError(f"requests failed during the measurement: {found}")
        return Result(
            found["rps"], found["p50_ms"], found["p95_ms"], found["p99_ms"], found["max_ms"],
            found["requests"], found["failed"], found["partial"],
        )  # fmt: skip
