"""Three readers of DEF-JSON in three languages give every hostile line the same answer: `ok` or the same code."""

from __future__ import annotations

import subprocess
import tempfile
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from tests.conformance.hostile_lines import hostile_lines
from vectors import run

CHUNK = 50_000
CODES = {"ok", "E_UTF8", "E_CANON", "E_NUM", "E_KEYNAME", "E_DEPTH", "E_SIZE", "E_DUP_KEY"}


def _answers(verifier: run.Verifier, lines: Path) -> list[str]:
    with lines.open("rb") as source:
        done = subprocess.run(
            [*verifier.command, "canon"], stdin=source, capture_output=True, check=True, cwd=run.CHECKOUT, timeout=600
        )
    return done.stdout.decode().split("\n")[:-1]


def _compare(count: int) -> tuple[Counter[str], list[tuple[bytes, list[str]]]]:
    """How often each answer came, and lines that two readers judged otherwise."""
    verifiers = run.known()
    if len(verifiers) < 3:
        pytest.skip("the Go and the TypeScript verifier are not both built")
    found: Counter[str] = Counter()
    wrong: list[tuple[bytes, list[str]]] = []
    source = hostile_lines(2026)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines"
        for start in range(0, count, CHUNK):
            lines = list(islice(source, min(CHUNK, count - start)))
            path.write_bytes(b"".join(line + b"\n" for line in lines))
            answers = [_answers(verifier, path) for verifier in verifiers]
            assert [len(one) for one in answers] == [len(lines)] * len(verifiers)
            for line, *given in zip(lines, *answers, strict=True):
                found[given[0]] += 1
                if len(set(given)) > 1:
                    wrong.append((line[:300], given))
    return found, wrong


@pytest.mark.timeout(600)
def test_twenty_thousand_hostile_lines() -> None:
    found, wrong = _compare(20_000)
    assert wrong == []
    assert set(found) == CODES
    assert min(found.values()) >= 5


@pytest.mark.comprehensive
@pytest.mark.timeout(3600)
def test_a_million_hostile_lines() -> None:
    found, wrong = _compare(1_000_000)
    assert wrong == []
    assert set(found) == CODES
    assert found.total() == 1_000_000
