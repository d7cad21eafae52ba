"""Webhooks as a receiver sees them: signed so that any library of Standard Webhooks verifies them, and only then."""

from __future__ import annotations

import base64
import hmac
import time
from pathlib import Path

import pytest

from recorder.approvals.channels import SlackChannel, WebhookChannel
from recorder.approvals.notifying import DeliveryError, Letter, deliver, secrets_of
from tests.support.letter_box import WebhookBox

NEW, OLD = b"the newer secret of this webhook", b"the older secret of this webhook"
LETTER = Letter("msg_1", "requested", "0193", "B", "POST crm.test/x", "bot", "", ("bec.suspected",), 1_900_000_000, "")


def line_of(key: bytes) -> bytes:
    return b"whsec_" + base64.b64encode(key)


def channel(folder: Path, url: str, secret: bytes) -> WebhookChannel:
    path = folder / "secret"
    path.write_bytes(secret)
    path.chmod(0o600)
    return WebhookChannel(name="hook", url=url, secret_file=path)


def accepts(key: bytes, headers: dict[str, str], body: bytes, now: float | None = None) -> bool:
    """A receiver by the letter of Standard Webhooks 1.0, "Verifying signatures" and "Verifiying timestamps"."""
    if abs(float(headers["webhook-timestamp"]) - (time.time() if now is None else now)) > 300:
        return False
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    pairs = (one.split(",", 1) for one in headers["webhook-signature"].split(" "))
    return any(version == "v1" and hmac.compare_digest(wanted, found) for version, found in pairs)


def received(folder: Path, secret: bytes) -> tuple[dict[str, str], bytes]:
    with WebhookBox() as box:
        deliver(LETTER, channel(folder, box.url, secret), ())
        return box.got[0]


@pytest.mark.parametrize(
    "secret",
    [line_of(NEW), line_of(NEW) + b"\n", line_of(NEW).rstrip(b"="), NEW, b"\n" + NEW + b"\r\n", b" " + line_of(NEW)],
)
def test_a_receiver_accepts_what_is_ours_and_of_now(tmp_path: Path, secret: bytes) -> None:
    headers, body = received(tmp_path, secret)
    assert accepts(NEW, headers, body)
    assert not accepts(OLD, headers, body)
    assert not accepts(NEW, headers, body + b" ")
    assert not accepts(NEW, {**headers, "webhook-id": "msg_2"}, body)
    assert not accepts(NEW, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, body)
    sent = int(headers["webhook-timestamp"])
    assert [accepts(NEW, headers, body, sent + off) for off in (-301, -300, 300, 301)] == [False, True, True, False]


def test_while_a_secret_is_replaced_either_is_good(tmp_path: Path) -> None:
    headers, body = received(tmp_path, line_of(NEW) + b"\n" + line_of(OLD) + b"\n")
    assert accepts(NEW, headers, body)
    assert accepts(OLD, headers, body)
    assert not accepts(NEW + OLD, headers, body)
    assert len(headers["webhook-signature"].split(" ")) == 2


def test_another_attempt_has_the_same_id(tmp_path: Path) -> None:
    with WebhookBox(status=503) as box:
        for _ in range(2):
            with pytest.raises(DeliveryError):
                deliver(LETTER, channel(tmp_path, box.url, line_of(NEW)), ())
        (first, _), (second, _) = box.got
        assert first["webhook-id"] == second["webhook-id"] == "msg_1"


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"whsec_", b"whsec_c2hvcnQ=", b"whsec_?", b"short", line_of(NEW) + b"\nx"]
)
def test_a_secret_that_protects_nothing_signs_nothing(content: bytes) -> None:
    with pytest.raises(DeliveryError):
        secrets_of(content)


def test_whatever_is_wrong_with_a_channel_is_its_failure_alone(tmp_path: Path) -> None:
    """Else the round that also ends overdue packets would end with it."""
    path = tmp_path / "address"
    path.write_bytes(b"\xff\xfe not an address")
    path.chmod(0o600)
    with pytest.raises(DeliveryError):
        deliver(LETTER, SlackChannel(name="chat", url_file=path), ())
    with WebhookBox() as box:
        deliver(LETTER, channel(tmp_path, box.url, b"\xff\xfe" * 16), ())
        assert accepts(b"\xff\xfe" * 16, *box.got[0])
