"""Secrets do not go to a mirror; everything else goes byte for byte."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.enforcement.halt.state import Subject
from clyra_proxy.enforcement.mirror.head import HeadStripping, finished, host_of
from clyra_proxy.enforcement.mirror.model import Copy
from clyra_proxy.enforcement.mirror.names import is_secret_field, is_secret_member
from clyra_proxy.enforcement.mirror.stripping import STRIPPED, Stripping, WithheldError
from clyra_proxy.exchange import TraceContext
from clyra_proxy.genai.leaks.scan import Scanner
from clyra_proxy.policy.genai.leaks import Leaks
from clyra_proxy.policy.mirroring import HostField
from clyra_proxy.stream.limits import DEFAULT_LIMITS

GITHUB = "ghp_" + "aB3dE5gH7jK9" * 3
BY_NAME = Stripping(("ssn",), None)
BY_FORM = Stripping((), Scanner(Leaks()))


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "api-key", "X-Auth-Token", "X-CSRF-Token"),
        *("X-Amz-Security-Token", "Ocp-Apim-Subscription-Key", "Stripe-Signature", "X-Hub-Signature-256", "DPoP"),
        *("X-Slack-Signature", "X-Shopify-Access-Token", "DD-API-KEY", "PRIVATE-TOKEN", "Signature-Input", "Signature"),
        *("X-Functions-Key", "apikey", "access_token", "client_secret", "sig", "X-Goog-Signature", "key", "password"),
        *("X-Amz-Credential", "X-Amz-Signature", "sessionToken", "refreshToken", "hmac", "X-Twilio-Signature"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_field(name)


@pytest.mark.parametrize(
    "name",
    [
        *("Accept", "Content-Type", "User-Agent", "Idempotency-Key", "X-Request-Id", "page_token", "nextPageToken"),
        *("If-None-Match", "Sort-Key", "limit", "monkey", "author", "keyword", "X-Tenant", "design", "max_tokens"),
    ],
)
def test_names_of_no_secrets(name: str) -> None:
    assert not is_secret_field(name)


@pytest.mark.parametrize("name", ["key", "code", "session_id", "primary_key", "status_code", "max_tokens", "digest"])
def test_names_that_are_no_secret_in_data(name: str) -> None:
    assert not is_secret_member(name)


def test_a_head_keeps_what_is_harmless_in_order() -> None:
    fields = (
        (b"Accept", b"a"),
        (b"Connection", b"close, X-Hop"),
        (b"X-Hop", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"TE", b"trailers"),
        (b"Proxy-Anything", b"1"),
        (b"Clyra-Approval", b"1"),
        (b"X-Forwarded-Client-Cert", b"1"),
        (b"traceparent", b"00-x"),
        (b"content-digest", b"sha-256=:x:"),
        (b"SSN", b"1"),
        (b"X-Other", b"b"),
    )
    assert HeadStripping(("ssn",)).kept(fields) == [(b"Accept", b"a"), (b"X-Other", b"b")]


def test_a_head_says_what_it_is_and_carries_only_the_targets_secret() -> None:
    copy = Copy("e", "r", "POST", "api.example.com", Subject(), TraceContext("1" * 32, "2" * 16))
    head = finished([(b"accept", b"a")], copy, "m.example", HostField.TARGET, ("X-Key", "own"), 3)
    told = dict(head)
    assert head[0] == (b"host", b"m.example")
    assert (told[b"clyra-mirror"], told[b"x-key"], told[b"content-length"]) == (b"1", b"own", b"3")
    assert told[b"traceparent"].startswith(b"00-" + b"1" * 32)
    assert b"2" * 16 not in told[b"traceparent"]


@pytest.mark.parametrize(
    ("original", "wanted", "expected"),
    [
        ("a.example:8443", HostField.TARGET, "t"),
        ("a.example:8443", HostField.ORIGINAL, "a.example:8443"),
        ("a.example:8443", HostField.SHADOW, "a.example-shadow:8443"),
        ("a.example", HostField.SHADOW, "a.example-shadow"),
        ("", HostField.ORIGINAL, "t"),
    ],
)
def test_what_the_target_is_told_as_host(original: str, wanted: HostField, expected: str) -> None:
    assert host_of(original, "t", wanted) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a", "/a"),
        ("/a?", "/a?"),
        ("/a?x=1&&y", "/a?x=1&&y"),
        ("/a?token=abc&x=%20", f"/a?token={STRIPPED}&x=%20"),
        ("/a?X-Amz-Signature=1&X-Amz-Date=2", f"/a?X-Amz-Signature={STRIPPED}&X-Amz-Date=2"),
        ("/a?%74oken=abc", f"/a?%74oken={STRIPPED}"),
        ("/a?ssn=1&page_token=2", f"/a?ssn={STRIPPED}&page_token=2"),
        ("/a?token=", "/a?token="),
    ],
)
def test_targets(path: str, expected: str) -> None:
    assert BY_NAME.target(path) == expected


def test_a_secret_in_a_value_is_found_by_its_form_and_in_a_path_withholds_the_request() -> None:
    assert BY_FORM.target(f"/a?q={GITHUB}") == f"/a?q={STRIPPED}"
    assert BY_FORM.fields([(b"x-a", GITHUB.encode()), (b"x-b", b"1")]) == [(b"x-b", b"1")]
    with pytest.raises(WithheldError):
        BY_FORM.target(f"/hook/{GITHUB}/send")


@pytest.mark.parametrize(
    ("body", "media", "expected"),
    [
        (b'{"a": 1,  "b": 2}', "application/json", None),
        (b'{"password":"x","a":1}', "application/json", b'{"password":"stripped","a":1}'),
        (b'{"password":"x","password":1}', "application/json", b'{"password":1}'),
        (b'{"credentials":{"user":"u","n":1}}', "application/json", b'{"credentials":{"user":"stripped","n":1}}'),
        (b'[{"apiKey":["a","b"]}]', "application/json", b'[{"apiKey":["stripped","stripped"]}]'),
        (b'{"max_tokens":5,"next_page_token":"x"}', "application/json", None),
        (b"a=1&client_secret=x", "application/x-www-form-urlencoded", b"a=1&client_secret=stripped"),
        (b"\xff\xfe\x00", "application/octet-stream", None),
        (b'{"broken', "application/json", None),
    ],
)
def test_bodies(body: bytes, media: str, expected: bytes | None) -> None:
    found = BY_NAME.body(body, media, "", DEFAULT_LIMITS)
    assert (found.body, found.changed) == ((body, False) if expected is None else (expected, True))


def test_a_coded_body_goes_on_as_it_is_or_uncoded_without_its_secret() -> None:
    plain, secret = gzip.compress(b'{"a":1}'), gzip.compress(b'{"token":"x"}')
    assert BY_NAME.body(plain, "application/json", "gzip", DEFAULT_LIMITS).body == plain
    found = BY_NAME.body(secret, "application/json", "gzip", DEFAULT_LIMITS)
    assert (found.body, found.changed) == (b'{"token":"stripped"}', True)


@pytest.mark.parametrize(("body", "coding"), [(b"no gzip", "gzip"), (b"x", "unknown"), (b"x", "gzip, br")])
def test_what_cannot_be_read_is_withheld(body: bytes, coding: str) -> None:
    with pytest.raises(WithheldError):
        BY_NAME.body(body, "application/json", coding, DEFAULT_LIMITS)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON, st.sampled_from(["password", "apiKey", "access_token", "Client-Secret"]), st.integers(10**9, 10**12))
def test_a_secret_anywhere_in_a_document_never_goes(document: Any, name: str, number: int) -> None:
    secret = f"zq-{number}-zq"
    body = json.dumps([document, {"x": {name: secret}}, document]).encode()
    found = BY_NAME.body(body, "application/json", "", DEFAULT_LIMITS)
    assert secret.encode() not in found.body
    assert json.loads(found.body)[1] == {"x": {name: STRIPPED}}


@given(
    st.binary(max_size=300), st.sampled_from(["application/json", "text/plain", "application/x-www-form-urlencoded"])
)
def test_any_bytes_are_read_without_a_fault(body: bytes, media: str) -> None:
    found = BY_NAME.body(body, media, "", DEFAULT_LIMITS)
    assert found.changed or found.body == body
