"""Every case of every pack, and linear time whatever the text."""

from __future__ import annotations

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


@settings(max_examples=50)
@given(st.text(alphabet="<>'\"/*-;() \n`$|&{}%\x00abcselct=drop", max_size=200), st.sampled_from(PACKS))
def test_nothing_raises(text: str, context: Context) -> None:
    list(matching(text, patterns_of(context)))
    without_code(text)
