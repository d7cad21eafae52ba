"""What counts as seen, as would-be block, and as neither."""

from __future__ import annotations

from typing import Any

import pytest

from clyra_proxy.shadow.report import ShadowReport, check_of
from tests.shadow.lines import DAY_MS, START_MS, finding, line, said

RULE = "schema.violation"

CASES: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "in shadow": (finding(RULE), {"would": 1}),
    "asks for a person": (finding(RULE, action="approve"), {"would": 1}),
    "a mark stops nothing": (finding(RULE, action="mark"), {}),
    "would be redacted": (finding(RULE, action="redact"), {"changed": 1}),
    "acted already": (finding(RULE, mode="enforce"), {"enforced": 1}),
    "covered by an exception": (finding(RULE, detail={"exception": "ex-1"}), {"suppressed": 1}),
    "its check failed": (finding(RULE, error=True), {"failed": 1}),
}


@pytest.mark.parametrize(("found", "wanted"), CASES.values(), ids=CASES)
def test_each_finding_is_counted_once_and_as_what_it_is(found: dict[str, Any], wanted: dict[str, int]) -> None:
    report = ShadowReport()
    report.take(line(1, found))
    report.take(line(2))
    counts = report.counts(RULE)
    assert counts.seen == 2
    told = {
        "would": counts.would.count,
        "changed": counts.changed,
        "enforced": counts.enforced,
        "suppressed": counts.suppressed,
        "failed": counts.failed,
    }
    assert told == dict.fromkeys(told, 0) | wanted


def test_a_rule_saw_what_its_check_looked_at() -> None:
    report = ShadowReport(("leak", "egress.destination"))
    report.take(line(1, checks=("schema",)))
    report.take(line(2, finding("leak.secret"), finding("leak.canary"), checks=("genai",)))
    assert report.counts("leak").seen == 1
    assert report.counts("leak").would.count == 1
    assert report.counts("leak.secret").would.ids == ["v-000002"]
    assert report.counts("egress.destination").seen == 2
    assert (check_of("rows.cap"), check_of("json"), check_of("identity.required")) == ("activation", "schema", "")


def test_findings_that_are_not_written_are_unknown_to_the_others() -> None:
    report = ShadowReport((RULE, "json.depth"))
    report.take(line(1, finding(RULE), total=40))
    assert report.counts(RULE).unknown == 0
    assert report.counts("json.depth").unknown == 1


def test_names_and_days_are_told() -> None:
    report = ShadowReport()
    for number in range(6):
        report.take(line(number, finding(RULE), at=START_MS + number * DAY_MS))
    told = report.told(0.95)["rules"][RULE]
    assert (told["days"], told["would_block"]["agents"], told["would_block"]["destinations"]) == (5.0, 3, 1)
    assert (told["would_block"]["share"], len(told["would_block"]["samples"])) == (1.0, 5)


def test_a_candidate_is_counted_by_what_it_says() -> None:
    report = ShadowReport()
    words = [said("agree"), said("agree"), said("stricter", RULE), said("looser"), said("unseen"), said("failed")]
    for number, word in enumerate(words):
        report.take(line(number, candidate=word))
    (told,) = report.told(0.95)["candidates"].values()
    assert [told[name] for name in ("compared", "agree", "unseen", "failed")] == [4, 2, 1, 1]
    assert (told["stricter_rules"], told["stricter"]["samples"]) == ({RULE: 1}, ["v-000002"])
    assert told["looser"]["exchanges"] == 1
