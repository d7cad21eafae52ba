"""Lists bound to the placeholders of one statement are rows: counted, named by their columns, all or none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clyra_proxy.activation.model import Batch, Operation
from clyra_proxy.activation.profile import UnreadableError
from tests.activation.profiles.support import endpoint_of, head_of

HOST = "https://acme.snowflakecomputing.com"
WAYS = {"sqlText": f"POST {HOST}/queries/v1/query-request?requestId=1", "statement": f"POST {HOST}/api/v2/statements"}


def read(sql: str, *bound: Any, way: str = "statement") -> Batch:
    bindings = {str(at): {"type": "TEXT", "value": value} for at, value in enumerate(bound, start=1)}
    head = head_of(WAYS[way])
    return endpoint_of(WAYS[way], head).read(head, json.dumps({way: sql, "bindings": bindings}).encode())


@pytest.mark.parametrize("way", WAYS)
def test_an_insert(way: str) -> None:
    batch = read("insert into db.s.people (id, email) values (?, ?)", ["1", "2"], ["a@x", None], way=way)
    assert (batch.target, batch.all_or_none) == ("db.s.people", True)
    assert [(row.operation, row.values) for row in batch.rows] == [
        (Operation.INSERT, {"id": "1", "email": "a@x"}),
        (Operation.INSERT, {"id": "2", "email": None}),
    ]


@pytest.mark.parametrize(
    ("sql", "operation", "key", "values"),
    [
        ("UPDATE people SET email = ?, n = n + ? WHERE id = ?", Operation.UPDATE, "c1", {"email": "a1", "n": "b1"}),
        ("DELETE FROM people WHERE id = ? AND a = ? AND b = ?", Operation.DELETE, "a1\x1fb1\x1fc1", {}),
        ("INSERT INTO people VALUES (?, ?, ?)", Operation.INSERT, "", {"1": "a1", "2": "b1", "3": "c1"}),
        ("INSERT INTO t (x, y, z) SELECT ?, parse_json(?), ?", Operation.INSERT, "", {"x": "a1", "y": "b1", "z": "c1"}),
        ("SELEC ?, ?, ?", Operation.UNKNOWN, "", {"1": "a1", "2": "b1", "3": "c1"}),
    ],
)
def test_columns_and_keys(sql: str, operation: Operation, key: str, values: dict[str, str]) -> None:
    batch = read(sql, ["a0", "a1"], ["b0", "b1"], ["c0", "c1"])
    row = batch.rows[1]
    assert (row.operation, row.key, row.values) == (operation, key, values)


def test_single_values_are_no_rows() -> None:
    assert read("INSERT INTO t (a) VALUES (?)", "1").rows == ()


@pytest.mark.parametrize("bound", [(["1", "2"], ["1"]), (["1"], "2")])
def test_lists_that_do_not_fit_are_unreadable(bound: tuple[Any, ...]) -> None:
    with pytest.raises(UnreadableError):
        read("INSERT INTO t (a, b) VALUES (?, ?)", *bound)
