"""The canonical form of payloads, against the reference implementation of RFC 8785."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.activation.rows.canonical import canonical_body, payload_hash

_NUMBERS = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1e15, 1e16, 1e21, 1e-4, 1e-7, 5e-324, 100.0, 1.5, 9007199254740991.0, 123456789012.5]),
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(
            st.one_of(st.text(max_size=4), st.sampled_from(["\ufffd", "\U0001f600", "\u20ac"])), inner, max_size=5
        ),
    ),
    max_leaves=20,
)


@settings(max_examples=500)
@given(_JSON)
def test_the_same_bytes_as_the_reference(value: Any) -> None:
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError:
        return  # a lone surrogate is no I-JSON
    assert canonical_body(text) == rfc8785.dumps(orjson.loads(text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":1,"b":[1,2]}', b'{ "b": [1, 2], "a": 1 }'),
        (b'{"a":1}', b'{"a":1.0}'),
        (b'{"a":"\\u20ac"}', '{"a":"€"}'.encode()),
        (b'{"a":1e2}', b'{"a":100}'),
    ],
)
def test_one_payload_written_in_two_ways_has_one_hash(one: bytes, other: bytes) -> None:
    assert payload_hash(one) == payload_hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":1}', b'{"a":"1"}'),
        (b"[1,2]", b"[2,1]"),
        (b"id,name\n1,a\n", b"id,name\n1,b\n"),
        (b'{"a":9007199254740993}', b'{"a":9007199254740992}'),
        (b"", b"{}"),
    ],
)
def test_different_payloads_have_different_hashes(one: bytes, other: bytes) -> None:
    assert payload_hash(one) != payload_hash(other)
