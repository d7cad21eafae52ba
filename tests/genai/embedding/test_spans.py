"""Spans: every word is in one, none is long, and their number follows the size of the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.genai.embedding.spans import LETTERS, STEP, WORDS, cut

LONGEST = WORDS * (LETTERS + 1)


@given(st.text(max_size=5000))
def test_spans_hold_every_word_and_are_bounded(text: str) -> None:
    spans = cut(text)
    assert spans
    assert max(map(len, spans)) <= LONGEST
    assert len(spans) <= 1 + len(text) // STEP
    together = "".join(spans)
    assert set("".join(text.split())) <= set(together) | {""}


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", [""]),
        (" \n\t ", [""]),
        ("one  two\nthree", ["one two three"]),
        ("x" * (LETTERS + 1), ["x" * (LETTERS + 1)]),
        ("a " * WORDS, [" ".join("a" * WORDS)]),
    ],
)
def test_short_texts_are_one_span(text: str, spans: list[str]) -> None:
    assert cut(text) == spans


def test_spans_overlap_by_half() -> None:
    words = [f"w{number}" for number in range(WORDS + STEP + 1)]
    spans = [span.split() for span in cut(" ".join(words))]
    assert spans == [words[:WORDS], words[STEP : STEP + WORDS], words[2 * STEP :]]


def test_blanks_cost_nothing() -> None:
    """A megabyte of blanks between two words is one blank to the encoder."""
    assert cut("ignore" + " " * 1_000_000 + "this") == ["ignore this"]
