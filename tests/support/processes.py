"""Starting real programs for tests: wait until ready, keep their output, end only what was started.

Rule: a process is ended by its own id, and its output is part of the failure when it does not come up.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil


class NotReadyError(AssertionError):
    """The program ended or stayed silent; the message carries the end of its output."""


class Running:
    """A started program. stdout and stderr go to `log` together."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else {**os.environ, **env},
                cwd=cwd,
            )

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until(self, ready: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        """Wait for `ready()`; raises NotReadyError when the program ends first or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            if ready():
                return
            if not self.alive:
                raise NotReadyError(f"ended with {self.process.returncode} before {what}:\n{self.output()[-4000:]}")
            if time.monotonic() > deadline:
                raise NotReadyError(f"no {what} within {seconds:g} s:\n{self.output()[-4000:]}")
            time.sleep(0.02)

    def wait_for_line(self, pattern: str, seconds: float = 30.0) -> re.Match[str]:
        """The first match of `pattern` in the output."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            match = re.search(pattern, self.output(), re.MULTILINE)
            if match:
                found.append(match)
            return bool(match)

        self.wait_until(look, f"line matching {pattern!r}", seconds)
        return found[0]

    def wait_for_port(self, port: int, host: str = "127.0.0.1", seconds: float = 30.0) -> None:
        self.wait_until(lambda: accepts(host, port), f"listener on {host}:{port}", seconds)

    def stop(self, seconds: float = 15.0) -> int:
        """SIGTERM, and SIGKILL to it and its children when it does not obey. Returns the exit status."""
        if self.alive:
            children = _children(self.pid)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
            for child in children:
                _kill_quietly(child)
        return self.process.wait(seconds)

    def kill(self) -> int:
        """SIGKILL to it and its children; what they listened on is closed when this returns."""
        children = _children(self.pid)
        self.process.kill()
        for child in children:
            _kill_quietly(child)
        status = self.process.wait(10)
        ended = time.monotonic() + 30
        while any(map(_lives, children)) and time.monotonic() < ended:
            time.sleep(0.01)
        return status


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seconds: float = 60.0,
    check: bool = False,
    input: bytes | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end with its output captured as text; `env` is added to the present one."""
    done = subprocess.run(
        [str(word) for word in argv],
        env=None if env is None else {**os.environ, **env},
        cwd=cwd,
        capture_output=True,
        timeout=seconds,
        check=False,
        input=input,
    )
    text = subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )
    if check and text.returncode:
        raise AssertionError(f"{argv[0]} ended with {text.returncode}:\n{text.stdout[-4000:]}\n{text.stderr[-4000:]}")
    return text


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on now. Prefer letting the program bind port 0."""
    with socket.create_server((host, 0)) as probe:
        return int(probe.getsockname()[1])


def accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 0.5):
            return True
    except OSError:
        return False


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill_quietly(child: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        child.kill()  # psutil compares the creation time first: a reused id is left alone


def _lives(child: psutil.Process) -> bool:
    """Whether it still holds anything: a zombie has let go of its files, and only waits for its parent."""
    try:
        return child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
