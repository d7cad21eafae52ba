"""`clyra approvals`: what it shows, and that it decides nothing by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clyra_proxy.cli.approvals import app
from clyra_proxy.cli.bec import app as bec
from clyra_proxy.errors import UsageError
from recorder.errors import RecorderError
from recorder.layout import Layout
from tests.support.approving import open_packet, prepare_home, state_of
from tests.support.recorder_process import running_recorder
from tests.support.soft_authenticator import SoftAuthenticator


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    layout = prepare_home(tmp_path_factory.mktemp("approvals") / "home")
    with running_recorder(layout.root):
        yield layout


@pytest.fixture(scope="module")
def ann(layout: Layout) -> SoftAuthenticator:
    return SoftAuthenticator.enrolled(layout, "ann")


def _run(layout: Layout, *words: str) -> Any:
    return CliRunner().invoke(app, [*words, "--home", str(layout.root)])


def _json(layout: Layout, *words: str) -> Any:
    result = _run(layout, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_list_and_show(layout: Layout) -> None:
    packet = open_packet(layout, headers_sha256="1" * 64)["id"]
    assert packet in [one["id"] for one in _json(layout, "list")]
    assert packet in _run(layout, "list").stdout
    shown = _json(layout, "show", packet)
    assert shown["state"] == "requested"
    assert ["/amount", '"1200.00"'] in shown["shown"]["lines"]
    assert "bec.suspected" in _run(layout, "show", packet).stdout
    assert isinstance(_run(layout, "show", "nobody").exception, RecorderError)


def test_approve_shows_where_to_sign_and_decides_nothing(layout: Layout) -> None:
    packet = open_packet(layout, headers_sha256="2" * 64)["id"]
    result = _run(layout, "approve", packet)
    assert f"/r/{packet}" in result.stdout
    assert state_of(layout, [packet])[packet]["state"] == "requested"


def test_a_challenge_is_answered_out_of_band(layout: Layout, ann: SoftAuthenticator, tmp_path: Path) -> None:
    packet = open_packet(layout, headers_sha256="3" * 64)["id"]
    asked = _json(layout, "approve", packet, "--as", "ann", "--by", "webauthn")
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps(ann.assertion(asked["options"])))
    words = ("--as", "ann", "--nonce", asked["nonce"], "--assertion", str(answer))
    assert _json(layout, "approve", packet, *words)["state"] == "granted"
    assert isinstance(_run(layout, "approve", packet, *words).exception, RecorderError)  # once


def test_a_refusal_is_signed_too(layout: Layout, ann: SoftAuthenticator, tmp_path: Path) -> None:
    packet = open_packet(layout, headers_sha256="4" * 64)["id"]
    asked = _json(layout, "refuse", packet, "--as", "ann", "--by", "webauthn")
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps(ann.assertion(asked["options"])))
    words = ("--as", "ann", "--nonce", asked["nonce"], "--assertion", str(answer))
    assert _json(layout, "refuse", packet, *words)["state"] == "refused"


def test_nobodys_word_counts_in_bec_grade(layout: Layout) -> None:
    packet = open_packet(layout, headers_sha256="5" * 64)["id"]
    assert isinstance(_run(layout, "approve", packet, "--as", "ann", "--by", "code").exception, RecorderError)
    asked = _json(layout, "approve", packet, "--as", "ann", "--by", "webauthn")
    words = ("--as", "ann", "--nonce", asked["nonce"], "--code", "12345678")
    assert isinstance(_run(layout, "approve", packet, *words).exception, RecorderError)
    assert state_of(layout, [packet])[packet]["state"] == "requested"


@pytest.mark.parametrize("words", [("--by", "webauthn"), ("--code", "1"), ("--as", "ann", "--code", "1")])
def test_words_that_do_not_go_together(layout: Layout, words: tuple[str, ...]) -> None:
    assert isinstance(_run(layout, "approve", "x", *words).exception, UsageError)


def test_enrol_revoke_keys_and_validate(layout: Layout, ann: SoftAuthenticator, tmp_path: Path) -> None:
    assert "/enrol/" in _json(layout, "enrol", "bob")["url"]
    packet = open_packet(layout, headers_sha256="6" * 64)["id"]
    ann.decide(layout, packet)
    keys = tmp_path / "keys"
    assert _run(layout, "keys", "--out", str(keys)).exit_code == 0
    words = ["validate", "--certificate-path", str(layout.approvals), "--home", str(layout.root)]
    assert CliRunner().invoke(bec, [*words, "--trust", str(layout.trust)]).exit_code == 1
    good = CliRunner().invoke(bec, [*words, "--trust", str(layout.trust), "--keys", str(keys), "--json"])
    assert good.exit_code == 0, good.output
    own = CliRunner().invoke(bec, [*words, "--json"])
    assert own.exit_code == 0, own.output
    marked = json.loads(own.stdout)["certificates"]
    assert all(one["warnings"] == ["W_KEYS_OF_RECORDER"] for one in marked)
    assert _json(layout, "enrol", "ann", "--revoke")["revoked"] >= 1
    late = open_packet(layout, headers_sha256="7" * 64)["id"]
    with pytest.raises(AssertionError):
        ann.decide(layout, late)


def test_status(layout: Layout) -> None:
    found = _json(layout, "status")
    assert found["page"].startswith("http://localhost:")
    assert found["grade"] == "bec"
    assert "waiting" in _run(layout, "status").stdout


@pytest.mark.parametrize(
    ("command", "other", "name", "what"),
    [
        ("refuse", False, "ann", "other decision"),
        ("approve", True, "ann", "another request"),
        ("approve", False, "bob", "another person"),
    ],
)
def test_an_answer_counts_only_for_what_is_said(
    layout: Layout, ann: SoftAuthenticator, tmp_path: Path, command: str, name: str, what: str, *, other: bool
) -> None:
    packet = open_packet(layout, headers_sha256="7" * 64)["id"]
    another = open_packet(layout, headers_sha256="8" * 64)["id"]
    asked = _json(layout, "approve", packet, "--as", "ann", "--by", "webauthn")
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps(ann.assertion(asked["options"])))
    words = ("--as", name, "--nonce", asked["nonce"], "--assertion", str(answer))
    refused = _run(layout, command, another if other else packet, *words).exception
    assert isinstance(refused, RecorderError)
    assert what in str(refused)
    assert {one["state"] for one in state_of(layout, [packet, another]).values()} == {"requested"}


def test_there_are_three_ways_to_answer(layout: Layout) -> None:
    packet = open_packet(layout, headers_sha256="9" * 64)["id"]
    assert isinstance(_run(layout, "approve", packet, "--as", "ann", "--by", "magic").exception, UsageError)
