"""Suites that others wrote: no miss without a reason, the documented numbers are these, three verifiers agree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conformance import suites
from vectors import run


@pytest.mark.shared
def test_every_miss_has_a_reason_and_the_page_has_these_numbers(shared_data: Path) -> None:
    found = list(suites.run_all(shared_data))
    assert suites.unexplained(found) == []
    assert all(suite.cases > 0 for suite in found)
    assert suites.page_with(suites.table(found)) == suites.PAGE.read_text()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["Python", "Go", "TypeScript"])
def test_every_verifier_judges_every_signature_as_the_suites_do(shared_data: Path, name: str) -> None:
    """Wycheproof Ed25519 and P-256, and CCTV, through the verifier's own words."""
    verifiers = [verifier for verifier in run.known() if verifier.name == name]
    if not verifiers:
        pytest.skip(f"the {name} verifier is not built")
    cases = list(suites.signatures(shared_data))
    lines = [" ".join((algorithm, *(part.hex() or "-" for part in parts))) for algorithm, *parts, _ in cases]
    done = subprocess.run(
        [*verifiers[0].command, "crypto"],
        input="\n".join([*lines, ""]),
        capture_output=True,
        text=True,
        check=True,
        cwd=run.CHECKOUT,
        timeout=120,
    )
    answers = done.stdout.split("\n")[:-1]
    wrong = [
        (line, answer)
        for line, answer, (*_, good) in zip(lines, answers, cases, strict=True)
        if (answer == "good") is not good
    ]
    assert wrong == []
    assert sum(good for *_, good in cases) > 100
