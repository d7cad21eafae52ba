"""The body check: which session a body gets, what is said when it gets none, and binding files to routes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clyra_proxy.errors import SchemaError
from clyra_proxy.exchange import ResponseHead
from clyra_proxy.schemalock.binding import DirectPlan, SchemaPlan, bind
from clyra_proxy.schemalock.check import SchemaCheck
from clyra_proxy.schemalock.compile import compile_schema
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.stream.opening import open_gate
from clyra_proxy.verdict.model import Finding, Mode, Phase
from clyra_proxy.verdict.reasons import Reason
from tests.support.bodies import request

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
PLAN = DirectPlan(compile_schema(SCHEMA), compile_schema(SCHEMA), compile_schema(SCHEMA))


@dataclass(frozen=True)
class Names:
    """The shape of policy's `schema` section."""

    request: str | None = None
    response: str | None = None
    events: Mapping[str, str] = field(default_factory=dict)
    openapi: str | None = None
    lock: str | None = None
    rows: str | None = None


def judge(
    content_type: str, body: bytes, plan: object = PLAN, phase: Phase = Phase.REQUEST_BODY, **route: object
) -> tuple[Finding | None, str]:
    """(what refused it, coverage)."""
    exchange = request([(b"content-type", content_type.encode())], request_schema=plan, response_schema=plan, **route)
    if phase is Phase.RESPONSE_BODY:
        exchange.response = ResponseHead(((b"content-type", content_type.encode()),), 200, "HTTP/1.1")
    gate = open_gate(exchange, phase, [SchemaCheck()])
    found: Finding | None = None
    try:
        if body:
            gate.feed(body)
        gate.finish()
    except BodyRefused as refused:
        found = refused.finding
    covered = exchange.request_coverage if phase is Phase.REQUEST_BODY else exchange.response_coverage
    return found, str(covered)


GOOD = [
    ("application/json", b'{"id":1}', "full"),
    ("application/vnd.api+json; charset=UTF-8", b'{"id":1}', "full"),
    ("application/x-ndjson", b'{"id":1}\n{"id":2}\n', "streamed"),
    ("application/jsonl", b'{"id":1}\n', "streamed"),
    ("application/stream+json", b'{"id":1}\n{"id":2}\n', "streamed"),
    ("application/x-ldjson", b'{"id":1}\n{"id":2}\n', "streamed"),
    ("text/event-stream", b'data: {"id":1}\n\n', "streamed"),
    ("text/csv", b"id\n1\n", "streamed"),
    ("application/x-www-form-urlencoded", b"id=1", "full"),
    (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\n1\r\n--b--\r\n',
        "streamed",
    ),
]


@pytest.mark.parametrize(("content_type", "body", "coverage"), GOOD, ids=[case[0] for case in GOOD])
def test_every_media_kind_has_its_session(content_type: str, body: bytes, coverage: str) -> None:
    assert judge(content_type, body) == (None, coverage)
    found, _ = judge(content_type, body.replace(b"1", b"x" if b"{" not in body else b'"x"', 1))
    assert found is not None


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        ("application/json; charset=utf-16", Reason.JSON_ENCODING),
        ("application/json; charset=utf-8; Charset=utf-16", Reason.JSON_ENCODING),
        ("application/json; charset*=utf-8''utf-8", Reason.JSON_ENCODING),
        ("application/x-ndjson; charset=latin-1", Reason.JSON_ENCODING),
        ("text/plain", Reason.MEDIA_TYPE),
        ("application/xml", Reason.MEDIA_TYPE),
        ("", Reason.MEDIA_TYPE),
        ("multipart/form-data", Reason.ROW_INVALID),
        ("multipart/form-data; boundary=b; boundary=c", Reason.ROW_INVALID),
        ("multipart/form-data; boundary=b; boundary*=utf-8''c", Reason.ROW_INVALID),
        ("text/csv; header=absent", Reason.ROW_INVALID),
    ],
)
def test_a_content_type_is_no_way_round_a_schema(content_type: str, reason: Reason) -> None:
    found, _ = judge(content_type, b'{"id":1}')
    assert found is not None
    assert found.reason is reason


def test_without_a_schema_only_json_is_looked_at() -> None:
    assert judge("application/json", b'{"a":1}', None) == (None, "full")
    assert judge("application/json", b'{"a":1,"a":2}', None)[0] is not None
    assert judge("application/x-ndjson", b"1\n2", None) == (None, "streamed")
    assert judge("text/plain", b"hello", None) == (None, "skipped:media_type")
    assert judge("text/csv", b"a,b", None) == (None, "skipped:no_schema")
    assert judge("text/event-stream", b"data: x\n\n", None) == (None, "skipped:no_schema")


def test_allowed_media_types_are_a_closed_list() -> None:
    allowed = frozenset({"application/json", "text/*"})
    assert judge("text/plain", b"x", None, media=allowed)[0] is None
    found, _ = judge("image/png", b"x", None, media=allowed)
    assert found is not None
    assert found.reason is Reason.MEDIA_TYPE


