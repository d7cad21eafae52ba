"""Events: always acceptable to the recorder, and never more than metadata."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.evidence.commitment import SubjectKey
from clyra_proxy.evidence.event import intent_event, outcome_event, whole_event
from clyra_proxy.exchange import BodyTally, Exchange, Identity, RequestHead, ResponseHead, TraceContext
from clyra_proxy.verdict.model import Decision, Finding
from recorder import record
from recorder.chain import Chain
from recorder.record import SOURCE_FIELDS
from tests.support.exchanges import exchange, violation

KEY = SubjectKey.of(b"k" * 32)
_anything = st.text(max_size=400)
_bytes = st.binary(max_size=90)


def _accepted(line: bytes) -> dict[str, Any]:
    """The record the recorder would make of an event."""
    event = orjson.loads(line)
    assert event.keys() <= SOURCE_FIELDS
    chain = Chain("log.example")
    chain.look_at_clock()
    made = chain.append(event.pop("typ"), event, "proxy-1", 1, "a" * 64)
    found: dict[str, Any] = orjson.loads(made.line)
    return found


def _strange(draw: st.DrawFn) -> Exchange:
    made = exchange(path="/" + draw(_anything), host=draw(_anything), method=draw(_anything), agent=draw(_anything))
    fields = tuple(draw(st.lists(st.tuples(_bytes, _bytes), max_size=80)))
    made.request = replace(made.request, fields=fields, http_version=draw(_anything))
    made.identity = Identity(*(draw(_anything) for _ in range(5)))
    made.error = draw(_anything)
    made.websocket = draw(st.booleans())
    made.response = draw(st.none() | st.builds(ResponseHead, st.just(()), st.integers(-5, 2000)))
    sizes = st.integers(0, 2**50)
    made.request_body = BodyTally(seen=draw(sizes), released=draw(sizes), media_type=draw(_anything))
    made.upstream_ns = draw(sizes)
    findings = tuple(replace(violation(), path=draw(_anything)) for _ in range(draw(st.integers(0, 40))))
    if draw(st.booleans()):
        made.verdict = None
    else:
        assert made.verdict is not None
        made.verdict = replace(made.verdict, findings=findings)
    return made


@given(st.composite(_strange)())
def test_whatever_passes_the_proxy_makes_an_acceptable_event(made: Exchange) -> None:
    for line in (intent_event(made, KEY), outcome_event(made), whole_event(made, KEY)):
        _accepted(line)


SECRETS = ("hunter2", "4111111111111111", "q=private", "alice@example.com", "sk-abcdef0123456789abcdef")


def test_no_secret_reaches_an_event() -> None:
    made = exchange(path="/v1/users/alice@example.com/sk-abcdef0123456789abcdef?q=private")
    made.request = replace(
        made.request,
        fields=((b"Authorization", b"Bearer hunter2"), (b"Cookie", b"card=4111111111111111"), (b"Accept", b"*/*")),
    )
    for line in (intent_event(made, KEY), whole_event(made, KEY), outcome_event(made)):
        assert not any(secret.encode() in line for secret in SECRETS)
    assert orjson.loads(intent_event(made, KEY))["data"]["headers"] == ["accept", "authorization", "cookie"]


@pytest.mark.parametrize(
    ("decision", "findings", "word", "reason"),
    [
        (Decision.ALLOW, (), "allow", "none"),
        (Decision.BLOCK, (violation(),), "deny", "schema_violation"),
        (Decision.ERROR, (replace(violation(), error=True),), "deny", "schema_violation"),
    ],
)
def test_the_verdict_in_the_words_of_the_format(
    decision: Decision, findings: tuple[Finding, ...], word: str, reason: str
) -> None:
    found = _accepted(outcome_event(exchange(decision=decision, findings=findings)))
    assert (found["verdict"]["decision"], found["verdict"]["reason"]) == (word, reason)
    assert found["verdict"]["eval_us"] == 43
    assert [finding["row"] for finding in found["data"].get("findings", [])] == [12] * len(findings)


def test_an_intent_tells_the_declared_length_until_the_body_is_complete() -> None:
    made = exchange()
    made.request_body = BodyTally(declared=5000, seen=10, commitment="c" * 64)
    assert _accepted(intent_event(made, KEY))["io"]["req"] == {"len": 5000}
    made.request_body.complete = True
    assert _accepted(intent_event(made, KEY))["io"]["req"] == {"len": 10, "c": "c" * 64}


def test_trace_and_identity_are_kept() -> None:
    made = exchange()
    made.trace = TraceContext("a" * 32, "b" * 16, "c" * 16)
    found = _accepted(whole_event(made, KEY))
    assert found["trace"]["parent_span_id"] == "c" * 16
    assert found["agent"] == {"uid": "hightouch", "auth": "proxy", "instance_uid": "r-1", "tenant": "acme"}
    assert found["claim"] == {"session": "s-1"}
    assert isinstance(made.request, RequestHead)


def test_the_schema_is_closed() -> None:
    event = orjson.loads(intent_event(exchange(), KEY))
    event["data"]["body"] = "leak"
    with pytest.raises(record.RecordError):
        _accepted(orjson.dumps(event))
