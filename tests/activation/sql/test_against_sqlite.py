"""What passes does not empty a table: random predicates, judged, and then run by a real database.

Orderings are left out, because a range that covers a table is told by estimates alone.
"""

from __future__ import annotations

import sqlite3

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.activation.sql.support import judge, where

_TABLE = """
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, a INTEGER);
"""
_ROWS = [(number, f"name {number}", number % 7 if number % 3 else None) for number in range(1, 61)]
_JUDGE = judge()

_COLUMN = st.sampled_from(["id", "name", "a", "t.id", "t.name"])
_VALUE = st.sampled_from(["0", "1", "7", "-1", "'name 3'", "''", "NULL", "1+1", "abs(-3)", "?1"]).map(
    lambda text: text.replace("?1", "5")
)
_SIDE = st.one_of(
    _COLUMN,
    _VALUE,
    _COLUMN.map(lambda name: f"lower({name})"),
    _COLUMN.map(lambda name: f"coalesce({name}, 1)"),
    _COLUMN.map(lambda name: f"{name} * 0"),
    _COLUMN.map(lambda name: f"({name} || '')"),
    _COLUMN.map(lambda name: f"({name} - {name})"),
)
_QUERY = st.sampled_from(
    [
        "SELECT id FROM t",
        "SELECT id FROM t WHERE 1 = 1",
        "SELECT id FROM t WHERE id = 3",
        "SELECT 3",
        "SELECT id FROM t WHERE 1 = 0",
        "SELECT u.id FROM t u",
        "SELECT id FROM (SELECT id FROM t)",
        "SELECT id FROM t LIMIT 2",
        "SELECT id FROM t UNION SELECT 4",
    ]
)
_LEAF = st.one_of(
    st.tuples(_SIDE, st.sampled_from(["=", "<>", "!=", "IS", "IS NOT"]), _SIDE).map(" ".join),
    st.tuples(_COLUMN, st.sampled_from(["IS NULL", "IS NOT NULL", "LIKE '%'", "LIKE 'name 1'", "NOT LIKE 'zz%'"])).map(
        " ".join
    ),
    st.tuples(_COLUMN, st.sampled_from(["IN", "NOT IN"]), st.sampled_from(["(1, 2)", "(-5)", "(id)"])).map(" ".join),
    st.tuples(st.sampled_from(["IN", "NOT IN"]), _QUERY).map(lambda of: f"id {of[0]} ({of[1]})"),
    _QUERY.map(lambda query: f"EXISTS ({query})"),
    st.sampled_from(
        [
            "1",
            "0",
            "id",
            "TRUE",
            "random() <> 0.5",
            "'x'",
            "id * 1",
            "a IS a",
        ]
    ),
)
_PREDICATE = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        inner.map(lambda one: f"NOT ({one})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) AND ({pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) OR ({pair[1]})"),
    ),
    max_leaves=4,
)


def _touched(predicate: str) -> int:
    """Rows of 60 that a real database would delete."""
    with sqlite3.connect(":memory:") as run:
        run.executescript(_TABLE)
        run.executemany("INSERT INTO t VALUES (?, ?, ?)", _ROWS)
        try:
            return run.execute(f"DELETE FROM t WHERE {predicate}").rowcount
        except sqlite3.OperationalError:
            return 0


@settings(max_examples=600, derandomize=True)
@given(_PREDICATE)
def test_what_passes_does_not_empty_a_table(predicate: str) -> None:
    found = {one.rule for one in _JUDGE.judge([f"DELETE FROM t WHERE {predicate}"], "sqlite", where())}
    if not found:
        assert _touched(predicate) < len(_ROWS), predicate
