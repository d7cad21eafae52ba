"""Tokens made by OpenSSL count only for the text they are about, under a trusted and suitable certificate."""

from __future__ import annotations

import datetime
import time
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.timestamp_token import TokenError, check_token, make_request
from tests.support.timestamp_authority import Authority, make_authority

TEXT = b"log.example/main\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def token(authority: Authority) -> bytes:
    return authority.reply(make_request(TEXT).as_bytes())


def code_of(raw: bytes, text: bytes, trusted: list[bytes]) -> str:
    try:
        check_token(raw, text, trusted)
    except TokenError as error:
        return error.code
    return ""


def test_a_token_counts_under_a_root_and_under_nothing_less(authority: Authority, token: bytes) -> None:
    assert code_of(token, TEXT, [authority.signer_der]) == "E_TSA_SIG"
    for trusted in ([authority.root_der], [authority.signer_der, authority.root_der]):
        assert abs(check_token(token, TEXT, trusted) - time.time()) < 3600


def test_a_token_for_another_text_is_about_something_else(authority: Authority, token: bytes) -> None:
    assert code_of(token, TEXT.replace(b"7", b"8"), [authority.root_der]) == "E_TSA_IMPRINT"


def test_an_untrusted_authority_counts_for_nothing(tmp_path: Path, token: bytes) -> None:
    stranger = make_authority(tmp_path / "other")
    for trusted in ([], [stranger.root_der], [stranger.signer_der]):
        assert code_of(token, TEXT, trusted) == "E_TSA_SIG"


def test_the_nonce_of_the_request_must_come_back(authority: Authority) -> None:
    asked = make_request(TEXT)
    raw = authority.reply(asked.as_bytes())
    assert asked.nonce is not None
    check_token(raw, TEXT, [authority.root_der], asked.nonce)
    with pytest.raises(TokenError, match="Nonce"):
        check_token(raw, TEXT, [authority.root_der], asked.nonce + 1)


def test_a_certificate_that_had_ended_is_refused(tmp_path: Path) -> None:
    ended = make_authority(tmp_path / "ended", valid_for=datetime.timedelta(hours=-1))
    raw = ended.reply(make_request(TEXT).as_bytes())
    assert code_of(raw, TEXT, [ended.root_der]) == "E_TSA_VALIDITY"


def test_openssl_itself_refuses_to_sign_with_another_kind_of_certificate(tmp_path: Path) -> None:
    """So a token with such a certificate is made by changing the usage inside one that OpenSSL made."""
    good = make_authority(tmp_path / "good")
    raw = good.reply(make_request(TEXT).as_bytes())
    stamping = bytes.fromhex("06082b06010505070308")
    server = bytes.fromhex("06082b06010505070301")
    assert ExtendedKeyUsageOID.SERVER_AUTH.dotted_string.endswith(".3.1")
    assert stamping in raw
    assert code_of(raw.replace(stamping, server), TEXT, [good.root_der]) == "E_TSA_VALIDITY"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_changed_token_says_anything_else(authority: Authority, token: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(token) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = token[:at] + bytes([token[at] ^ 1 << bit]) + token[at + 1 :]
    try:
        said = check_token(changed, TEXT, [authority.root_der])
    except TokenError:
        return
    # CMS has a few unsigned bytes without meaning here: two version numbers and the name of the signature algorithm.
    assert said == check_token(token, TEXT, [authority.root_der])


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_code(raw: bytes) -> None:
    assert code_of(raw, TEXT, []) == "E_TSA_SIG"
