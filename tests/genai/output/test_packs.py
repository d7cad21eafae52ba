"""Every case of every pack, and linear time whatever the text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.genai.output.packs import matching, patterns_of, rules_of
from clyra_proxy.genai.output.views import without_code
from clyra_proxy.policy.genai.output import Context

PACKS = [context for context in Context if context is not Context.URL]
POSITIVE = [(context, rule.id, text) for context in PACKS for rule in rules_of(context) for text in rule.positive]
BENIGN = [(context, rule.id, text) for context in PACKS for rule in rules_of(context) for text in rule.benign]


@pytest.mark.parametrize(("context", "rule", "text"), POSITIVE)
def test_positive_cases_match(context: Context, rule: str, text: str) -> None:
    assert rule in set(matching(text, patterns_of(context)))


@pytest.mark.parametrize(("context", "rule", "text"), BENIGN)
def test_benign_cases_do_not(context: Context, rule: str, text: str) -> None:
    assert rule not in set(matching(text, patterns_of(context)))


@pytest.mark.parametrize("context", PACKS)
def test_ids_are_unique_and_of_their_context(context: Context) -> None:
    ids = [rule.id for rule in rules_of(context)]
    assert len(ids) == len(set(ids))
    assert all(one.startswith(f"{context.value}.") for one in ids)


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="<>'\"/*-;() \n`$|&{}%\x00abcselct=drop", max_size=200), st.sampled_from(PACKS))
def test_nothing_raises(text: str, context: Context) -> None:
    list(matching(text, patterns_of(context)))
    without_code(text)


HOSTILE = ["<a " * 30_000, "'" * 90_000, "/*" * 45_000, "`" * 90_000, "rm -r " * 15_000, "{{" * 45_000, "$(" * 45_000]


@pytest.mark.parametrize("context", PACKS)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:3])
def test_time_grows_linearly(context: Context, text: str) -> None:
    def best(sample: str) -> float:
        spent = []
        for _ in range(3):
            begun = time.perf_counter()
            list(matching(without_code(sample), patterns_of(context)))
            spent.append(time.perf_counter() - begun)
        return min(spent)

    best(text[:100])
    small, large = best(text[: len(text) // 8]), best(text)
    assert large < 8 * 4 * small + 0.02
