"""JSON pointers: the examples of RFC 6901, and ways that lead nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.json_pointer import MISSING, look_up, pointer_of, tokens_of

EXAMPLE = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", EXAMPLE),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_the_examples_of_section_5(pointer: str, value: Any) -> None:
    assert look_up(EXAMPLE, pointer) == value


@pytest.mark.parametrize(
    "pointer", ["/foo/2", "/foo/-", "/foo/-1", "/foo/²", "/foo/x", "/foo/0/0", "/none", "//", "/ /0"]
)
def test_what_is_not_there_is_missing(pointer: str) -> None:
    assert look_up(EXAMPLE, pointer) is MISSING


def test_null_is_there_and_an_endless_index_is_not() -> None:
    assert look_up({"a": None}, "/a") is None
    assert look_up([0], "/" + "9" * 5000) is MISSING


@given(st.lists(st.text(max_size=8), max_size=5))
def test_any_names_come_back(names: list[str]) -> None:
    pointer = pointer_of(names)
    assert list(tokens_of(pointer)) == names
    value: Any = "here"
    for name in reversed(names):
        value = {name: value}
    assert look_up(value, pointer) == "here"
