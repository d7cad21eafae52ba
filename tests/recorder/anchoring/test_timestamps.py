"""Asking a time stamp authority over HTTP: what it says counts only when it checks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder import note
from recorder.anchoring import timestamps, web
from recorder.anchoring.errors import AnchorError, AnchorSettingsError
from recorder.anchoring.placed import Tip
from recorder.timestamp_token import check_token
from tests.support import timestamp_authority
from tests.support.timestamp_authority import Authority, make_authority
from tests.support.witness_process import SignedLog

TIP = Tip.of(SignedLog("log.example/main", [bytes(32)] * 5).checkpoint(5))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path / "tsa")


@pytest.fixture
def url(authority: Authority) -> Iterator[str]:
    with timestamp_authority.serving(authority) as found:
        yield found


def test_a_token_is_fetched_checked_and_about_the_text(authority: Authority, url: str) -> None:
    trusted = timestamps.read_certificates(authority.root)
    with web.client(10) as http:
        placed = timestamps.stamp(http, url, TIP, trusted, 10)
    assert placed.kind == "rfc3161"
    assert check_token(placed.content, TIP.text, trusted) == placed.at
    assert TIP.text == note.split_note(TIP.raw)[0]


def test_a_token_of_another_authority_is_refused(tmp_path: Path, url: str) -> None:
    stranger = make_authority(tmp_path / "other")
    with web.client(10) as http, pytest.raises(AnchorError, match="E_TSA_SIG"):
        timestamps.stamp(http, url, TIP, [stranger.root_der], 10)


def test_a_replayed_token_is_refused(authority: Authority, tmp_path: Path) -> None:
    """The authority answers every request with the token it made for an earlier one over the same text."""
    with timestamp_authority.serving(authority) as url, web.client(10) as http:
        old = timestamps.stamp(http, url, TIP, [authority.root_der], 10).content

    class Replaying(Authority):
        def reply(self, query: bytes) -> bytes:
            return old

    replaying = Replaying(authority.folder, authority.root_der, authority.signer_der)
    with (
        timestamp_authority.serving(replaying) as url,
        web.client(10) as http,
        pytest.raises(AnchorError, match="Nonce"),
    ):
        timestamps.stamp(http, url, TIP, [authority.root_der], 10)


def test_what_is_no_authority_is_an_error(tmp_path: Path) -> None:
    with web.client(1) as http, pytest.raises(AnchorError):
        timestamps.stamp(http, "http://127.0.0.1:1/", TIP, [], 1)
    with pytest.raises(AnchorSettingsError):
        timestamps.read_certificates(tmp_path / "nothing.pem")
    (tmp_path / "empty.pem").write_text("no certificate")
    with pytest.raises(AnchorSettingsError):
        timestamps.read_certificates(tmp_path / "empty.pem")
