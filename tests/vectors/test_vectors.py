"""The golden vectors are what the generator makes, cover every code, and get the same answer from every verifier."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vectors import run
from vectors.corpus import ROOT, Vector, lay_out, load
from vectors.generator import reference

VECTORS = load()
BY_ID = {vector.id: vector for vector in VECTORS}
MAX_BYTES = 8 << 20


def test_the_committed_vectors_are_what_the_generator_makes() -> None:
    command = [sys.executable, "-m", "vectors.generator", "--check"]
    done = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def test_every_twin_is_not_rejected() -> None:
    wrong = [v.title for v in VECTORS if v.twin and BY_ID[v.twin].verdict not in ("verified", "prefix")]
    assert wrong == []
    assert [v.title for v in VECTORS if v.verdict == "rejected" and not v.twin] == []


def test_ids_give_nothing_away_and_the_corpus_is_small() -> None:
    assert len(BY_ID) == len(VECTORS)
    used = {digest for vector in VECTORS for digest in vector.files.values()}
    paths = list((ROOT / "files").iterdir())
    assert {path.name for path in paths} == used
    assert sum(path.stat().st_size for path in [*paths, ROOT / "manifest.json"]) < MAX_BYTES
    assert all(vector.not_asserted for vector in VECTORS)


def test_the_reference_answers_every_case(tmp_path: Path) -> None:
    wrong = []
    for number, vector in enumerate(VECTORS):
        folder = tmp_path / str(number)
        folder.mkdir()
        lay_out(vector, folder)
        answers = [reference.answer(folder, step.arguments) for step in vector.steps]
        if answers != [(step.exit, step.report) for step in vector.steps] or [*run.left_behind(vector, folder)]:
            wrong.append((vector.id, vector.title))
    assert wrong == []


def _another(name: str) -> run.Verifier:
    found = [verifier for verifier in run.known() if verifier.name == name]
    if not found:
        pytest.skip(f"the {name} verifier is not built")
    return found[0]


@pytest.mark.parametrize(("name", "every"), [("Go", 1), ("TypeScript", 4)])
def test_another_verifier_gives_the_same_answers(name: str, every: int) -> None:
    """Node takes a while to start, so by default only some cases go through the TypeScript verifier."""
    verifier = _another(name)
    mine = run.chosen(VECTORS, verifier, ())[::every]
    wrong = run.run_all(mine, verifier, 2, lambda _: None)
    assert {identifier: BY_ID[identifier].title for identifier in wrong} == {}
    assert len(mine) > 100


@pytest.mark.comprehensive
@pytest.mark.timeout(900)
def test_the_typescript_verifier_gives_the_same_answer_to_every_case() -> None:
    verifier = _another("TypeScript")
    wrong = run.run_all(run.chosen(VECTORS, verifier, ()), verifier, 2, lambda _: None)
    assert {identifier: BY_ID[identifier].title for identifier in wrong} == {}


def test_the_command_line_verifier_is_the_reference() -> None:
    """A few cases through a process of its own: words, exit codes and output are the same."""
    vectors: list[Vector] = VECTORS[:: max(1, len(VECTORS) // 12)]
    python = run.known()[0]
    assert run.run_all(vectors, python, 2, lambda _: None) == {}