def test_modes_of_single_rules() -> None:
    assert judge("application/json", b'{"id":"x"}', modes={"schema": Mode.OFF})[0] is None
    assert judge("application/json", b'{"id":1,"id":2}', modes={"json.duplicate_key": Mode.SHADOW})[0] is None
    assert judge("application/json", b"{", None, modes={"json": Mode.OFF, "body": Mode.OFF}) == (None, "skipped:off")
    assert judge("text/plain", b"x", modes={"body.media_type": Mode.SHADOW})[0] is None


def test_empty_bodies() -> None:
    found, _ = judge("application/json", b"")
    assert found is not None
    assert found.reason is Reason.JSON_INCOMPLETE
    assert judge("application/json", b"", None) == (None, "none")
    assert judge("application/json", b"", phase=Phase.RESPONSE_BODY) == (None, "none")


def test_responses_are_judged_too() -> None:
    assert judge("application/json", b'{"id":1}', phase=Phase.RESPONSE_BODY) == (None, "full")
    found, _ = judge("application/json", b'{"id":"x"}', phase=Phase.RESPONSE_BODY)
    assert found is not None
    assert found.phase is Phase.RESPONSE_BODY


def test_binding_reads_compiles_and_refuses(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "bad.json").write_text('{"$ref": "https://elsewhere.invalid/schema"}')
    (tmp_path / "broken.json").write_text('{"type": ')
    plan = bind(Names(request="good.json", rows="good.json"), tmp_path)
    assert plan is not None
    assert set(plan.schemas()) == {"request", "rows"}
    assert bind(Names(), tmp_path) is None
    for name in ("bad.json", "broken.json", "absent.json"):
        with pytest.raises(SchemaError):
            bind(Names(request=name), tmp_path)


def test_events_are_bound_by_name(tmp_path: Path) -> None:
    (tmp_path / "id.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "text.json").write_text('{"type": "string"}')
    plan = bind(Names(response="id.json", events={"delta": "text.json"}), tmp_path)
    assert plan is not None
    assert set(plan.schemas()) == {"response", "event delta"}
    stream = "text/event-stream"
    good = b'event: delta\ndata: "x"\n\ndata: {"id":1}\n\ndata: [DONE]\n\n'
    assert judge(stream, good, plan, Phase.RESPONSE_BODY) == (None, "streamed")
    found, _ = judge(stream, b'event: delta\ndata: {"id":1}\n\n', plan, Phase.RESPONSE_BODY)
    assert found is not None
    assert found.reason is Reason.ROW_INVALID
    assert judge("application/json", b'{"id":1}', plan, Phase.RESPONSE_BODY) == (None, "full")
    with pytest.raises(SchemaError):
        bind(Names(response="id.json", events={"delta": "absent.json"}), tmp_path)


def described(tmp_path: Path) -> SchemaPlan:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/v2/contacts/batch": {
                "post": {
                    "requestBody": {"required": True, "content": {"application/json": {"schema": SCHEMA}}},
                    "responses": {
                        "200": {"description": "ok", "content": {"application/json": {"schema": SCHEMA}}},
                        "default": {"description": "other", "content": {"application/json": {"schema": False}}},
                    },
                }
            }
        },
    }
    (tmp_path / "api.json").write_text(json.dumps(document))
    plan = bind(Names(openapi="api.json"), tmp_path)
    assert plan is not None
    return plan


def test_an_api_description_gives_the_schema_of_each_operation(tmp_path: Path) -> None:
    plan = described(tmp_path)
    assert judge("application/json", b'{"id":1}', plan) == (None, "full")
    found, _ = judge("application/json", b'{"id":"x"}', plan)
    assert found is not None
    assert found.reason is Reason.SCHEMA_VIOLATION
    found, _ = judge("text/csv", b"id\n1\n", plan)
    assert found is not None
    assert found.reason is Reason.MEDIA_TYPE
    assert judge("application/json", b'{"id":1}', plan, Phase.RESPONSE_BODY)[0] is None
    assert len(plan.schemas()) == 3


def test_an_undeclared_operation_is_marked_and_still_admitted(tmp_path: Path) -> None:
    exchange = request(request_schema=described(tmp_path))
    exchange.request.path = "/elsewhere"
    gate = open_gate(exchange, Phase.REQUEST_BODY, [SchemaCheck()])
    gate.feed(b'{"anything":1}')
    gate.finish()
    assert [finding.reason for finding in exchange.findings] == [Reason.SCHEMA_UNKNOWN_ROUTE]
    gate = open_gate(exchange, Phase.REQUEST_BODY, [SchemaCheck()])
    gate.feed(b'{"a":1,"a":2}')
    with pytest.raises(BodyRefused):
        gate.finish()
