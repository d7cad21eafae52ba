"""Approvals through a real recorder: signed and kept, used up in the log, carried by the bundle, and judged."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from recorder import approval, record_schemas
from recorder.approval_store import ApprovalStore
from recorder.container import open_container
from recorder.errors import RecorderError
from recorder.layout import Layout
from recorder.local import request_approval, request_seal
from recorder.main import prepare
from recorder.verify.bundle import verify_bundle
from tests.support.approvals import Authenticator, Provider, by_passkey, by_token, consume_event, trust_with
from tests.support.recorder_process import RecorderProcess, batch_body, intent, outcome, post, running_recorder

ALICE, LOGIN = Authenticator("alice"), Provider("ES256")


@pytest.fixture
def trust(layout: Layout) -> bytes:
    """The log's trust file with the two ways to approve in it."""
    return trust_with(layout.trust.read_bytes(), [ALICE.key, LOGIN.key], [layout.keys.signing_key("root")])


def _linked(event: dict[str, Any], made: approval.Certificate, state: str) -> dict[str, Any]:
    return {**event, "appr": {"id": made.id, "state": state}}


def _packet(made: approval.Certificate, digest: str) -> list[dict[str, Any]]:
    """Request, grant, consumption, the call it allowed, and its receipt."""
    signed = approval.Signed(digest, b"")
    used = consume_event(signed, made)
    who = {name: used[name] for name in ("agent", "act", "verdict")}
    payload = {"sha256": made.payload.sha256, "c14n": made.payload.c14n}
    asked = {"action_class": "B", "payload": payload, "deadline": "2031-01-01T00:00:00.000000Z"}
    granted = {
        "payload_sha256": made.payload.sha256,
        "approver_c": made.approver.subject_commitment,
        "binding": [binding["kind"] for binding in made.bindings],
    }
    receipt = {
        "receipt": "r-1",
        "exchange": "x-1",
        "action": "payment",
        "result": "completed",
        "result_c": "e" * 64,
        "finished": "2030-01-01T00:00:00.000000Z",
    }
    return [
        _linked(
            {"typ": "pef.approval.request", **who, "data": {**asked, "quorum": {"need": 1, "of": 2}}}, made, "requested"
        ),
        {
            "typ": "pef.approval.grant",
            "appr": {"id": made.id, "cert_sha256": digest, "state": "granted"},
            "data": granted,
        },
        used,
        _linked(intent("x-1"), made, "consumed"),
        outcome("x-1"),
        {"typ": "pef.receipt", **who, "appr": {"id": made.id, "state": "consumed"}, "data": receipt},
    ]


def test_an_approval_from_request_to_receipt(layout: Layout, trust: bytes) -> None:
    with running_recorder(layout.root) as recorder:
        first, second = by_passkey(time.time(), ALICE), by_token(time.time(), LOGIN)
        events = []
        for made in (first, second):
            digest = request_approval(layout.socket, made.predicate())
            events += _packet(made, digest)
            assert request_approval(layout.socket, made.predicate()) == digest
        events[9:11] = []  # one call is enough
        status, answer = post(layout, batch_body("source", 1, events))
        assert (status, answer.get("rejected")) == (200, None)
        bundle = Path(request_seal(layout.socket, None, None)["path"])
        assert recorder.process.poll() is None
    report = verify_bundle(bundle, trust)
    assert report.verdict == "prefix", report.document()
    counts = report.document()["approvals"]
    assert counts == {"certificates": 2, "consumed": 2, "operator_asserted": 0, "valid": 2}
    container = open_container(bundle)
    assert sum(name.startswith("approvals/") for name in container.names) == 2
    schema = b"".join(container.stream("schemas/pef.approval.consume.json"))
    assert schema == record_schemas.packaged("pef.approval.consume")
    container.close()


def test_an_approval_that_was_answered_survives_a_kill(layout: Layout, trust: bytes) -> None:
    recorder = RecorderProcess(layout.root).wait_ready()
    made = by_passkey(time.time(), ALICE)
    digest = request_approval(layout.socket, made.predicate())
    recorder.kill()
    envelope = ApprovalStore(layout.approvals).read(digest)
    assert envelope is not None
    assert approval.parse(envelope).predicate == made.predicate()
    with running_recorder(layout.root):
        post(layout, batch_body("source", 1, [consume_event(approval.Signed(digest, b""), made)]))
        bundle = Path(request_seal(layout.socket, None, None)["path"])
    assert verify_bundle(bundle, trust).document()["approvals"]["valid"] == 1


def test_what_was_never_kept_or_is_damaged_is_missing(layout: Layout, trust: bytes) -> None:
    with running_recorder(layout.root):
        kept, lost = by_passkey(time.time(), ALICE), by_passkey(time.time(), ALICE)
        digest = request_approval(layout.socket, kept.predicate())
        path = ApprovalStore(layout.approvals).path(digest)
        path.write_bytes(path.read_bytes()[:-2])
        never = approval.sign(lost, layout.keys.signing_key("seal"))
        events = [consume_event(approval.Signed(digest, b""), kept), consume_event(never, lost)]
        post(layout, batch_body("source", 1, events))
        bundle = Path(request_seal(layout.socket, None, None)["path"])
    report = verify_bundle(bundle, trust).document()
    assert report["first"] == "E_APPROVAL_MISSING"
    assert report["codes"][0]["count"] == 2


@pytest.mark.parametrize("change", [{"decision": "perhaps"}, {"one_time": False}, {"payload": 7}, {"surplus": 1}])
def test_the_recorder_signs_no_other_form(layout: Layout, change: dict[str, Any]) -> None:
    with running_recorder(layout.root):
        with pytest.raises(RecorderError):
            request_approval(layout.socket, {**by_passkey(time.time(), ALICE).predicate(), **change})
        assert list(ApprovalStore(layout.approvals).digests()) == []


def test_a_disk_without_room_keeps_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    prepare(layout)
    layout.approvals.write_text("in the way")
    signed = approval.sign(by_passkey(time.time(), ALICE), layout.keys.signing_key("seal"))
    with pytest.raises(RecorderError):
        ApprovalStore(layout.approvals).keep(signed)
