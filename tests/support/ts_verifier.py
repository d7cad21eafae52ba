"""The TypeScript verifier as a real Node.js process, many command lines in one, compared with the Python verifier."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "verifiers" / "ts"
PROGRAM = SOURCES / "dist" / "clyra-verify.mjs"
BROWSER_BUNDLE = SOURCES / "dist" / "clyra-verify.browser.js"


def node() -> str:
    """Node.js, or skip the test by name."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node.js is not installed")
    return found


def run(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """One command line in a process of its own."""
    return subprocess.run([node(), PROGRAM, *arguments], input=stdin, capture_output=True, check=False)


def lines_of(word: str, lines: Iterable[bytes]) -> list[str]:
    """Answers of a hidden word that reads lines: `canon`, `crypto`."""
    done = run(word, stdin=b"".join(line + b"\n" for line in lines))
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return done.stdout.decode().splitlines()


class TsVerifier:
    """Command lines in turn, each as if in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def run(self, *arguments: str | Path) -> tuple[int, bytes]:
        """(exit code, standard output) of one command line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(one) for one in arguments]).encode() + b"\n")
        self._process.stdin.flush()
        printed: list[bytes] = []
        while not (line := self._process.stdout.readline()).startswith(b"exit "):
            assert line, f"the verifier ended at {arguments}"
            printed.append(line)
        return int(line.split()[1]), b"".join(printed)

    def report(self, bundle: Path, *options: str | Path) -> tuple[int, bytes]:
        """(exit code, report) of one bundle."""
        code, printed = self.run("verify", bundle, "--json", *options)
        return code, printed.removesuffix(b"\n")


@contextmanager
def running() -> Iterator[TsVerifier]:
    """A verifier that waits for command lines."""
    command: Sequence[str | Path] = [node(), PROGRAM, "cases"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield TsVerifier(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)
