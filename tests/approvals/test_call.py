"""What an approval is bound to: every part of a request changes its own digest, and nothing else does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.approvals.call import account_of, call_of
from clyra_proxy.approvals.display import body_lines, query_lines
from clyra_proxy.policy.approvals import Approvals
from tests.support.held_exchanges import make_exchange

SETTINGS = Approvals()
BODY = b'{"amount": 1200.50, "to": "DE00"}'


def _digests(body: bytes = BODY, **options: Any) -> dict[str, str]:
    call = call_of(make_exchange(method="POST", **options), body, SETTINGS)
    return {
        "payload": call.payload.sha256,
        "body": call.body_sha256,
        "action": call.action_sha256,
        "headers": call.headers_sha256,
    }


def _changed(**options: Any) -> set[str]:
    before, after = _digests(), _digests(**options)
    return {name for name in before if before[name] != after[name]}


def test_each_part_has_its_own_digest() -> None:
    assert _changed(body=b'{"amount": 9200.50, "to": "DE00"}') == {"payload", "body"}
    assert _changed(body=b'{"to":"DE00","amount":1200.50}') == {"body"}  # another order: RFC 8785 sees the same
    assert _changed(path="/v1/rows?x=1") == {"action"}
    assert _changed(fields=((b"Idempotency-Key", b"1"),)) == {"headers"}
    assert _changed(fields=((b"idempotency-key", b""),)) == {"headers"}
    assert _changed(fields=((b"X-Api-Key", b"another account"),)) == {"headers"}
    assert _changed(fields=((b"User-Agent", b"x"),)) == set()
    assert _changed(fields=((b"Cookie", b"x"),)) == set()


def test_header_values_cannot_be_shifted_between_headers() -> None:
    one = _digests(fields=((b"if-match", b"a"), (b"prefer", b"b")))
    other = _digests(fields=((b"if-match", b"ab"), (b"prefer", b"")))
    assert one["headers"] != other["headers"]


def _jwt(**claims: Any) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"Bearer e30.{part}.c2ln"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (_jwt(sub="a", exp=1), _jwt(sub="a", exp=2), True),
        (_jwt(sub="a"), _jwt(sub="b"), False),
        (_jwt(sub="a", iss="x"), _jwt(sub="a", iss="y"), False),
        ("Bearer opaque-1", "Bearer opaque-2", False),
        ("Basic YTpi", "Basic YTpj", False),
        (
            "AWS4-HMAC-SHA256 Credential=AKIA1/20260101/x, Signature=1",
            "AWS4-HMAC-SHA256 Credential=AKIA1/20260102/x, Signature=2",
            True,
        ),
        (
            "AWS4-HMAC-SHA256 Credential=AKIA1/20260101/x, Signature=1",
            "AWS4-HMAC-SHA256 Credential=AKIA2/20260101/x, Signature=1",
            False,
        ),
    ],
)
def test_credentials_count_by_the_account_they_name(one: str, other: str, same: bool) -> None:
    assert (account_of(one) == account_of(other)) is same


@given(st.text(max_size=300))
def test_any_credentials_have_an_account(text: str) -> None:
    assert account_of(text)


def test_what_is_shown_is_one_line_each_and_no_secret() -> None:
    body = json.dumps(
        {
            "to": "Ann\u202egnp.exe\nline",
            "api_key": "x",
            "note": "token ghp_" + "a1B2c3D4e5" * 3 + "abcdef",
            "long": "y" * 500,
            "big": 12345678901234567890,
            "list": [1, {"deep": None}],
        }
    ).encode()
    lines = dict(body_lines(body, ()))
    assert "\u202e" not in lines["/to"]
    assert "\n" not in lines["/to"]
    assert lines["/api_key"] == "***"
    assert lines["/note"] == "***"
    assert "500 characters" in lines["/long"]
    assert lines["/big"] == "12345678901234567890"
    assert lines["/list/1/deep"] == "null"
    assert dict(body_lines(body, ("/to/x", "/list"))) == {"/to/x": "(not there)", "/list": "(2 entries)"}


def test_a_key_that_stands_twice_is_shown_twice() -> None:
    body = b'{"amount": 1, "amount": 9000, "to": {"amount (2)": 3, "amount": 4, "amount": 5, "amount": 6}}'
    lines = body_lines(body, ("/amount",))
    assert [label for label, _ in lines][:2] == ["caution", "/amount"]
    assert sorted(value for _, value in lines[2:]) == ["1", "3", "4", "5", "6", "9000"]
    many = b"{" + b",".join([b'"a":1', b'"a (2)":1'] * 50_000) + b"}"
    assert body_lines(many, ())[-1] == ("not shown", "99968 more values")


def test_what_is_left_out_is_counted() -> None:
    lines = body_lines(json.dumps(list(range(50))).encode(), ())
    assert lines[-1] == ("not shown", "18 more values")


def test_parameters_of_the_address_are_shown() -> None:
    assert query_lines("/x?to=DE00&password=hunter2") == [("?to", '"DE00"'), ("?password", "***")]


@given(st.binary(max_size=300))
def test_any_body_can_be_shown(body: bytes) -> None:
    for label, value in body_lines(body, ()):
        assert (label + value).isprintable()
