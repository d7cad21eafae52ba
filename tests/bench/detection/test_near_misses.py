"""Near misses: two halves that share nothing, and a page that counts what is flagged."""

from __future__ import annotations

import re

import pytest

from bench.detection.corpus import Row
from bench.detection.measuring import Scored
from bench.detection.near_misses import is_suspicious, near_misses
from bench.detection.page_near import table


def test_no_text_is_in_both_halves() -> None:
    halves = [{re.sub(r"\W+", " ", row.text.lower()).strip() for row in near_misses(half)} for half in HALVES]
    assert not halves[0] & halves[1]
    for half, texts in zip(HALVES, halves, strict=True):
        assert len(texts) == len(near_misses(half)) >= 250


HALVES = ("training", "held_back")


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
