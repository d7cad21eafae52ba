"""DEF-JSON: one byte form, every deviation named, agreement with RFC 8785."""

from __future__ import annotations

import json

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from recorder import canonical
from recorder.canonical import MAX_INTEGER, CanonicalError

_keys = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=64)
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_scalars = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | _texts
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4), max_leaves=12
)


@given(_values)
def test_agrees_with_rfc8785_and_reads_back(value: object) -> None:
    raw = canonical.encode(value)
    assert raw == rfc8785.dumps(value)
    assert canonical.check(raw) == value


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a":1, "b":2}', "E_CANON"),
        (b'{"b":1,"a":2}', "E_CANON"),
        (b'{"a":1}\n', "E_CANON"),
        (b'{"a":1}{"b":2}', "E_CANON"),
        (b'{"a":1', "E_CANON"),
        (b"", "E_CANON"),
        (b"\xef\xbb\xbf{}", "E_CANON"),
        (rb'{"a":"\u0041"}', "E_CANON"),
        (rb'{"a":"\u001F"}', "E_CANON"),
        (rb'{"a":"\/"}', "E_CANON"),
        (rb'{"a":"\ud800"}', "E_UTF8"),
        (b'{"a":"\xff"}', "E_UTF8"),
        (b'{"a":"\xed\xa0\x80"}', "E_UTF8"),
        (b'{"a":1,"a":1}', "E_DUP_KEY"),
        (rb'{"a":1,"\u0061":1}', "E_DUP_KEY"),
        (b'{"A":1}', "E_KEYNAME"),
        (b'{"":1}', "E_KEYNAME"),
        (b'{"a b":1}', "E_KEYNAME"),
        (b'{"' + b"a" * 65 + b'":1}', "E_KEYNAME"),
        (b'{"a":1.0}', "E_NUM"),
        (b'{"a":1e2}', "E_NUM"),
        (b'{"a":[2,-0]}', "E_NUM"),
        (b'{"a":0.5}', "E_NUM"),
        (b"1.5", "E_NUM"),
        (b'{"a":9007199254740992}', "E_NUM"),
        (b'{"a":-9007199254740992}', "E_NUM"),
        (b'{"a":' + b"9" * 5000 + b"}", "E_NUM"),
        (b'{"a":NaN}', "E_CANON"),
        (b"[" * 17 + b"]" * 17, "E_DEPTH"),
        (b"[" * 60_000, "E_DEPTH"),
        (b'"' + b"x" * 65_535 + b'"', "E_SIZE"),
    ],
)
def test_every_deviation_has_its_code(raw: bytes, code: str) -> None:
    with pytest.raises(CanonicalError) as refused:
        canonical.check(raw)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"a":9007199254740991,"b":-9007199254740991}',
        b"[" * 16 + b"]" * 16,
        b'{"a":"1.5","b":":2.5e3,[1.0"}',
        b'{"a":"{","b":["}",{"c":"\\":1"}]}',
        rb'{"a":"\u0000\u001f\b\f\n\r\t\"\\/"}',
        b'"' + b"x" * 65_533 + b'"',
        '{"a":"é\u2028\U0001f600"}'.encode(),
    ],
)
def test_the_accepting_twins(raw: bytes) -> None:
    assert orjson.dumps(canonical.check(raw), option=orjson.OPT_SORT_KEYS) == raw


@given(_values, st.data())
def test_a_changed_byte_is_refused_or_another_value(value: object, data: st.DataObject) -> None:
    raw = bytearray(canonical.encode(value))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        other = canonical.check(bytes(raw))
    except CanonicalError:
        return
    assert canonical.encode(other) == bytes(raw)
    assert rfc8785.dumps(other) == bytes(raw)


@given(st.binary(max_size=80) | st.text('{}[]":,\\u0019.eE-+ abAB\n', max_size=60).map(str.encode))
def test_arbitrary_bytes_never_do_anything_but_be_refused_or_canonical(raw: bytes) -> None:
    try:
        value = canonical.check(raw)
    except CanonicalError:
        return
    assert json.loads(raw) == value
    assert rfc8785.dumps(value) == raw


@pytest.mark.parametrize("value", [1.5, 2**53, {"A": 1}, {"a": {1: 2}}, b"x", "\ud800", {"\ud800": 1}])
def test_encode_refuses_what_has_no_form(value: object) -> None:
    with pytest.raises(CanonicalError):
        canonical.encode(value)
