"""When enough was seen: each condition alone keeps the gate shut."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.shadow.counting import Span, Stops
from clyra_proxy.shadow.gate import CANDIDATE, Limits, Window, gate_of_candidate, gate_of_rule
from clyra_proxy.shadow.ledger import Review, Reviews
from clyra_proxy.shadow.report import CandidateCounts, RuleCounts
from tests.shadow.lines import DAY_MS, START_MS

RULE = "leak.secret"
SPAN = Span(START_MS, START_MS + 8 * DAY_MS)
GOOD = RuleCounts(seen=2000, span=SPAN)
WINDOW = Window(2000, changed=False, lost=0)
NOBODY = Reviews({})


def reviewed(count: int, *, right: bool, rule: str = RULE) -> Reviews:
    return Reviews({(f"v-{n}", rule): Review(f"v-{n}", rule, right, "ada", "", float(n)) for n in range(count)})


def stops(count: int) -> Stops:
    return Stops(count, [f"v-{number}" for number in range(count)])


SHUT = {
    "too few exchanges": (replace(GOOD, seen=999), WINDOW, NOBODY, (), "exchanges"),
    "too short": (replace(GOOD, span=Span(START_MS, START_MS + DAY_MS)), WINDOW, NOBODY, (), "days"),
    "unreviewed": (replace(GOOD, would=stops(1)), WINDOW, NOBODY, (), "unreviewed"),
    "too often wrong": (
        replace(GOOD, would=stops(15)), WINDOW, reviewed(15, right=False), (), "block rate, upper bound",
    ),
    "lines with more findings": (replace(GOOD, unknown=40), WINDOW, NOBODY, (), "block rate, upper bound"),
    "its check failed": (replace(GOOD, failed=40), WINDOW, NOBODY, (), "block rate, upper bound"),
    "another policy in between": (GOOD, replace(WINDOW, changed=True), NOBODY, (), "policy unchanged"),
    "lines are lost": (GOOD, replace(WINDOW, lost=1), NOBODY, (), "lost lines"),
    "the policy contradicts itself": (GOOD, WINDOW, NOBODY, ("x",), "policy check"),
}  # fmt: skip


@pytest.mark.parametrize(("counts", "window", "reviews", "errors", "wanted"), SHUT.values(), ids=SHUT)
def test_one_condition_shuts_it(
    counts: RuleCounts, window: Window, reviews: Reviews, errors: tuple[str, ...], wanted: str
) -> None:
    gate = gate_of_rule(RULE, counts, window, reviews, Limits(), errors)
    assert not gate.passed
    assert [one.name for one in gate.conditions if not one.passed] == [wanted]


def test_it_opens_for_what_was_seen_and_called_right() -> None:
    assert gate_of_rule(RULE, GOOD, WINDOW, NOBODY, Limits(), ()).passed
    attacked = replace(GOOD, would=stops(300))
    assert gate_of_rule(RULE, attacked, WINDOW, reviewed(300, right=True), Limits(), ()).passed


def test_the_newest_word_counts_whatever_it_is_about() -> None:
    known = {
        ("v-0", RULE): Review("v-0", RULE, False, "ada", "", 1.0),
        ("v-0", ""): Review("v-0", "", True, "bo", "", 2.0),
    }
    assert gate_of_rule(RULE, replace(GOOD, would=stops(1)), WINDOW, Reviews(known), Limits(), ()).passed


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 50))
def test_more_harm_never_opens_it(seen: int, harm: int, more: int) -> None:
    limits = Limits(max_unreviewed=10_000)
    milder = replace(GOOD, seen=seen, would=stops(min(harm, seen)))
    worse = replace(GOOD, seen=seen, would=stops(min(harm + more, seen)))
    opened = gate_of_rule(RULE, milder, WINDOW, NOBODY, limits, ()).passed
    assert opened or not gate_of_rule(RULE, worse, WINDOW, NOBODY, limits, ()).passed


def test_the_candidate_must_be_looked_at_both_ways() -> None:
    good = CandidateCounts(agree=2000, span=SPAN)
    assert gate_of_candidate(good, WINDOW, NOBODY, Limits(), ()).passed
    for name, worse in {
        "looser unreviewed": replace(good, looser=stops(1)),
        "unreviewed": replace(good, stricter=stops(1)),
        "not asked": replace(good, unasked={"detectors"}),
        "block rate, upper bound": replace(good, failed=60),
    }.items():
        gate = gate_of_candidate(worse, WINDOW, NOBODY, Limits(), ())
        assert [one.name for one in gate.conditions if not one.passed] == [name]
    both = replace(good, looser=stops(1), stricter=stops(1))
    assert gate_of_candidate(both, WINDOW, reviewed(1, right=True, rule=CANDIDATE), Limits(), ()).passed
