"""Certificates by themselves: what holds offline, and every way in which one does not."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clyra_proxy.cli.bec import app
from clyra_proxy.errors import CannotTellError
from recorder import approval
from recorder.approvals.enrolled import trust_entry
from recorder.approvals.proofs import Answer
from recorder.approvals.validate import Expectations, Validator
from tests.support.approval_desk import ApprovalRoom


def _certificate(room: ApprovalRoom, **changes: Any) -> tuple[str, bytes]:
    granted = room.granted(**changes)
    (digest,) = room.consume(granted, **{n: v for n, v in changes.items() if n == "headers_sha256"})["certificates"]
    raw = room.desk.certificates.read(digest)
    assert raw is not None
    return digest, raw


def _validator(room: ApprovalRoom, **expected: Any) -> Validator:
    made = Validator.of_trust(room.layout.trust.read_bytes(), Expectations(**expected))
    for name in room.passkeys:
        key = room.passkey_answer(name, "").key
        assert key is not None
        made.trust_also(trust_entry(key))
    return made


def test_a_certificate_of_a_person_is_valid_and_of_bec_grade(room: ApprovalRoom) -> None:
    digest, raw = _certificate(room)
    found = _validator(room).validate(raw)
    assert (found.digest, found.valid, found.bec, found.code) == (digest, True, True, "")
    assert found.document()["bindings"] == ["webauthn"]
    again = _validator(room)
    assert again.validate(raw) is again.validate(raw)


def test_what_it_must_be_about(room: ApprovalRoom) -> None:
    _, raw = _certificate(room)
    predicate = approval.parse(raw).predicate
    sha, iat, exp = predicate["payload"]["sha256"], predicate["challenge"]["iat"], predicate["challenge"]["exp"]
    for expected, code in (
        ({"payload_sha256": sha, "at": iat, "tenant": "acme", "policy_sha256": predicate["policy"]["sha256"]}, ""),
        ({"payload_sha256": "0" * 64}, "E_APPROVAL_PAYLOAD"),
        ({"at": iat - 1}, "E_APPROVAL_NOT_YET"),
        ({"at": exp + 1}, "E_APPROVAL_EXPIRED"),
        ({"tenant": "globex"}, "E_APPROVAL_ACTION"),
        ({"policy_sha256": "0" * 64}, "E_APPROVAL_POLICY"),
    ):
        assert _validator(room, **expected).validate(raw).code == code, expected


def test_an_unknown_authenticator_is_nobodys(room: ApprovalRoom) -> None:
    _, raw = _certificate(room)
    found = Validator.of_trust(room.layout.trust.read_bytes()).validate(raw)
    assert found.code == "E_APPROVAL_APPROVER"


def test_any_changed_byte_voids_it(room: ApprovalRoom) -> None:
    _, raw = _certificate(room)
    validator = _validator(room)
    for at in range(0, len(raw), 37):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert not validator.validate(changed).valid, at
    assert validator.validate(raw).valid


def test_who_holds_the_seal_key_cannot_turn_a_no_into_a_yes(room: ApprovalRoom) -> None:
    opened = room.open()
    digest = room.decide(opened["id"], "ann", "deny")["cert_sha256"]
    raw = room.desk.certificates.read(digest)
    assert raw is not None
    predicate = {**approval.parse(raw).predicate, "decision": "grant"}
    forged = approval.sign_predicate(predicate, room.layout.keys.signing_key("seal"))
    found = _validator(room).validate(forged.envelope)
    assert found.code == "E_APPROVAL_NONCE"


def test_a_quorum_is_seen_only_together(room: ApprovalRoom) -> None:
    opened = room.open(action_class="C", need=2)
    raw = []
    for name in ("ann", "bob"):
        one = room.desk.certificates.read(room.decide(opened["id"], name)["cert_sha256"])
        assert one is not None
        raw.append(one)
    alone = _validator(room)
    assert alone.validate(raw[0]).code == "E_APPROVAL_QUORUM"
    alone.announce(raw)
    assert all(alone.validate(one).bec for one in raw)


def test_the_operators_word_is_valid_and_not_of_bec_grade(room: ApprovalRoom) -> None:
    from recorder import approval_binding
    from tests.support.approval_desk import PEOPLE

    room.write({"approvers": list(PEOPLE), "mfa": False, "grade": "operator"})
    opened = room.open()
    issued = room.ask(opened["id"], "ann")
    said = Answer(approval_binding.session_binding(), None)
    raw = room.desk.certificates.read(room.deciding.answer(issued.nonce, said)["cert_sha256"])
    assert raw is not None
    found = _validator(room).validate(raw)
    assert (found.valid, found.bec) == (True, False)
    assert "W_APPROVAL_OPERATOR_ASSERTED" in found.warnings


def _run(room: ApprovalRoom, folder: Path, *words: str) -> Any:
    return CliRunner().invoke(
        app, ["validate", "--certificate-path", str(folder), "--home", str(room.layout.root), *words]
    )


@pytest.fixture
def folder(room: ApprovalRoom, tmp_path: Path) -> Path:
    """One certificate, and the key of its approver beside it."""
    digest, raw = _certificate(room)
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / f"{digest}.dsse.json").write_bytes(raw)
    key = room.passkey_answer("ann", "").key
    assert key is not None
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ann.json").write_text(json.dumps(trust_entry(key)))
    return folder


def test_the_command(room: ApprovalRoom, folder: Path, tmp_path: Path) -> None:
    keys = ("--keys", str(tmp_path / "keys"))
    good = _run(room, folder, "--json", *keys)
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout)["certificates"][0]["bec"]
    assert _run(room, folder).exit_code == 1
    assert _run(room, folder, *keys, "--at", "1").exit_code == 1
    (folder / f"{'0' * 64}.dsse.json").write_bytes(next(folder.glob("*.json")).read_bytes())
    assert "named after" in _run(room, folder, *keys).stdout


@pytest.mark.parametrize("kind", ["cut", "empty", "folder", "dangling", "pipe", "device", "huge"])
def test_a_damaged_file_is_named_and_hides_no_other(
    room: ApprovalRoom, folder: Path, tmp_path: Path, kind: str
) -> None:
    (good,) = folder.glob("*.dsse.json")
    bad = folder / ("0" * 64 + ".dsse.json")
    if kind in ("cut", "empty"):
        bad.write_bytes(good.read_bytes()[:100] if kind == "cut" else b"")
    elif kind == "folder":
        bad.mkdir()
    elif kind == "pipe":
        os.mkfifo(bad)
    elif kind == "huge":
        with bad.open("wb") as stream:
            stream.truncate(1 << 40)
    else:
        bad.symlink_to("/dev/zero" if kind == "device" else folder / "nothing")
    done = _run(room, folder, "--keys", str(tmp_path / "keys"))
    assert done.exit_code == 1, done.output
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["invalid", "valid"]


def test_a_file_that_is_not_there_tells_nothing(room: ApprovalRoom, folder: Path) -> None:
    assert isinstance(_run(room, folder / "nothing.dsse.json").exception, CannotTellError)


def test_the_command_does_not_trust_what_lies_beside_the_certificates(
    room: ApprovalRoom, folder: Path, tmp_path: Path
) -> None:
    (folder / "trust.json").write_bytes(b"{}")
    assert _run(room, folder, "--keys", str(tmp_path / "keys")).exit_code == 0
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "trust.json").write_bytes(room.layout.trust.read_bytes())
    assert _run(room, empty).exit_code != 0


def test_an_envelope_with_another_signature_of_ours_is_refused(room: ApprovalRoom) -> None:
    _, raw = _certificate(room)
    document = json.loads(raw)
    document["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    changed = json.dumps(document, separators=(",", ":"), sort_keys=True).encode() + b"\n"
    assert _validator(room).validate(changed).code == "E_APPROVAL_SIG"
