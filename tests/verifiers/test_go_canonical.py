"""DEF-JSON in Go and in Python: the same answer to every line, sound or hostile."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder import canonical
from tests.support.go_verifier import GoVerifier
from tests.support.hostile_lines import hostile_lines


def _answer(line: bytes) -> bytes:
    try:
        canonical.check(line)
    except canonical.CanonicalError as error:
        return error.code.encode()
    return b"ok"


def _differences(go: GoVerifier, lines: Iterable[bytes]) -> list[tuple[bytes, bytes, bytes]]:
    """(line, Python's answer, Go's answer) where they are not the same."""
    every = list(lines)
    answers = go.run("canon", stdin=b"".join(line + b"\n" for line in every)).stdout.splitlines()
    assert len(answers) == len(every)
    return [
        (line, wanted, got)
        for line, got in zip(every, answers, strict=True)
        if (wanted := _answer(line)) != got
    ]  # fmt: skip


def test_twenty_thousand_lines(go: GoVerifier) -> None:
    assert _differences(go, hostile_lines(1, 20_000))[:5] == []


def test_the_lines_reach_every_answer() -> None:
    """Otherwise agreement would say little."""
    answers = {_answer(line) for line in hostile_lines(1, 20_000)}
    codes = {b"E_SIZE", b"E_UTF8", b"E_DEPTH", b"E_CANON", b"E_DUP_KEY", b"E_KEYNAME", b"E_NUM"}
    assert answers == codes | {b"ok"}


@pytest.mark.comprehensive
@pytest.mark.timeout(1200)
def test_a_million_lines(go: GoVerifier) -> None:
    for seed in range(100, 150):
        assert _differences(go, hostile_lines(seed, 20_000))[:5] == []


@given(st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode)), min_size=1, max_size=40))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_lines(go: GoVerifier, lines: list[bytes]) -> None:
    assert _differences(go, [line.replace(b"\n", b"") for line in lines]) == []


def test_lines_and_ends(go: GoVerifier) -> None:
    """An empty line is a line; the last one needs no newline; a line longer than any buffer is read whole."""
    done = go.run("canon", stdin=b"\n{}\n" + b'"' + b"x" * 300_000 + b'"\n1')
    assert done.stdout.split() == [b"E_CANON", b"ok", b"E_SIZE", b"ok"]
