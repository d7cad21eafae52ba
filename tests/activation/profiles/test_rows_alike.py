"""Rows that are read by columns are what reading each of them alone gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clyra_proxy.activation.joined import Joined
from clyra_proxy.activation.model import Batch, Columns, Operation, Row, indices, keys_of
from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles.declaration import EndpointShape
from clyra_proxy.activation.profiles.elements import find_elements
from clyra_proxy.activation.profiles.json_rows import RowReading
from clyra_proxy.activation.rows.group import rows_by_operation

NAMES = ("id", "email", "properties", "type", "other")
SCALAR = st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(["", "a", "b"])
NAME = st.sampled_from(NAMES)
OBJECT = st.dictionaries(NAME, SCALAR | st.dictionaries(NAME, SCALAR, max_size=3), max_size=5)
SAME = OBJECT.flatmap(lambda one: st.lists(st.fixed_dictionaries(dict.fromkeys(one, SCALAR)), max_size=6))
SHAPE = st.builds(
    EndpointShape,
    id=st.just("one"),
    request=st.just("POST /x"),
    rows=st.just(["/rows", "/more"]),
    values=st.sampled_from([[], ["/properties"], ["/properties", "/other"]]),
    envelope=st.sampled_from([[], ["id"], ["type"], ["id", "type"]]),
    key=st.lists(st.sampled_from(["/id", "/email", "/properties/email", "@id", "fixed"]), max_size=3),
    list_operations=st.sampled_from([{}, {"more": Operation.DELETE}]),
)


@given(SHAPE, st.lists(OBJECT, max_size=6) | SAME | st.lists(OBJECT | SCALAR, max_size=6), SAME)
@example(
    EndpointShape(id="one", request="POST /x", rows=["/rows"], values=["/properties"], envelope=["id"], key=["/id"]),
    [{"id": None, "properties": {"id": "inner"}}, {"id": "", "properties": {"id": "inner"}}],
    [],
)
def test_by_columns_as_one_by_one(shape: EndpointShape, rows: list[Any], more: list[Any]) -> None:
    reading, document = RowReading(shape), {"rows": rows, "more": more}
    elements = find_elements(document, reading.containers, None)
    keys = reading._keys(document, {"id": "7"})
    try:
        expected: Any = [
            reading._row(index, element, Operation.UPDATE, [], keys) for index, element in enumerate(elements)
        ]
    except UnreadableError as error:
        expected = error.reason
    try:
        found: Any = list(reading.rows(document, elements, Operation.UPDATE, {"id": "7"}))
    except UnreadableError as error:
        found = error.reason
    assert found == expected


def test_rows_kept_by_columns_are_a_sequence_of_rows() -> None:
    values: list[dict[str, object]] = [{"a": at} for at in range(4)]
    rows = Columns(values, Operation.UPSERT, list("wxyz"), tuple(f"/{at}" for at in range(8)))
    one_by_one = [Row(at, values[at], Operation.UPSERT, "wxyz"[at], f"/{at}") for at in range(4)]
    assert list(rows) == one_by_one
    assert [rows[at] for at in range(-4, 4)] == one_by_one * 2
    assert list(rows[1:3]) == one_by_one[1:3]
    assert (len(rows), list(indices(rows)), list(keys_of(rows))) == (4, [0, 1, 2, 3], list("wxyz"))
    assert Batch("p", "t", rows).operations == {Operation.UPSERT}
    assert Batch("p", "t", Columns([], Operation.UPSERT, [], [])).operations == set()
    with pytest.raises(IndexError):
        rows[4]


def test_rows_of_several_arrays_are_one_sequence() -> None:
    parts = [Columns([{}] * 2, Operation.UPSERT, "ab", "12"), Columns([{}] * 3, Operation.SEND, "cde", "345", 2)]
    rows = Joined(parts)
    assert [(row.index, row.key, row.pointer) for row in rows] == list(zip(range(5), "abcde", "12345", strict=True))
    assert [rows[at] for at in range(-5, 5)] == [*rows] * 2
    assert [*rows[1:]] == [*rows][1:]
    batch = Batch("p", "t", rows)
    assert rows_by_operation(batch) == {Operation.UPSERT: parts[0], Operation.SEND: parts[1]}
    assert [list(indices(part)) for part in rows_by_operation(batch).values()] == [[0, 1], [2, 3, 4]]
    again = Joined([*parts, Columns([{}], Operation.UPSERT, "f", "6", 5)])
    assert [row.key for row in rows_by_operation(Batch("p", "t", again))[Operation.UPSERT]] == ["a", "b", "f"]
    with pytest.raises(IndexError):
        rows[5]


def test_elements_of_an_array_are_a_sequence() -> None:
    elements = find_elements({"a": [1, 2, 3]}, (("a",),), None)
    assert [elements[at] for at in range(-3, 3)] == [*elements] * 2
    assert [*elements[1:]] == [*elements][1:]
    with pytest.raises(IndexError):
        elements[3]


def test_every_row_of_a_long_array_has_its_pointer() -> None:
    for count in (0, 1, 2, 3, 1023, 1024, 1025):
        elements = find_elements({"a/b": [{}] * count}, (("a/b",),), None)
        assert [one.pointer for one in elements] == [f"/a~1b/{at}" for at in range(count)]
        assert [one.position for one in elements] == list(range(count))
