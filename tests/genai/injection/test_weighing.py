"""How points make a score: what never flags, and that more evidence never weighs less."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.genai.injection.assessment import Found
from clyra_proxy.genai.injection.packs import Rule, View
from clyra_proxy.genai.injection.weighing import CRITICAL, SHORT, THRESHOLD, counting, score_of


def found(number: int, level: int, worth: float) -> Found:
    rule = Rule.model_validate(
        {
            "id": f"t.{number}",
            "category": "direct",
            "level": level,
            "any": ("a",),
            "positive": ("a", "b"),
            "benign": ("c", "d"),
        }
    )
    return Found(rule, View.PLAIN, worth, number)


ITEMS = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([0.3, 0.5, 1, 2, 3, 4, 5, 6, 8])), min_size=0, max_size=5
).map(lambda pairs: [found(number, level, worth) for number, (level, worth) in enumerate(pairs)])
POINTS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0])
SIZES = st.sampled_from([1, SHORT, SHORT + 1, 1000, 1001, 100_000])


def score(items: list[Found], points: float, size: int, level: int) -> float:
    return score_of(list(counting(items, points, size, level)), points, size, level)


@given(ITEMS, SIZES, st.integers(1, 4))
def test_more_points_of_the_classifier_never_weigh_less(items: list[Found], size: int, level: int) -> None:
    scores = [score(items, points, size, level) for points in (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)]
    assert scores == sorted(scores)


@given(ITEMS, POINTS, SIZES)
def test_a_higher_level_never_weighs_less(items: list[Found], points: float, size: int) -> None:
    scores = [score(items, points, size, level) for level in (1, 2, 3, 4)]
    assert scores == sorted(scores)


@given(ITEMS, POINTS, SIZES)
def test_the_first_level_asks_for_a_critical_rule_or_for_both_kinds_of_evidence(
    items: list[Found], points: float, size: int
) -> None:
    counted = list(counting(items, points, size, 1))
    critical = any(item.worth >= CRITICAL and item.rule.level == 1 for item in counted)
    both = points > 0 and any(item.worth >= 3 for item in counted)
    assert (score(items, points, size, 1) >= THRESHOLD) <= (critical or both)
