"""What policy binds to a route, from files on disk to the choice for one body."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.errors import SchemaError
from clyra_proxy.exchange import Destination, Exchange, RequestHead, ResponseHead
from clyra_proxy.policy.destinations import SchemaBinding
from clyra_proxy.policy.route import EvidenceClass, Route
from clyra_proxy.schemalock.binding import Choice, SchemaPlan, bind
from clyra_proxy.schemalock.check import SchemaCheck
from clyra_proxy.schemalock.learn import Learner, RouteKey
from clyra_proxy.schemalock.learning_check import LearningCheck
from clyra_proxy.schemalock.lock import make_lock
from clyra_proxy.schemalock.media import parse_media
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.stream.opening import open_gate
from clyra_proxy.verdict.model import Mode, Phase
from clyra_proxy.verdict.reasons import Reason

API = """
openapi: 3.1.0
servers: [{url: /v1}]
paths:
  /rows:
    post:
      requestBody:
        required: true
        content: {application/json: {schema: {type: object, required: [rows], properties: {rows: {type: array}}}}}
      responses: {"200": {description: ok, content: {application/json: {schema: {type: boolean}}}}}
  /bad:
    post: {requestBody: {content: {application/json: {schema: {type: strnig}}}}}
"""


def choose(plan: SchemaPlan | None, path: str, media: str = "application/json", status: int = 0) -> Choice:
    assert plan is not None
    route = Route("r", "d", True, EvidenceClass.QUEUED, Mode.ENFORCE)
    request = RequestHead((), "POST", path, "HTTP/1.1")
    exchange = Exchange("id", "127.0.0.1", 1, Destination("h", 443, "https"), request, route, "", 0)
    if status:
        exchange.response = ResponseHead((), status)
    return plan.choose(exchange, Phase.RESPONSE_BODY if status else Phase.REQUEST_BODY, parse_media(media))


def accepts(choice: Choice, instance: Any) -> bool:
    assert choice.schema is not None
    return choice.schema.whole.is_valid(instance)


@pytest.fixture
def described(tmp_path: Path) -> SchemaPlan | None:
    (tmp_path / "api.yaml").write_text(API)
    return bind(SchemaBinding(openapi="api.yaml"), tmp_path)


def test_description(described: SchemaPlan | None) -> None:
    choice = choose(described, "/v1/rows")
    assert choice.required
    assert choice.schema is not None
    assert choice.schema.plan is not None
    assert choice.schema.plan.cuts == (("rows",),)
    assert accepts(choice, {"rows": [1]})
    assert not accepts(choice, {})
    assert accepts(choose(described, "/v1/rows", status=200), True)
    assert choose(described, "/v1/rows", "application/vnd.x+json").schema is choice.schema
    assert choose(described, "/V1//rows%2F").schema is choice.schema


@pytest.mark.parametrize(
    ("path", "media", "status", "refusal"),
    [
        ("/v1/other", "application/json", 0, Reason.SCHEMA_UNKNOWN_ROUTE),
        ("/v1/rows%2Fx", "application/json", 0, Reason.SCHEMA_UNKNOWN_ROUTE),
        ("/v1/rows", "text/plain", 0, Reason.MEDIA_TYPE),
        ("/v1/bad", "application/json", 0, Reason.SCHEMA_UNKNOWN_ROUTE),
        ("/v1/rows", "application/json", 500, None),
        ("/v1/other", "application/json", 200, None),
    ],
)
def test_what_the_description_does_not_say(
    described: SchemaPlan | None, path: str, media: str, status: int, refusal: Reason | None
) -> None:
    choice = choose(described, path, media, status)
    assert choice.schema is None
    assert choice.refusal is refusal


def write_lock(path: Path, documents: int) -> None:
    learner = Learner()
    for number in range(documents):
        learner.observe(RouteKey("POST", "/rows/{id}", "request", "", "application/json"), {"n": number}, now=1.0)
        learner.observe(RouteKey("POST", "/rows/{id}", "response", "201", "application/json"), [number], now=1.0)
    make_lock(learner).save(path)


def test_lock(tmp_path: Path) -> None:
    write_lock(tmp_path / "schema.lock.json", 1_100)
    plan = bind(SchemaBinding(lock="schema.lock.json"), tmp_path)
    assert accepts(choose(plan, "/rows/7"), {"n": 3})
    assert not accepts(choose(plan, "/rows/7"), {"n": 3, "m": 1})
    assert accepts(choose(plan, "/rows/7", status=201), [1])
    assert choose(plan, "/rows/7", status=200).schema is None
    assert choose(plan, "/rows").refusal is Reason.SCHEMA_UNKNOWN_ROUTE
    assert choose(plan, "/rows/7", "text/plain").schema is None


def test_a_lock_that_is_not_ready_is_watched_only(tmp_path: Path) -> None:
    write_lock(tmp_path / "schema.lock.json", 20)
    choice = choose(bind(SchemaBinding(lock="schema.lock.json"), tmp_path), "/rows/7")
    assert choice.schema is None
    assert choice.note == "lock_not_ready"


def test_a_tampered_lock_stops_the_policy(tmp_path: Path) -> None:
    write_lock(tmp_path / "schema.lock.json", 20)
    text = (tmp_path / "schema.lock.json").read_text()
    (tmp_path / "schema.lock.json").write_text(text.replace('"enforce": false', '"enforce": true'))
    with pytest.raises(SchemaError, match="was changed"):
        bind(SchemaBinding(lock="schema.lock.json"), tmp_path)


def test_schemas_beside_a_lock_are_what_is_enforced(tmp_path: Path) -> None:
    write_lock(tmp_path / "schema.lock.json", 20)
    (tmp_path / "s.json").write_text(json.dumps({"type": "integer"}))
    plan = bind(SchemaBinding(request="s.json", lock="schema.lock.json"), tmp_path)
    assert accepts(choose(plan, "/rows/7"), 1)


def send(
    plan: SchemaPlan | None, path: str, body: bytes, learning: LearningCheck, size: int = 5
) -> tuple[bytes, list[str], bool]:
    """A request body through the real gate, with both checks: what left, which rules spoke, whether it was refused."""
    route = Route("r", "d", True, EvidenceClass.QUEUED, Mode.ENFORCE, request_schema=plan, response_schema=plan)
    request = RequestHead(((b"Content-Type", b"application/json"),), "POST", path, "HTTP/1.1")
    exchange = Exchange("id", "127.0.0.1", 1, Destination("h", 443, "https"), request, route, "", 0)
    gate = open_gate(exchange, Phase.REQUEST_BODY, [SchemaCheck(), learning])
    left = bytearray()
    try:
        for start in range(0, len(body), size):
            left += b"".join(gate.feed(body[start : start + size]))
        left += b"".join(gate.finish())
    except BodyRefused:
        return bytes(left), [finding.rule for finding in exchange.findings], True
    return bytes(left), [finding.rule for finding in exchange.findings], False


def test_description_through_the_gate(described: SchemaPlan | None) -> None:
    learning = LearningCheck(Learner())
    assert send(described, "/v1/rows", b'{"rows":[1,2]}', learning) == (b'{"rows":[1,2]}', [], False)
    left, rules, refused = send(described, "/v1/rows", b'{"rows":7}', learning)
    assert refused
    assert rules == ["schema.violation"]
    assert left != b'{"rows":7}'
    _, rules, refused = send(described, "/v1/bad", b'{"a":1}', learning)
    assert not refused
    assert rules == ["schema.unknown_route"]
    assert {key.path for key in learning.learner.routes} == {"/v1/rows", "/v1/bad"}


@pytest.mark.parametrize(("documents", "expected"), [(1_100, ["schema.violation"]), (20, ["schema.drift"])])
def test_lock_through_the_gate(tmp_path: Path, documents: int, expected: list[str]) -> None:
    write_lock(tmp_path / "schema.lock.json", documents)
    plan = bind(SchemaBinding(lock="schema.lock.json"), tmp_path)
    assert send(plan, "/rows/7", b'{"n":1}', LearningCheck(Learner())) == (b'{"n":1}', [], False)
    left, rules, refused = send(plan, "/rows/7", b'{"n":1,"m":"secret"}', LearningCheck(Learner()))
    assert rules == expected
    assert refused is (documents > 1_000)
    assert refused or left == b'{"n":1,"m":"secret"}'
