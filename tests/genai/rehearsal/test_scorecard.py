"""What counts as found, stopped, missed, leaked and as a false alarm."""

from __future__ import annotations

from typing import Any

import pytest

from clyra_proxy.genai.rehearsal.pack import Case, Place
from clyra_proxy.genai.rehearsal.runner import Passage
from clyra_proxy.genai.rehearsal.scorecard import Result, score, summary
from clyra_proxy.genai.rehearsal.wires import Trial

ATTACK = Case("v.a", "v", Place.USER, "text", ("injection", "leak.secret"), needs="some.key")
HARMLESS = Case("v.b", "v", Place.USER, "text")


def finding(rule: str, action: str = "block", mode: str = "enforce") -> dict[str, Any]:
    return {"rule": rule, "action": action, "mode": mode}


def passage(case: Case, *findings: dict[str, Any], action: str = "block", arrived: bool = False) -> Passage:
    verdict = {"findings": findings, "action": action, "decision": action, "check_us": {"genai": 1500}}
    return Passage(Trial(case, "openai", "/v1", {}, pieces=(b"x",)), "t", 403, arrived, verdict=verdict)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (passage(ATTACK, finding("injection.direct")), Result.STOPPED),
        (passage(ATTACK, finding("leak.secret", "redact"), action="redact", arrived=True), Result.STOPPED),
        (passage(ATTACK, finding("leak.pii")), Result.MISSED),
        (passage(ATTACK, finding("injection.direct"), arrived=True), Result.LEAKED),
        (passage(ATTACK, finding("injection.direct", "mark"), action="mark", arrived=True), Result.MARKED),
        (passage(ATTACK, finding("injection.direct", mode="shadow"), action="allow", arrived=True), Result.SHADOW),
        (passage(ATTACK, action="allow"), Result.MISSED),
        (passage(ATTACK, finding("injectionist.x")), Result.MISSED),
        (passage(HARMLESS, action="allow", arrived=True), Result.CLEAN),
        (passage(HARMLESS, finding("leak.pii", "mark"), action="mark"), Result.CLEAN),
        (passage(HARMLESS, finding("loop.repeat", "block")), Result.CLEAN),
        (passage(HARMLESS, finding("injection.indirect", mode="shadow"), action="allow"), Result.FALSE_ALARM),
        (Passage(Trial(ATTACK, "openai", "/v1", {}), "t"), Result.UNSEEN),
    ],
)
def test_a_trial_has_the_result_it_deserves(made: Passage, expected: Result) -> None:
    (scored,) = score([made])
    assert scored.result is expected


def test_what_the_policy_does_not_configure_is_no_miss() -> None:
    missed = passage(ATTACK, action="allow")
    assert score([missed], frozenset({"some.key"}))[0].result is Result.NOT_CONFIGURED
    assert score([missed], frozenset({"other.key"}))[0].result is Result.MISSED


def test_the_summary_counts_by_vector() -> None:
    scored = score([passage(ATTACK, finding("injection.direct")), passage(ATTACK, action="allow"), passage(HARMLESS)])
    counts = summary(scored)
    assert counts["total"] == counts["vectors"]["v"]
    assert (counts["total"]["attacks"], counts["total"]["found"], counts["total"]["missed"]) == (2, 1, 1)
    assert (counts["total"]["look_alikes"], counts["total"]["clean"]) == (1, 1)
    assert counts["check_ms"]["p50"] == 1.5
