"""Who may decide, what he signs, and what becomes of an answer that is not his, not for this, or not in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from recorder import approval, approval_binding
from recorder.approvals import challenges
from recorder.approvals.errors import Refusal
from recorder.approvals.proofs import Answer
from tests.support.approval_desk import PEOPLE, ApprovalRoom


def _refusal(work: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        work()
    return caught.value.code


def test_class_c_needs_different_people(room: ApprovalRoom) -> None:
    opened = room.open(action_class="C", need=2)
    assert room.decide(opened["id"], "ann") | {"cert_sha256": ""} == {
        "id": opened["id"],
        "state": "requested",
        "cert_sha256": "",
        "have": 1,
        "need": 2,
    }
    assert _refusal(lambda: room.decide(opened["id"], "ann")) == "E_APPROVAL_QUORUM"
    assert room.decide(opened["id"], "bob")["state"] == "granted"
    used = room.consume(room.state(opened["id"]))
    assert len(set(used["certificates"])) == 2
    parsed = [approval.parse(_stored(room, one)) for one in used["certificates"]]
    assert {one.id for one in parsed} == {opened["id"]} == {one.group for one in parsed}


def test_one_refusal_ends_it(room: ApprovalRoom) -> None:
    opened = room.open(action_class="C", need=2)
    room.decide(opened["id"], "ann")
    assert room.decide(opened["id"], "bob", "deny")["state"] == "refused"
    assert _refusal(lambda: room.ask(opened["id"], "carol")) == "E_APPROVAL_STATE"
    assert room.records()[-1]["typ"] == "pef.approval.deny"


@pytest.mark.parametrize(
    ("duty", "code"),
    [
        ({"agents": "billing-*", "owner": "ann"}, "E_APPROVAL_SOD"),
        ({"agents": "*", "deployer": "ann"}, "E_APPROVAL_SOD"),
        ({"agents": "other-*", "owner": "ann"}, ""),
    ],
)
def test_who_asked_or_deployed_may_not_approve(room: ApprovalRoom, duty: dict[str, str], code: str) -> None:
    room.write({"approvers": list(PEOPLE), "duties": [duty]})
    opened = room.open()
    if code:
        assert _refusal(lambda: room.decide(opened["id"], "ann")) == code
    else:
        assert room.decide(opened["id"], "ann")["state"] == "granted"


def test_an_agent_by_the_name_of_a_person_is_that_person(room: ApprovalRoom) -> None:
    opened = room.open(agent={"uid": "Ann-1", "auth": "proxy"})
    assert _refusal(lambda: room.decide(opened["id"], "ann")) == "E_APPROVAL_SOD"
    assert room.decide(opened["id"], "bob")["state"] == "granted"


def test_the_role_counts(room: ApprovalRoom) -> None:
    opened = room.open(role="security")
    assert _refusal(lambda: room.decide(opened["id"], "ann")) == "E_APPROVAL_APPROVER"
    assert room.decide(opened["id"], "carol")["state"] == "granted"


def _delegation(room: ApprovalRoom, hours: float, **other: Any) -> dict[str, Any]:
    until = datetime.fromtimestamp(room.now + hours * 3600, UTC).isoformat()
    return {"by": "carol", "to": "ann", "until": until, **other}


def test_a_delegate_decides_for_a_time_and_is_one_voice(room: ApprovalRoom) -> None:
    room.write({"approvers": list(PEOPLE), "delegations": [_delegation(room, 1)]})
    opened = room.open(role="security")
    room.decide(opened["id"], "ann")
    grant = room.records("pef.approval.grant")[-1]["data"]
    assert grant["delegated_from_c"] != grant["approver_c"]
    room.write({"approvers": list(PEOPLE), "delegations": [_delegation(room, -1)]})
    late = room.open(role="security", headers_sha256="9" * 64)
    assert _refusal(lambda: room.decide(late["id"], "ann")) == "E_APPROVAL_APPROVER"


def test_a_delegate_and_the_one_he_stands_in_for_are_one_voice(room: ApprovalRoom) -> None:
    people = [*PEOPLE, {"name": "dan", "sub": "dan-1", "roles": ["security"]}]
    room.write({"approvers": people, "delegations": [_delegation(room, 1)]})
    opened = room.open(action_class="C", need=2, role="security")
    room.decide(opened["id"], "ann")
    assert _refusal(lambda: room.decide(opened["id"], "carol")) == "E_APPROVAL_QUORUM"
    assert room.decide(opened["id"], "dan")["state"] == "granted"


def test_nobody_stands_in_for_who_asked(room: ApprovalRoom) -> None:
    duties = [{"agents": "billing-*", "owner": "carol"}]
    room.write({"approvers": list(PEOPLE), "duties": duties, "delegations": [_delegation(room, 1)]})
    assert room.open(role="security")["state"] == "unreachable"


def test_an_answer_is_for_one_challenge_and_counts_once(room: ApprovalRoom) -> None:
    opened, other = room.open(), room.open(headers_sha256="9" * 64)
    issued, wrong = room.ask(opened["id"], "ann"), room.ask(other["id"], "ann")
    assert _refusal(lambda: room.deciding.answer(issued.nonce, room.passkey_answer("ann", wrong.challenge))) == (
        "E_APPROVAL_NONCE"
    )
    answer = room.passkey_answer("ann", issued.challenge)
    assert room.deciding.answer(issued.nonce, answer)["state"] == "granted"
    assert _refusal(lambda: room.deciding.answer(issued.nonce, answer)) == "E_APPROVAL_NONCE"
    assert _refusal(lambda: room.deciding.answer("nobody asked this", answer)) == "E_APPROVAL_NONCE"


def test_an_answer_in_time(room: ApprovalRoom) -> None:
    opened = room.open()
    issued = room.ask(opened["id"], "ann")
    answer = room.passkey_answer("ann", issued.challenge)
    room.now += 301
    assert _refusal(lambda: room.deciding.answer(issued.nonce, answer)) == "E_APPROVAL_EXPIRED"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"flags": 0x01}, "E_APPROVAL_MFA"),
        ({"flags": 0x04}, "E_APPROVAL_BINDING"),
        ({"origin": "http://evil.example"}, "E_APPROVAL_BINDING"),
    ],
)
def test_an_answer_that_shows_too_little(room: ApprovalRoom, options: dict[str, Any], code: str) -> None:
    opened = room.open()
    assert _refusal(lambda: room.decide(opened["id"], "ann", **options)) == code
    assert room.decide(opened["id"], "ann")["state"] == "granted"


def test_another_person_s_authenticator_decides_nothing(room: ApprovalRoom) -> None:
    opened = room.open()
    issued = room.ask(opened["id"], "ann")
    foreign = room.passkey_answer("bob", issued.challenge)
    own = room.passkey_answer("ann", issued.challenge)
    assert _refusal(lambda: room.deciding.answer(issued.nonce, Answer(foreign.binding, own.key))) == (
        "E_APPROVAL_BINDING"
    )


def test_the_operators_word_is_not_enough(room: ApprovalRoom) -> None:
    opened = room.open()
    issued = room.ask(opened["id"], "ann")
    said = Answer(approval_binding.session_binding(), None)
    room.write({"approvers": list(PEOPLE), "mfa": False})
    assert _refusal(lambda: room.deciding.answer(issued.nonce, said)) == "E_APPROVAL_BINDING"
    room.write({"approvers": list(PEOPLE), "mfa": False, "grade": "operator"})
    assert room.deciding.answer(issued.nonce, said)["state"] == "granted"


def test_keys_that_must_be_in_the_trust_file(room: ApprovalRoom) -> None:
    room.write({"approvers": list(PEOPLE), "demand_trusted_keys": True})
    opened = room.open()
    assert _refusal(lambda: room.decide(opened["id"], "ann")) == "E_APPROVAL_APPROVER"
    issued = room.ask(opened["id"], "ann")
    answer = room.passkey_answer("ann", issued.challenge)
    assert answer.key is not None
    key = answer.key
    room.deciding.trusted = lambda: [key]
    assert room.deciding.answer(issued.nonce, answer)["state"] == "granted"
    room.deciding.trusted = lambda: [replace(key, compromised_from=0)]
    again = room.open(headers_sha256="9" * 64)
    assert _refusal(lambda: room.decide(again["id"], "ann")) == "E_APPROVAL_APPROVER"


def test_the_nonce_commits_to_all_that_the_certificate_says(room: ApprovalRoom) -> None:
    granted = room.granted(amount={"value": "1200.00", "currency": "EUR"})
    predicate = approval.parse(_stored(room, room.consume(granted)["certificates"][0])).predicate
    assert challenges.covers(predicate)
    for path, value in (
        (("decision",), "deny"),
        (("amount", "value"), "9.00"),
        (("action", "target"), "/elsewhere"),
        (("payload", "display_sha256"), "0" * 64),
        (("policy", "sha256"), "0" * 64),
        (("quorum", "need"), 2),
        (("sod", "requester_c"), "0" * 64),
        (("challenge", "exp"), 1),
        (("challenge", "aud"), "other"),
        (("approver", "sub_c"), "0" * 64),
    ):
        changed = json.loads(json.dumps(predicate))
        place = changed
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        assert not challenges.covers(changed), path


def _stored(room: ApprovalRoom, digest: str) -> bytes:
    raw = room.desk.certificates.read(digest)
    assert raw is not None
    return raw


def test_two_identities_with_one_address_are_one_person(room: ApprovalRoom) -> None:
    twice = [{**PEOPLE[0], "email": "ann@example.com"}, {"name": "annie", "sub": "a2", "roles": ["finance"],
             "email": "Ann@Example.com"}, PEOPLE[1]]  # fmt: skip
    room.write({"approvers": twice, "duties": [{"agents": "ann-bot", "owner": "ann"}]})
    opened = room.open(need=2, action_class="C", role="finance")
    room.decide(opened["id"], "ann")
    assert _refusal(lambda: room.ask(opened["id"], "annie")) == "E_APPROVAL_QUORUM"
    assert room.decide(opened["id"], "bob")["state"] == "granted"
    assert room.open(need=3, action_class="C", role="finance")["state"] == "unreachable"
    owned = room.open(agent={"uid": "ann-bot", "auth": "proxy", "tenant": "acme"})
    assert _refusal(lambda: room.ask(owned["id"], "annie")) == "E_APPROVAL_SOD"
