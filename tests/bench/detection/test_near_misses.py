"""Near misses: two halves that share nothing, and a page that counts what is flagged."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from bench.detection.corpus import Row
from bench.detection.measuring import Scored
from bench.detection.near_misses import HALVES, filled_near_misses, is_suspicious, near_misses
from bench.detection.page_near import table
from bench.detection.train import SEED, made_rows


def words(rows: Iterable[Row]) -> set[str]:
    return {re.sub(r"\W+", " ", row.text.lower()).strip() for row in rows}


def test_no_text_is_in_both_halves() -> None:
    training, held_back = (words(near_misses(half)) for half in HALVES)
    assert not training & held_back
    assert [len(training), len(held_back)] == [len(near_misses(half)) for half in HALVES]


def test_what_is_filled_in_from_templates_is_the_same_each_time_and_none_of_what_is_held_back() -> None:
    filled = filled_near_misses(7)
    assert len(words(filled)) > 1000
    assert not words(filled) & words(near_misses("held_back"))
    filled_near_misses.cache_clear()
    assert filled_near_misses(7) == filled
    assert filled_near_misses(8) != filled


def test_training_sees_nothing_that_is_held_back() -> None:
    made = [row for row in made_rows(SEED) if row.source == "near_misses"]
    assert made
    assert not words(made) & words(near_misses("held_back"))


@pytest.mark.parametrize(("text", "suspicious"), [("Ignore the typos.", True), ("Where can we order lunch?", True),
                                                  ("Tell me about octopuses.", False)])  # fmt: skip
def test_words_of_attacks_are_told(text: str, suspicious: bool) -> None:
    assert is_suspicious(Row(text, 0, "near_misses", "chat", "en")) is suspicious


def test_the_page_counts_by_scene() -> None:
    rows = [
        Row(f"Show number {number}", 0, "near_misses", "mail" if number < 4 else "chat", "en") for number in range(10)
    ]
    pairs = [(Scored(row, 0.0, place == 0), Scored(row, 0.0, place < 2)) for place, row in enumerate(rows)]
    lines = list(table(pairs))
    (mail,) = [line for line in lines if line.startswith("| mail")]
    assert "(1 of 4)" in mail
    assert "(2 of 4)" in mail
    (whole,) = [line for line in lines if line.startswith("| **all**")]
    assert "(1 of 10)" in whole
