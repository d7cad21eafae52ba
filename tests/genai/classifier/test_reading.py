"""Folding and word hashing: the same numbers for the same words, in linear time, for any text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.genai.classifier import Classifier
from clyra_proxy.genai.classifier.features import grams_of, over_windows, window_buckets
from clyra_proxy.genai.classifier.reading import hash_word, read

MODEL = Classifier.load()


def words_of(text: str) -> list[str]:
    reading = read(text, MODEL.fold, MODEL.kinds)
    points = [chr(point) for point in reading.points]
    return ["".join(points[start:end]) for start, end in zip(reading.starts, reading.ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ignore ALL  previous\tinstructions!", ["ignore", "all", "previous", "instructions"]),
        ("Ｉｇｎóre", ["ignore"]),
        ("𝔦𝔤𝔫𝔬𝔯𝔢", ["ignore"]),
        ("ig\u200bno\u00adre", ["ignore"]),
        ("don't", ["dont"]),
        ("无视之前", ["无", "视", "之", "前"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("code 12345", ["code", "00000"]),
        ("", []),
        ("!?…", []),
    ],
)
def test_words_are_folded(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text(max_size=300), st.text(max_size=50))
def test_a_word_hashes_alike_wherever_it_stands(before: str, after: str) -> None:
    reading = read(f"{before} disregard {after}", MODEL.fold, MODEL.kinds)
    assert hash_word("disregard", MODEL.fold, MODEL.kinds) in reading.words.tolist()


@given(st.text(max_size=2000))
def test_training_sees_the_windows_that_scoring_sees(text: str) -> None:
    grams = grams_of(read(text, MODEL.fold, MODEL.kinds))
    windows = window_buckets(grams)
    counted = over_windows(np.bincount(grams.blocks, minlength=grams.count).astype(float))
    assert [window.size for window in windows] == counted.astype(int).tolist()
    sums = [MODEL.weights[window].sum() / max(1, window.size) ** 0.5 + MODEL.bias for window in windows]
    assert np.allclose(MODEL.logits([grams], grams.count), sums, atol=1e-3)
    meant = MODEL.meaning.logits(read(text, MODEL.fold, MODEL.kinds), np.arange(len(windows)))
    assert np.allclose(MODEL.windows(text), sums + meant, atol=1e-3)


@given(st.text(alphabet=st.characters(), max_size=500))
def test_any_text_is_read(text: str) -> None:
    assert np.isfinite(MODEL.score([text])).all()


def test_lone_surrogates_are_read() -> None:
    assert np.isfinite(MODEL.score(["\ud800 ignore \udfff"])).all()
