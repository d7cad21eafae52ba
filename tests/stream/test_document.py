"""A value that is handed on is the one the next reader would have parsed from the same text."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles.json_body import parse
from clyra_proxy.activation.rows.canonical import canonical_body
from clyra_proxy.schemalock.admission import Admission, NotAdmitted
from clyra_proxy.stream.document import ReadText, Shelf
from clyra_proxy.stream.limits import BodyLimits

_ADMISSION = Admission(BodyLimits())
_TEXTS = st.one_of(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=6))
        | st.integers(-(2**63), 2**64 - 1),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
        max_leaves=12,
    ).map(orjson.dumps),
    st.from_regex(rb"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?", fullmatch=True),
    st.binary(max_size=12),
)


def _on_the_shelf(text: bytes) -> bytes:
    shelf = Shelf()
    with contextlib.suppress(NotAdmitted):
        value, exact = _ADMISSION.read(text)
        shelf.put(text, value, exact=exact)
    return shelf.take(bytes(bytearray(text)))


@settings(max_examples=400)
@given(_TEXTS)
@example(b"18446744073709551616")
@example(b"[-9223372036854775809]")
@example(b"-0.0")
def test_it_reads_as_if_parsed_anew(text: bytes) -> None:
    taken = _on_the_shelf(text)
    assert taken == text
    assert _told(taken) == _told(text)
    assert canonical_body(taken) == canonical_body(text)
    assert _told(taken) == _told(text), "hashing it has not changed it"


def _told(text: bytes) -> Any:
    try:
        return repr(parse(text))
    except UnreadableError as error:
        return error.reason


def test_a_value_is_given_once_and_for_its_own_text() -> None:
    shelf = Shelf()
    assert type(shelf.take(b"{}")) is bytes
    shelf.put(b'{"a":1}', {"a": 1})
    assert type(shelf.take(b'{"a":2}')) is bytes
    assert type(shelf.take(b'{"a":1}')) is bytes
    shelf.put(b'{"a":1}', {"a": 1})
    taken = shelf.take(b'{"a":1}')
    assert isinstance(taken, ReadText)
    assert taken.value == {"a": 1}
