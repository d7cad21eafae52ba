"""What is timed is of the size and kind that the table says, and no text comes twice."""

from __future__ import annotations

import pytest

from bench.detection.corpus import Row
from bench.detection.unseen import KINDS, Took, table, texts

ROWS = [Row(f"{number} " + "word " * (150 + number), number % 2, "source", "benign", "en") for number in range(60)]


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_of_the_size_and_all_different(kind: str) -> None:
    made = list(texts(ROWS, kind, 1000, seed=1))
    assert len(made) == len(set(made)) > 10
    assert all(700 <= len(text) <= 1100 for text in made)


def test_the_table_names_the_goal() -> None:
    parts = {"injection": (1.0, 2.0), "leaks": (0.5, 0.5), "mail": (0.1, 0.2)}
    line = list(table([Took("mixed", 1000, (3.0, 4.0), (1.0, 2.5), parts)]))[-1]
    assert line == "| mixed | 1000 | 3.00 / 4.00 | 1.00 / 2.50 | 2 | 1.00 / 2.00 | 0.50 / 0.50 | 0.10 / 0.20 |"
