"""Which exchanges are mirrored: shares of stable keys, and what writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.activation.profiles import compile_catalogue
from clyra_proxy.enforcement.mirror.choosing import Choice, Share, key_of
from clyra_proxy.enforcement.mirror.writing import Writing
from clyra_proxy.exchange import Destination, Exchange, Identity, RequestHead, TraceContext
from clyra_proxy.policy.mirroring import Key, MirrorTarget
from tests.support.exchanges import ROUTE

SECRET = b"s" * 32


def sent(method: str, path: str, host: str = "api.example.com", *fields: tuple[bytes, bytes]) -> Exchange:
    request = RequestHead(fields, method, path, "HTTP/1.1")
    return Exchange("x", "127.0.0.1", 1, Destination(host, 443, "https", host), request, replace(ROUTE), "", 1)


def target(**settings: Any) -> MirrorTarget:
    return MirrorTarget.model_validate({"name": "t", "url": "https://mirror.example", **settings})


@given(percent=st.floats(0.5, 99.5), secret=st.binary(min_size=1, max_size=40))
def test_a_share_is_as_large_as_asked_for(percent: float, secret: bytes) -> None:
    """Of 2,000 keys, within 6 standard deviations of the binomial distribution."""
    share = Share(secret, "t", percent)
    taken = sum(share.takes(f"key {number}") for number in range(2000))
    p = percent / 100
    assert abs(taken - 2000 * p) <= 6 * (2000 * p * (1 - p)) ** 0.5 + 1


@given(st.text(max_size=50), st.floats(0, 100), st.floats(0, 100))
def test_a_larger_share_takes_in_what_a_smaller_one_did_and_always_the_same(key: str, one: float, other: float) -> None:
    small, large = (Share(SECRET, "t", percent) for percent in sorted((one, other)))
    assert small.takes(key) == Share(SECRET, "t", min(one, other)).takes(key)
    assert not small.takes(key) or large.takes(key)


def test_a_share_depends_on_the_secret_and_the_target() -> None:
    keys = [f"k{number}" for number in range(200)]
    chosen = {
        (secret, name): tuple(Share(secret, name, 50).takes(key) for key in keys)
        for secret in (b"a", b"b")
        for name in ("x", "y")
    }
    assert len(set(chosen.values())) == 4
    assert [Share(b"a", "x", 0).takes(key) for key in keys] == [False] * 200
    assert [Share(b"a", "x", 100).takes(key) for key in keys] == [True] * 200


def test_parts_of_a_key_cannot_run_into_each_other() -> None:
    share = Share(SECRET, "t", 50)
    pairs = [(("a" * n, "b"), ("a" * (n - 1), "ab")) for n in range(1, 64)]
    assert any(share.takes(*one) != share.takes(*other) for one, other in pairs)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (Key.TRACE, ("1" * 32,)),
        (Key.RUN, ("acme", "bot", "run-1")),
        (Key.AGENT, ("acme", "bot")),
        (Key.TENANT, ("acme",)),
        (Key.PATH, ("api.example.com", "/a/b")),
    ],
)
def test_what_is_chosen_as_a_whole(by: Key, expected: tuple[str, ...]) -> None:
    exchange = sent("GET", "/a//%62?x=1")
    exchange.identity = Identity("bot", tenant="acme", run="run-1")
    exchange.trace = TraceContext("1" * 32, "2" * 16)
    assert key_of(exchange, by) == expected


@pytest.mark.parametrize(
    ("settings", "covered"),
    [
        ({}, True),
        ({"methods": ["GET"]}, True),
        ({"methods": ["POST"]}, False),
        ({"paths": ["/a/*"]}, True),
        ({"paths": ["/c/**"]}, False),
        ({"agents": ["b?t"]}, True),
        ({"agents": ["other"]}, False),
        ({"tenants": ["other"]}, False),
        ({"destinations": ["*.example.com"]}, True),
        ({"destinations": ["api.example.com:443"]}, True),
        ({"destinations": ["elsewhere"]}, False),
    ],
)
def test_whom_a_target_is_for(settings: dict[str, Any], covered: bool) -> None:
    exchange = sent("GET", "/a/b")
    exchange.identity = Identity("bot", tenant="acme")
    assert Choice(target(**settings), SECRET).covers(exchange) is covered


@pytest.mark.parametrize(
    ("exchange", "writes"),
    [
        (sent("GET", "/a"), False),
        (sent("HEAD", "/a"), False),
        (sent("OPTIONS", "/a"), False),
        (sent("TRACE", "/a"), True),
        (sent("POST", "/a"), True),
        (sent("PUT", "/a"), True),
        (sent("PATCH", "/a"), True),
        (sent("DELETE", "/a"), True),
        (sent("QUERY", "/a"), True),
        (sent("POST", "/graphql"), True),
        (sent("POST", "/search"), True),
        (sent("POST", "/token"), True),
        (sent("GET", "/a", "api.example.com", (b"x-http-method-override", b"DELETE")), True),
        (sent("GET", "/a?x=1&_METHOD=put"), True),
        (sent("GET", "/graphql?query=mutation%20%7B%20deleteIt%20%7D"), True),
        (sent("GET", "/graphql?query=%7B%20it%20%7D"), False),
        (sent("GET", "/a?action=delete&id=1"), True),
        (sent("GET", "/declared/write"), True),
        (sent("POST", "/declared/read"), False),
        (sent("POST", "/crm/v3/objects/contacts/search", "api.hubapi.com"), False),
        (sent("POST", "/crm/v3/objects/contacts/batch/upsert", "api.hubapi.com"), True),
        (sent("GET", "/crm/v3/objects/contacts/1", "api.hubapi.com"), False),
        (sent("POST", "/oauth/v1/token", "api.hubapi.com"), True),
    ],
)
def test_what_counts_as_a_write(exchange: Exchange, writes: bool) -> None:
    settings = target(reads=["/declared/*"], writes=["/declared/write"])
    assert Writing(settings, compile_catalogue()).may_write(exchange) is writes
