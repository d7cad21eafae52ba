"""Filters of PostgREST as the statements that they are, judged as such; rows as CSV."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.activation.profiles.postgrest import condition_of
from tests.activation.profiles.support import endpoint_of, head_of
from tests.activation.sql.support import judge, where

TABLE = "https://acme.supabase.co/rest/v1/people"
JUDGE = judge()


def told(query: str, method: str = "DELETE") -> set[str]:
    line = f"{method} {TABLE}?{query}"
    head = head_of(line, "application/json" if method == "PATCH" else "")
    batch = endpoint_of(line, head).read(head, b'{"a":1}' if method == "PATCH" else b"")
    assert len(batch.rows) == 1
    return {one.rule for one in JUDGE.judge(batch.statements, batch.dialect, where())}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "select=id",
        "id=not.is.null",
        "id=is.not_null",
        "id=neq.-1",
        "id=gt.0",
        "id=not.eq.-1",
        "id=not.in.(-1)",
        "name=like.*",
        "name=ilike.%25",
        "name=match..*",
        "or=(id.eq.1,id.neq.1)",
        "or=(id.eq.1,not.and(id.eq.1))",
        "or=(id.eq.1,orders.id.eq.2)",
        "not.and=(id.eq.1)",
        "and=(id.gt.0,name.like.*)",
        "id=unknown.5",
        "orders.id=eq.5",
        "created_at=lt.infinity",
    ],
)
@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
def test_what_limits_nothing_is_a_mass_write(query: str, method: str) -> None:
    assert told(query, method) == {"sql.mass_write"}


@pytest.mark.parametrize(
    "query",
    [
        "id=eq.5",
        "id=in.(1,2,3)",
        'name=in.("a,b","c")',
        "email=eq.o'brien@x.test",
        "id=eq(any).{1,2}",
        "deleted_at=is.null",
        "created_at=lt.2026-01-01",
        "or=(id.eq.1,id.eq.2)",
        "and=(id.gt.0,tenant.eq.acme)",
        "id=neq.-1&tenant=eq.acme",
        "id=gte.10&id=lt.20",
        "data->>kind=eq.x",
        "text=fts.cat",
        "tags=cs.{a}",
    ],
)
def test_what_names_rows_passes(query: str) -> None:
    assert told(query) == set()


def test_rows_as_csv() -> None:
    line = f"POST {TABLE}?columns=id,name"
    head = head_of(line, "text/csv", Prefer="resolution=merge-duplicates")
    batch = endpoint_of(line, head).read(head, b'id,name\n1,"a,b"\n2,c\n')
    assert [(row.key, row.operation.value, row.values) for row in batch.rows] == [
        ("1", "upsert", {"id": "1", "name": "a,b"}),
        ("2", "upsert", {"id": "2", "name": "c"}),
    ]
    assert batch.all_or_none


@given(st.text(max_size=200) | st.text(alphabet="andornt.(){},\"\\'id=eq1*", max_size=200))
def test_any_text_is_a_condition_or_none(text: str) -> None:
    found = condition_of(text)
    assert found == "" or "\0" not in found
    list(JUDGE.judge([f'DELETE FROM "t" WHERE {found or "TRUE"}'], "postgres", where()))
