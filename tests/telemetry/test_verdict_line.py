"""A verdict line: OCSF shape, nothing secret in it, and always writable."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.telemetry.redaction import loggable_path
from clyra_proxy.telemetry.verdict_line import render_line
from clyra_proxy.verdict.model import Decision, Mode
from tests.support.exchanges import exchange, violation


def event_of(made):
    return orjson.loads(render_line(made, made.verdict, 12.5))


def test_the_line_is_an_ocsf_api_activity():
    event = event_of(exchange(decision=Decision.BLOCK, findings=(violation(),)))
    assert (event["class_uid"], event["category_uid"], event["activity_id"], event["type_uid"]) == (6003, 6, 1, 600301)
    assert (event["action"], event["disposition"], event["severity_id"]) == ("Denied", "Blocked", 4)
    assert event["metadata"]["uid"] == event["unmapped"]["clyra"]["verdict"]
    assert event["http_request"]["url"] == {
        "scheme": "https",
        "hostname": "api.crm.example",
        "port": 443,
        "path": "/v2/contacts/batch",
    }
    ours = event["unmapped"]["clyra"]
    assert (ours["rule"], ours["reason"], ours["route"]) == ("schema.violation", "schema_violation", "crm/batch")
    assert ours["findings"][0]["path"] == "/records/12/email"
    assert ours["check_us"] == {"schema": 41, "egress": 2}
    assert ours["policy_generation"] == 3


@pytest.mark.parametrize(
    ("decision", "action_id", "disposition"),
    [
        (Decision.ALLOW, 1, "Allowed"),
        (Decision.MARK, 3, "Tagged"),
        (Decision.REDACT, 4, "Corrected"),
        (Decision.APPROVE, 2, "Delayed"),
        (Decision.BLOCK, 2, "Blocked"),
        (Decision.ERROR, 2, "Error"),
    ],
)
def test_each_decision_has_its_ocsf_disposition(decision, action_id, disposition):
    event = event_of(exchange(decision=decision))
    assert (event["action_id"], event["disposition"]) == (action_id, disposition)


def test_shadow_is_observed_not_denied():
    event = event_of(exchange(findings=(violation(mode=Mode.SHADOW),)))
    assert (event["action"], event["disposition"]) == ("Observed", "Detected")


@pytest.mark.parametrize(
    ("target", "logged"),
    [
        ("/v1/users?api_key=sk-live-1&q=jane", "/v1/users"),
        ("https://api.example/v1/users?token=x", "/v1/users"),
        ("/bot123456:AAFf0example1secret9token/sendMessage", "/***/sendMessage"),
        ("/hooks/sk-abcdefghijklmnop1234/x", "/hooks/***/x"),
        ("/contacts/+15551234567", "/contacts/***"),
        ("/contacts/%2B15551234567/calls", "/contacts/***/calls"),
        ("/users/jane@example.com/mail", "/users/***/mail"),
        ("/orders/123456789", "/orders/123456789"),
        ("/items/9b2d7c1e-8a1f-4c55-9d2b-1f0a3c4d5e6f", "/items/9b2d7c1e-8a1f-4c55-9d2b-1f0a3c4d5e6f"),
        ("/a\x1b[31m/b", "/a\\u001b[31m/b"),
        ("/v1/chat/completions#top", "/v1/chat/completions"),
    ],
)
def test_paths_lose_their_query_and_their_secrets(target, logged):
    assert loggable_path(target) == logged


@given(
    path=st.text(st.characters(exclude_categories=())), agent=st.text(st.characters(exclude_categories=()), max_size=40)
)
def test_any_text_gives_one_line_of_json(path, agent):
    line = render_line(made := exchange(path="/" + path, agent=agent), made.verdict, 0.0)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    orjson.loads(line)
    assert b"\x1b" not in line


def test_headers_and_query_never_reach_the_line():
    made = exchange(path="/v1?secret-in-query=1")
    made.request.fields = ((b"authorization", b"Bearer secret-in-header"),)
    assert b"secret" not in render_line(made, made.verdict, 1.0)
