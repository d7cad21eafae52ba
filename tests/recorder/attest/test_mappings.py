"""The shipped control mappings: strict, complete, and careful with words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recorder.attest import controls
from recorder.attest.registry import TESTS

FOLDER = Path(__file__).parents[3] / "compliance"
REQUIRED = ("eu-ai-act", "hipaa", "nist-rmf", "pci", "sox", "tcpa")


def test_the_frameworks_that_were_promised_are_there() -> None:
    assert controls.framework_names() == REQUIRED


@pytest.mark.parametrize("name", REQUIRED)
def test_a_mapping_loads_and_names_itself(name: str) -> None:
    mapping = controls.load(name)
    assert mapping.framework.framework == name
    for control in mapping.framework.controls:
        assert control.shows.endswith(".")
        assert control.cannot_show.endswith(".")


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_no_mapping_says_that_anybody_is_compliant(file: Path) -> None:
    assert not re.search(r"\b(non-?)?complian(t|ce)\b|certif(y|ied)", file.read_text(), re.IGNORECASE)


def test_every_test_of_the_closed_set_is_used() -> None:
    used = {
        use.test for name in REQUIRED for control in controls.load(name).framework.controls for use in control.tests
    }
    assert used == set(TESTS)


def test_sox_asks_for_three_different_people_and_seven_years() -> None:
    uses = {use.test: use.parameters for control in controls.load("sox").framework.controls for use in control.tests}
    assert uses["duties_segregated"] == {"deployer": True}
    assert uses["retention_set"] == {"years": 7}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("duties_segregated", "duties_segregatet", "the nearest is `duties_segregated`"),
        ("{years: 7}", "{yeers: 7}", "yeers"),
        ("{years: 7}", "{years: -7}", "greater than or equal to 0"),
        ("id: SOX-CM-2", "id: SOX-CM-1", "occur twice"),
        ("    source: regsx", "    source: nowhere", "unknown sources: nowhere"),
        ("version: 1", "version: 1\nresult: pass", "result"),
        ("version: 1", "version: 1\nversion: 1", "written twice"),
        ("framework: sox", "framework: [", "expected"),
    ],
)
def test_what_is_wrong_in_a_mapping_is_said(old: str, new: str, said: str, tmp_path: Path) -> None:
    text = (FOLDER / "sox.yaml").read_text()
    assert old in text
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(controls.MappingError) as caught:
        controls.load_file(file)
    assert said in str(caught.value)


def test_an_unknown_framework_is_answered_with_the_nearest() -> None:
    with pytest.raises(controls.MappingError, match="hipaa"):
        controls.load("hippa")


def test_every_test_and_parameter_is_documented() -> None:
    text = (FOLDER.parent / "docs" / "attestations.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    told = {name: row for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert set(told) == set(TESTS)
    for name, row in told.items():
        assert set(re.findall(r"`(\w+)`", row.split("|")[3])) == set(TESTS[name].parameters.model_fields), name
