"""A packet's life: handed in, decided, used up once; and every difference refused by its own code."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from recorder.approvals.errors import Refusal
from tests.support.approval_desk import PAYLOAD, PEOPLE, ApprovalRoom, claims


def _refusal(work: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        work()
    return caught.value.code


def test_a_granted_packet_is_used_up_once(room: ApprovalRoom) -> None:
    granted = room.granted()
    assert granted["state"] == "granted"
    used = room.consume(granted)
    assert len(used["certificates"]) == 1
    assert _refusal(lambda: room.consume(granted)) == "E_APPROVAL_REUSED"
    assert [record["typ"].rpartition(".")[2] for record in room.records()] == ["request", "grant", "consume"]
    consume = room.records()[-1]
    assert consume["appr"] == {"id": granted["id"], "cert_sha256": used["certificates"][0], "state": "consumed"}
    assert consume["data"]["token_sha256"] == sha256(granted["token"].encode()).hexdigest()


OTHER = b'{"amount": "9200.00", "currency": "EUR", "to": "DE00"}'
MUTATIONS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("payload", {name: claims(OTHER)[name] for name in ("payload", "body_sha256")}, "E_APPROVAL_PAYLOAD"),
    ("one byte of white space", {"body_sha256": sha256(PAYLOAD + b" ").hexdigest()}, "E_APPROVAL_PAYLOAD"),
    ("path or query", {"action_sha256": "9" * 64}, "E_APPROVAL_ACTION"),
    ("method", {"act": {**claims()["act"], "method": "PUT"}}, "E_APPROVAL_ACTION"),
    ("tool", {"act": {**claims()["act"], "tool": "send_money"}}, "E_APPROVAL_ACTION"),
    ("header", {"headers_sha256": "9" * 64}, "E_APPROVAL_HEADERS"),
    ("token", {"token": "A" * 43}, "E_APPROVAL_NONCE"),
    ("audience", {"audience": "staging"}, "E_APPROVAL_AUDIENCE"),
    ("tenant", {"agent": {**claims()["agent"], "tenant": "globex"}}, "E_APPROVAL_TENANT"),
    ("agent", {"agent": {**claims()["agent"], "uid": "other-bot"}}, "E_APPROVAL_REQUESTER"),
    ("identity", {"agent": {**claims()["agent"], "auth": "header"}}, "E_APPROVAL_REQUESTER"),
    ("policy", {"policy_sha256": "d" * 64}, "E_APPROVAL_POLICY"),
    ("id", {"id": "01900000-0000-7000-8000-000000000000"}, "E_APPROVAL_MISSING"),
)


@pytest.mark.parametrize(("change", "code"), [one[1:] for one in MUTATIONS], ids=[one[0] for one in MUTATIONS])
def test_every_change_of_the_call_is_refused_by_its_code(room: ApprovalRoom, change: dict[str, Any], code: str) -> None:
    granted = room.granted()
    assert _refusal(lambda: room.consume(granted, **change)) == code
    assert room.consume(granted)["state"] == "consumed"  # the twin: unchanged it goes, and the attempt spent nothing


def test_time_is_part_of_it(room: ApprovalRoom) -> None:
    opened = room.open()
    assert _refusal(lambda: room.consume({**opened, "token": "x"})) == "E_APPROVAL_NOT_YET"
    granted = room.granted()
    room.now += 61
    assert _refusal(lambda: room.consume(granted)) == "E_APPROVAL_EXPIRED"
    room.now += 600
    assert room.state(opened["id"])["state"] == "expired"
    assert room.records()[-1]["data"]["reason"] == "expired"


def test_an_approver_who_may_no_longer_is_a_code_of_its_own(room: ApprovalRoom) -> None:
    granted = room.granted()
    room.write({"approvers": [{"name": "bob", "sub": "bob-1", "roles": ["finance"]}]})
    assert _refusal(lambda: room.consume(granted)) == "E_APPROVAL_APPROVER"


def test_a_certificate_that_is_gone_or_damaged_grants_nothing(room: ApprovalRoom) -> None:
    granted = room.granted()
    (path,) = room.layout.approvals.glob("*.dsse.json")
    path.write_bytes(path.read_bytes()[:-2])
    assert _refusal(lambda: room.consume(granted)) == "E_APPROVAL_SIG"


def test_the_same_call_joins_the_packet_that_waits(room: ApprovalRoom) -> None:
    first = room.open()
    assert room.open(exchange="exchange-2")["id"] == first["id"]
    assert room.open(headers_sha256="9" * 64)["id"] != first["id"]
    granted = room.granted(audience="other")
    room.consume(granted, audience="other")
    assert room.open(audience="other")["id"] != granted["id"]


def test_a_restart_loses_nothing(room: ApprovalRoom) -> None:
    opened = room.open()
    room.restart()
    room.decide(opened["id"], "ann")
    granted = room.state(opened["id"])
    room.restart()
    assert room.state(opened["id"]) == granted
    room.consume(granted)
    room.restart()
    assert _refusal(lambda: room.consume(granted)) == "E_APPROVAL_REUSED"


def test_the_same_attempt_again_is_answered_as_before(room: ApprovalRoom) -> None:
    granted = room.granted()
    attempt = "0" * 32
    used = room.consume(granted, attempt=attempt)
    assert room.consume(granted, attempt=attempt) == used
    assert _refusal(lambda: room.consume(granted, attempt=attempt, exchange="exchange-2")) == "E_APPROVAL_REUSED"
    assert len(room.records("pef.approval.consume")) == 1


def test_a_use_that_cannot_be_recorded_releases_nothing_and_is_not_given_back(room: ApprovalRoom) -> None:
    granted, attempt = room.granted(), "1" * 32
    room.fail_records = True
    with pytest.raises(OSError, match="full"):
        room.consume(granted, attempt=attempt)
    room.fail_records = False
    assert _refusal(lambda: room.consume(granted)) == "E_APPROVAL_REUSED"
    assert room.consume(granted, attempt=attempt)["state"] == "consumed"  # the same attempt: recorded now
    assert len(room.records("pef.approval.consume")) == 1


def test_a_use_lost_with_the_recorder_is_ended_on_record(room: ApprovalRoom) -> None:
    granted, attempt = room.granted(), "2" * 32
    room.fail_records = True
    with pytest.raises(OSError, match="full"):
        room.consume(granted, attempt=attempt)
    room.fail_records = False
    room.restart()
    assert room.desk.recover() == 1
    assert room.desk.recover() == 0
    assert _refusal(lambda: room.consume(granted, attempt=attempt)) == "E_APPROVAL_REUSED"
    assert room.records()[-1]["data"]["reason"] == "cancelled"


def test_a_request_that_cannot_be_recorded_gets_no_id(room: ApprovalRoom) -> None:
    room.fail_records = True
    with pytest.raises(OSError, match="full"):
        room.open()
    assert room.book.every("SELECT id FROM packets") == []


def test_a_newer_request_takes_the_place_of_an_older_one_of_the_same_sender(room: ApprovalRoom) -> None:
    old = room.granted()
    new = room.open(headers_sha256="9" * 64, supersedes=old["id"])
    assert room.state(old["id"])["state"] == "superseded"
    assert _refusal(lambda: room.consume(old)) == "E_APPROVAL_STATE"
    ended = room.records("pef.approval.expire")[-1]["data"]
    assert (ended["reason"], ended["superseded_by"]) == ("superseded", new["id"])
    stranger = {**claims()["agent"], "uid": "other-bot"}
    assert _refusal(lambda: room.open(agent=stranger, supersedes=new["id"])) == "E_APPROVAL_REQUESTER"


def test_where_nobody_can_decide_it_is_unreachable_at_once(room: ApprovalRoom) -> None:
    assert room.open(role="legal")["state"] == "unreachable"
    assert room.open(action_class="C", need=2, role="security")["state"] == "unreachable"
    assert {record["data"]["reason"] for record in room.records("pef.approval.expire")} == {"unreachable"}


def test_a_delegate_is_no_further_voice(room: ApprovalRoom) -> None:
    until = datetime.fromtimestamp(room.now + 3600, UTC).isoformat()
    room.write({"approvers": list(PEOPLE), "delegations": [{"by": "bob", "to": "carol", "until": until}]})
    assert room.open(need=2, action_class="C", role="finance")["state"] == "requested"  # ann, and bob or carol
    assert room.open(need=3, action_class="C", role="finance")["state"] == "unreachable"


def test_coming_back_needs_the_very_same_call(room: ApprovalRoom) -> None:
    opened = room.open()
    back = claims() | {"id": opened["id"]}
    assert room.desk.open(_json(back))["state"] == "requested"
    assert _refusal(lambda: room.desk.open(_json(back | {"body_sha256": "9" * 64}))) == "E_APPROVAL_PAYLOAD"
    assert _refusal(lambda: room.desk.open(_json(back | {"id": "nobody"}))) == "E_APPROVAL_MISSING"


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()
