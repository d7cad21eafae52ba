"""What judging a statement costs grows with its length, however it is built: counted in calls, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from clyra_proxy.activation.sql.facts import Reading, facts_of
from clyra_proxy.activation.sql.names import UNKNOWN, any_same, is_same
from clyra_proxy.activation.sql.parsing import Bounds, read

_FEW, _MANY = 200, 800

_SHAPES: dict[str, Callable[[int], str]] = {
    "comparisons one after the other": lambda n: "delete from t where a" + " = a" * n,
    "AND": lambda n: "delete from t where " + " and ".join(f"a{i} = {i}" for i in range(n)),
    "OR": lambda n: "delete from t where " + " or ".join(f"a{i} = {i}" for i in range(n)),
    "ranges that do not meet": lambda n: "delete from t where " + " or ".join(f"a < {i} or a > {n}" for i in range(n)),
    "sums on both sides": lambda n: (
        "delete from t where " + " + ".join(f"a{i}" for i in range(n)) + " = " + " + ".join(f"b{i}" for i in range(n))
    ),
    "names with many parts": lambda n: "select " + "a." * n + "b",
    "sources": lambda n: "update t set a = 1 from " + ", ".join(f"u{i}" for i in range(n)) + " where t.id = u1.id",
    "subqueries": lambda n: (
        "delete from t where " + " and ".join(f"id in (select id from u{i} where u{i}.x = t.x)" for i in range(n))
    ),
    "a row of columns and many values": lambda n: (
        "delete from t where (" + ", ".join(f"a{i}" for i in range(n)) + ") in (" + ", ".join("1" * n) + ")"
    ),
    "CTEs that read each other twice": lambda n: (
        "with c0 as (select 1 a)"
        + "".join(f", c{i} as (select x.a from c{i - 1} x join c{i - 1} y on x.a = y.a)" for i in range(1, n))
        + f" delete from t where id in (select a from c{n - 1})"
    ),
}


def _calls(statement: str) -> int:
    """Python functions entered, generators resumed included, for what a statement does."""
    (tree,) = read(statement, "postgres", Bounds())
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        list(facts_of(tree, Reading("postgres", "allow")))
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("shape", _SHAPES)
def test_four_times_the_statement_is_four_times_the_work(shape: str) -> None:
    few, many = (_calls(_SHAPES[shape](count)) for count in (_FEW, _MANY))
    assert many < few * (_MANY / _FEW) * 1.5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("t",), ("t",)),
        (("t",), ("s", "t")),
        (("d", "s", "t"), ("s", "t")),
        (("s", "t"), ("r", "t")),
        (("t",), ("u",)),
        (UNKNOWN, UNKNOWN),
        ((), ("t",)),
        (("x", "?"), UNKNOWN),
    ],
)
def test_many_names_are_compared_as_two_are(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert any_same([one], [other]) is any_same([other], [one]) is is_same(one, other)
    assert any_same([("a",), one], [("b",), other]) is is_same(one, other)
