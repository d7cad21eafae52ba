"""Intervals and bounds against the definition, by an independent implementation (scipy)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clyra_proxy.shadow.rates import interval, upper_bound

COUNTS = st.integers(1, 200_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))
CONFIDENCES = st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999])


@given(COUNTS, CONFIDENCES)
def test_the_bound_is_the_exact_one(counts: tuple[int, int], confidence: float) -> None:
    hits, of = counts
    exact = 1.0 if hits == of else float(stats.beta.ppf(confidence, hits + 1, of - hits))
    assert upper_bound(hits, of, confidence) == pytest.approx(exact, rel=1e-7)


@given(COUNTS, CONFIDENCES)
def test_an_interval_holds_the_share_and_is_ordered(counts: tuple[int, int], confidence: float) -> None:
    hits, of = counts
    low, high = interval(hits, of, confidence)
    assert 0 <= low <= hits / of + 1e-12
    assert hits / of - 1e-12 <= high <= 1
    wilson = stats.binomtest(hits, of).proportion_ci(confidence, method="wilson")
    assert (low, high) == (pytest.approx(wilson.low, abs=1e-9), pytest.approx(wilson.high, abs=1e-9))


@given(st.integers(1, 5000), CONFIDENCES)
def test_more_exchanges_without_harm_lower_the_bound(of: int, confidence: float) -> None:
    assert upper_bound(0, of + 1, confidence) < upper_bound(0, of, confidence)


def test_nothing_seen_says_nothing() -> None:
    assert upper_bound(0, 0) == 1.0
    assert interval(0, 0) == (0.0, 1.0)
    assert upper_bound(0, 298) >= 0.01 > upper_bound(0, 299)
