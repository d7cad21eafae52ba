"""The watching check: it learns, says drift, holds nothing back, and stays within its budget."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clyra_proxy.checks import EVERYTHING, Violation
from clyra_proxy.exchange import BodyTally, Destination, Exchange, RequestHead, ResponseHead
from clyra_proxy.policy.route import EvidenceClass, Route
from clyra_proxy.schemalock.learn import Learner, RouteKey
from clyra_proxy.schemalock.learning_check import LearningCheck
from clyra_proxy.schemalock.lock import make_lock
from clyra_proxy.verdict.model import Mode, Phase
from clyra_proxy.verdict.reasons import Reason

KEY = RouteKey("POST", "/contacts/{id}", "request", "", "application/json")


def exchange(path: str = "/contacts/123", media: str = "application/json", status: int = 0) -> Exchange:
    made = Exchange(
        "id", "127.0.0.1", 1, Destination("api.example.com", 443, "https"),
        RequestHead((), "POST", path, "HTTP/1.1"), Route("r", "d", True, EvidenceClass.QUEUED, Mode.ENFORCE), "", 0,
    )  # fmt: skip
    made.request_body = BodyTally(media_type=media)
    if status:
        made.response = ResponseHead((), status)
        made.response_body = BodyTally(media_type=media)
    return made


def run(check: LearningCheck, body: bytes, *, size: int = 7, phase: Phase = Phase.REQUEST_BODY, **kw: Any) -> bool:
    """Send a body through; returns whether there was a session."""
    session = check.open(exchange(**kw), phase)
    if session is None:
        return False
    assert session.mode is Mode.SHADOW
    assert all(session.feed(body[n : n + size]) == EVERYTHING for n in range(0, len(body), size))
    assert session.finish() == EVERYTHING
    return True


def test_learns_by_route_direction_and_status() -> None:
    check = LearningCheck(Learner())
    assert run(check, b'{"a":1}')
    assert run(check, b'{"a":2}', path="/contacts/9")
    assert run(
        check, b'{"ok":true}', phase=Phase.RESPONSE_BODY, status=201, media="application/hal+json; charset=utf-8"
    )
    assert {str(key): route.documents for key, route in check.learner.routes.items()} == {
        "POST /contacts/{id} request application/json": 2,
        "POST /contacts/{id} response 201 application/hal+json": 1,
    }


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":1,"a":2}', b"\xff", b"[1e400]", b"1 2", b"[" * 100_000])
def test_what_is_not_json_is_not_learned(body: bytes) -> None:
    check = LearningCheck(Learner())
    assert run(check, body, size=65536)
    assert check.learner.routes == {}


def test_other_media_types_and_large_bodies_are_left_alone() -> None:
    check = LearningCheck(Learner(), max_sample=100)
    assert not run(check, b"a,b", media="text/csv")
    assert run(check, json.dumps(["x" * 200]).encode())
    assert check.learner.routes == {}


def test_budget_bounds_what_is_parsed() -> None:
    now = [0.0]
    check = LearningCheck(Learner(), bytes_per_second=10, clock=lambda: now[0])
    taken = sum(run(check, b'{"a":"0123456789"}') for _ in range(50))
    assert taken == 6  # ten seconds' worth, 100 bytes, at 18 bytes each
    now[0] += 100.0
    assert run(check, b'{"a":1}')


def test_drift_is_a_shadow_finding_with_an_id() -> None:
    learner = Learner()
    for _ in range(10):
        learner.observe(KEY, {"a": 1}, now=1.0)
    check = LearningCheck(Learner(), lock=make_lock(learner))
    assert run(check, b'{"a":1}')
    session = check.open(exchange(), Phase.REQUEST_BODY)
    assert session is not None
    session.feed(b'{"a":"secret"}')
    with pytest.raises(Violation) as caught:
        session.finish()
    finding = caught.value.finding
    assert finding.reason is Reason.SCHEMA_DRIFT
    assert finding.mode is Mode.SHADOW
    assert finding.path == "/a"
    assert finding.detail["drift"] in check.drifts
    assert "secret" not in repr(finding)
    assert "secret" not in repr(check.drifts)
