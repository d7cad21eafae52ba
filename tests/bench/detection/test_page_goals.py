"""What the page says of bounds and goals follows from the scores, not from hope."""

from __future__ import annotations

import pytest

from bench.detection.corpus import Row
from bench.detection.measuring import Scored
from bench.detection.page_goals import bounds_and_goals


def scored(kind: str, label: int, flagged: int, total: int) -> list[Scored]:
    row = Row("a text", label, "somewhere", kind, "en")
    return [Scored(row, 5.0 * (number < flagged), number < flagged) for number in range(total)]


@pytest.mark.parametrize(("alone", "there", "held"), [(1, 1, True), (1, 2, False), (2, 1, False)])
def test_a_bound_is_held_only_alone_and_in_place(alone: int, there: int, held: bool) -> None:
    page = "\n".join(
        bounds_and_goals(
            dict.fromkeys((1, 2), scored("benign", 0, alone, 1000)),
            scored("benign", 0, there, 1000),
        )
    )
    (line,) = [line for line in page.splitlines() if line.startswith("| ordinary |")]
    assert ("**not held**" not in line) is held


@pytest.mark.parametrize(("found", "word"), [(75, "| reached |"), (74, "| **missed** |")])
def test_a_goal_is_reached_or_said_to_be_missed(found: int, word: str) -> None:
    attacks = scored("direct", 1, found, 100)
    page = "\n".join(bounds_and_goals({1: attacks, 2: attacks}, attacks))
    (line,) = [line for line in page.splitlines() if line.startswith("| direct override")]
    assert word in line
