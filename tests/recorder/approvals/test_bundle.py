"""What the approvals room writes must hold before the verifier of bundles, and in the daily review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recorder import seal
from recorder.export.entry import entries
from recorder.layout import Layout
from recorder.reading import open_log
from recorder.report.gathering import gather
from recorder.report.review import Review
from recorder.verify.bundle import verify_bundle
from recorder.verify.report import Report
from tests.support.approval_desk import ApprovalRoom
from tests.support.approvals import trust_with


def _verified(room: ApprovalRoom, *, known: bool = True) -> Report:
    keys = [key for name in room.passkeys if (key := room.passkey_answer(name, "").key) is not None]
    layout: Layout = room.layout
    trust = trust_with(layout.trust.read_bytes(), keys if known else [], [layout.keys.signing_key("root")])
    room.store.shut()
    made = seal.seal_offline(layout, None, None)
    return verify_bundle(Path(made.path), trust)


@pytest.mark.parametrize(
    ("names", "changes"),
    [
        (("ann",), {}),
        (("ann", "bob"), {"action_class": "C", "need": 2}),
        (("carol",), {"role": "security", "amount": {"value": "1200.00", "currency": "EUR"}}),
    ],
)
def test_an_approval_that_was_used_holds_in_the_bundle(
    room: ApprovalRoom, names: tuple[str, ...], changes: dict[str, Any]
) -> None:
    room.consume(room.granted(*names, **changes))
    report = _verified(room)
    assert not [code for code in report.found if code.startswith(("E_", "I_"))], report.found
    assert report.approvals["valid"] == report.approvals["consumed"] == 1
    assert report.approvals["certificates"] == len(names)


def test_the_twin_without_the_approvers_key_does_not(room: ApprovalRoom) -> None:
    room.consume(room.granted())
    assert "E_APPROVAL_APPROVER" in _verified(room, known=False).found


def test_refusals_and_ends_do_no_harm(room: ApprovalRoom) -> None:
    room.decide(room.open()["id"], "ann", "deny")
    opened = room.open()
    room.now += 601
    room.state(opened["id"])
    room.open(role="legal")
    assert not [code for code in _verified(room).found if code.startswith("E_")]


def test_the_review_tells_how_people_kept_up(room: ApprovalRoom) -> None:
    room.decide(room.open()["id"], "ann")
    slow = room.open(headers_sha256="9" * 64)
    room.now += 30
    room.decide(slow["id"], "ann", "deny")
    late = room.open(headers_sha256="8" * 64)
    room.now += 601
    room.state(late["id"])
    log = open_log(room.layout)
    review = gather(Review(""), entries(log.items()), log.provenance)
    assert sorted(round(wait / 1000) for wait in review.waits_ms) == [0, 30]
    assert review.overdue == 1
    assert review.approvals == {"requested": 3, "granted": 1, "denied": 1, "expired": 1}
