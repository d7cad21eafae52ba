"""The measurement of detection: intervals, thresholds, splits by family, and what the shipped model was made from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.detection.corpus import UNVERIFIED, Row, read_rows, trainable
from bench.detection.folds import grouped_folds, hold_out
from bench.detection.material import fingerprint, weigh
from bench.detection.measuring import Rate, Scored, operating_curve, rates, threshold_at
from bench.detection.train import made_rows
from clyra_proxy.genai.classifier import Classifier

ORDINARY = frozenset({"ordinary"})


def row(source: str, label: int = 0, kind: str = "benign") -> Row:
    return Row("a text", label, source, kind, "en")


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (0, 10_000, 0.0, 0.000384),
        (0, 0, 0.0, 1.0),
    ],
)
def test_intervals_are_those_of_wilson(hits: int, total: int, low: float, high: float) -> None:
    assert Rate(hits, total).interval == pytest.approx((low, high), abs=1e-4)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=200), st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.5, 1.0]))
def test_a_threshold_lets_no_more_through_than_its_rate(scores: list[int], rate: float) -> None:
    scored = [Scored(row("a"), float(score), False) for score in scores]
    threshold = threshold_at(scored, rate, ORDINARY)
    assert sum(score >= threshold for score in scores) <= rate * len(scores)


def test_hard_negatives_are_a_population_of_their_own() -> None:
    scored = [
        Scored(row("a"), 0.0, False),
        Scored(row("b", kind="multilingual"), 9.0, True),
        Scored(row("c", kind="hard_negative"), 9.0, True),
        Scored(row("d", 1, "direct"), 9.0, True),
    ]
    found = rates(scored)
    assert found[0, "all"] == Rate(1, 2)
    assert found[0, "hard_negative"] == Rate(1, 1)
    assert found[1, "all"] == found[1, "direct"] == Rate(1, 1)
    assert operating_curve(scored, [0.5])[0].recall == Rate(1, 1)


def test_a_fold_trains_on_no_sister_of_what_it_tests() -> None:
    rows = [
        row("selfinstruct_user"),
        row("selfinstruct_seed"),
        row("gsm8k"),
        row("neuralchemy_safe"),
        row("neuralchemy"),
    ]
    fold = hold_out(rows, frozenset({"selfinstruct"}))
    assert [one.source for one in fold.test] == ["selfinstruct_user", "selfinstruct_seed"]
    assert [one.source for one in fold.train] == ["gsm8k"]


@pytest.mark.parametrize("count", [0, 2, 6])
def test_every_row_is_tested_once(count: int) -> None:
    rows = [row(f"source{number % 7}", number % 2, "direct" if number % 2 else "benign") for number in range(50)]
    folds = list(grouped_folds(rows, count))
    tested = [one.source for fold in folds for one in fold.test]
    assert sorted(tested) == sorted(one.source for one in rows)
    for fold in folds:
        assert not {one.family for one in fold.train} & {one.family for one in fold.test}


def test_no_family_outweighs_the_others_by_its_size() -> None:
    rows = [row("large")] * 400 + [row("small")] * 4 + [row("attacks", 1, "direct")] * 10
    weights = weigh(rows)
    assert weights[:400].sum() / weights[400:404].sum() == pytest.approx(10)
    assert weights[:404].sum() == pytest.approx(weights[404:].sum())


def test_the_shipped_model_was_made_from_these_rows(shared_data: Path) -> None:
    about = Classifier.load().about
    rows = [*trainable(read_rows(shared_data / "injection" / "dev.jsonl")), *made_rows(about["seed"])]
    assert not UNVERIFIED & {one.source for one in rows}
    assert about["rows"] == len(rows)
    assert about["rows_sha256"] == fingerprint(rows)
