"""Fields that an API nests: all of them are found, under names that rules can use."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.activation.profiles.row_fields import RowFields

ONE = (("properties",),)
TWO = (("traits",), ("properties",))
DEEP = (("attributes",), ("attributes", "properties"), ("context", "traits"))
ENVELOPE = frozenset({"id", "type", "context"})


@pytest.mark.parametrize(
    ("nested", "row", "fields"),
    [
        ((), {"a": 1}, {"a": 1}),
        ((), {"a": 1, "id": 2}, {"a": 1}),
        (ONE, {"id": "1", "properties": {"a": 1}}, {"a": 1}),
        (ONE, {"properties": {"a": 1}, "b": 2}, {"a": 1, "b": 2}),
        (ONE, {"properties": [1]}, {"properties": [1]}),
        (ONE, {"properties": None, "a": 1}, {"properties": None, "a": 1}),
        (ONE, {"a": 0, "properties": {"a": 1}}, {"a": 1, "/a": 0}),
        (ONE, {"properties": {"a": 1}, "a": 0}, {"a": 1, "/a": 0}),
        (ONE, {"properties": {"a": 1}, "a": 1}, {"a": 1}),
        (TWO, {"traits": {"a": 1}, "properties": {"a": 2}, "a": 3}, {"a": 2, "/a": 1, "//a": 3}),
        (DEEP, {"attributes": {"a": 1, "properties": {"b": 2}}}, {"a": 1, "b": 2}),
        (DEEP, {"context": {"ip": "x", "traits": {"a": 1}}}, {"a": 1}),
        (DEEP, {"attributes": {"properties": "odd"}}, {"properties": "odd"}),
    ],
)
def test_fields(nested: tuple[tuple[str, ...], ...], row: dict[str, Any], fields: dict[str, Any]) -> None:
    assert dict(RowFields(nested, ENVELOPE).of(row)) == fields


NAME = st.sampled_from(["a", "b", "traits", "properties", "attributes"])
ROW = st.dictionaries(NAME, st.integers() | st.dictionaries(NAME, st.integers(), max_size=4), max_size=5)


@given(ROW, st.sampled_from([(), ONE, TWO, DEEP]))
def test_no_value_is_lost(row: dict[str, Any], nested: tuple[tuple[str, ...], ...]) -> None:
    found = RowFields(nested, frozenset()).of(row)
    for value in row.values():
        for leaf in value.values() if isinstance(value, dict) else (value,):
            assert any(leaf == one or (isinstance(one, dict) and leaf in one.values()) for one in found.values())
