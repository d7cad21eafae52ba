"""The golden vectors are what the generator makes, cover every code, and get the same answer from every verifier."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from recorder.verify.codes import CODES
from vectors import run
from vectors.corpus import ROOT, Vector, lay_out, load
from vectors.generator import reference

pytestmark = pytest.mark.timeout(600)  # more than a thousand cases, each several processes on a busy machine
VECTORS = load()
BY_ID = {vector.id: vector for vector in VECTORS}
MAX_BYTES = 8 << 20


def test_the_committed_vectors_are_what_the_generator_makes() -> None:
    command = [sys.executable, "-m", "vectors.generator", "--check"]
    done = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def test_every_code_has_a_case_and_a_twin_without_it() -> None:
    """A refusal is some case's first code; a warning is in some case; the twin of one of them does not have it."""
    lacking = []
    for code in CODES:
        cases = [vector for vector in VECTORS if (code in vector.codes if code[0] == "W" else vector.first == code)]
        twins = [BY_ID[vector.twin] for vector in cases if vector.twin]
        if not any(code not in twin.codes for twin in twins):
            lacking.append(code)
    assert lacking == []


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


@pytest.mark.parametrize(("name", "every"), [("Go", 8), ("TypeScript", 16)])
def test_another_verifier_gives_the_same_answers(name: str, every: int) -> None:
    """By default some of the cases: a process for each step takes its time, most of all where Node has to start."""
    verifier = _another(name)
    mine = run.chosen(VECTORS, verifier, ())[::every]
    wrong = run.run_all(mine, verifier, 2, lambda _: None)
    assert {identifier: BY_ID[identifier].title for identifier in wrong} == {}
    assert len(mine) > 50


@pytest.mark.comprehensive
@pytest.mark.parametrize("name", ["Go", "TypeScript"])
def test_another_verifier_gives_the_same_answer_to_every_case(name: str) -> None:
    verifier = _another(name)
    wrong = run.run_all(run.chosen(VECTORS, verifier, ()), verifier, 2, lambda _: None)
    assert {identifier: BY_ID[identifier].title for identifier in wrong} == {}


def test_the_command_line_verifier_is_the_reference() -> None:
    """A few cases through a process of its own: words, exit codes and output are the same."""
    vectors: list[Vector] = VECTORS[:: len(VECTORS) // 6]
    python = run.known()[0]
    assert run.run_all(vectors, python, 2, lambda _: None) == {}
