"""Requests and answers in the formats of the destinations' documentation, as plain files (`vectors/`).

Each says what the batch is, what is forwarded without the rejected rows, what the destination answered to the rest, and
what the sender is told of all.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from clyra_proxy.activation.model import Answer
from clyra_proxy.activation.profiles import profiles
from tests.activation.profiles.support import endpoint_of, head_of, json_answer, rejection

VECTORS = sorted((Path(__file__).parent / "vectors").glob("*.yaml"))


@pytest.fixture(params=VECTORS, ids=lambda path: path.stem)
def vector(request: pytest.FixtureRequest) -> dict[str, Any]:
    return yaml.safe_load(request.param.read_text("utf-8"))


def _told(answer: Answer | None) -> dict[str, Any] | None:
    return None if answer is None else {"status": answer.status, "body": answer.body.decode()}


def test_vector(vector: dict[str, Any]) -> None:
    line, body = vector["request"]["line"], vector["request"]["body"].encode()
    head = head_of(line, vector["request"]["content_type"])
    declared = "auto" if vector["recognised"] == "auto" else vector["profile"]
    endpoint = endpoint_of(line, head, declared)
    batch = endpoint.read(head, body)
    assert _described(endpoint, batch) == vector["batch"]
    assert endpoint.without(body, batch, frozenset()) is body
    rejections = [rejection(index) for index in vector["reject"]]
    answer = json_answer(vector["answer"]["status"], vector["answer"]["body"].encode())
    sent = replace(batch, rows=tuple(row for row in batch.rows if row.index not in vector["reject"]))
    reply = endpoint.reply(answer, sent)
    assert reply.acknowledged == vector["reply"]["acknowledged"]
    assert dict(reply.failed) == vector["reply"]["failed"]
    assert (reply.unknown, reply.limited) == (vector["reply"]["unknown"], vector["reply"]["limited"])
    if rejections:
        made = endpoint.without(body, batch, frozenset(vector["reject"]))
        assert (None if made is None else made.decode()) == vector["forwarded"]
    if "merged" in vector:
        merged = endpoint.merged(answer, batch, rejections)
        assert _told(merged) == vector["merged"]
        assert merged is answer or (merged is not None and "content-length" not in merged.headers)
    assert _told(endpoint.refused(batch, rejections)) == vector["refused"]


def _described(endpoint: Any, batch: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"endpoint": endpoint.id, "writes": endpoint.writes, "target": batch.target}
    if batch.rows:
        told["rows"] = [
            {"operation": row.operation.value, "key": row.key, "pointer": row.pointer, "values": dict(row.values)}
            for row in batch.rows
        ]
    if batch.statements:
        told |= {"statements": list(batch.statements), "dialect": batch.dialect}
    if batch.all_or_none:
        told["all_or_none"] = True
    if batch.idempotency_key:
        told["idempotency_key"] = batch.idempotency_key
    if batch.attribution.source:
        said = batch.attribution
        told["attribution"] = {"tool": said.tool, "sync": said.sync, "run": said.run}
    return told


def test_every_destination_has_a_vector() -> None:
    covered = {yaml.safe_load(path.read_text("utf-8"))["profile"].partition(":")[0] for path in VECTORS}
    assert {profile.id for profile in profiles()} == covered


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422, 429, 500, 503])
def test_a_refusal_of_everything_is_told_as_it_is(status: int) -> None:
    line = "POST https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert"
    head = head_of(line)
    endpoint = endpoint_of(line, head)
    batch = endpoint.read(head, json.dumps({"inputs": [{"id": "1", "properties": {}}] * 2}).encode())
    answer = json_answer(status, b'{"status":"error","category":"RATE_LIMITS"}')
    assert endpoint.merged(answer, batch, [rejection(0)]) is answer
