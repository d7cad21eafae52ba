"""Rows that are bound to one statement as arrays: `INSERT INTO t (a, b) VALUES (?, ?)` with a list for each `?`.

Rule: the n-th values of all lists are one row. A placeholder that a column is set to, inserted in or compared with has
that column's name; any other has its number, so that no value is lost. What a statement is that nobody can read is for
its judge to say. Reference: Snowflake, SQL API (bindings) and array binding of its drivers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from clyra_proxy.activation.model import Operation, Row
from clyra_proxy.activation.sql.names import name_of
from clyra_proxy.activation.sql.parsing import Bounds, read
from clyra_proxy.activation.sql.tokens import OpaqueError

_OPERATIONS: Mapping[type[exp.Expr], Operation] = {
    exp.Insert: Operation.INSERT,
    exp.Update: Operation.UPDATE,
    exp.Delete: Operation.DELETE,
    exp.Merge: Operation.UPSERT,
}


def bound_rows(statement: str, dialect: str, lists: Sequence[Sequence[object]]) -> tuple[str, tuple[Row, ...]]:
    """(table written, rows) of a statement and the equally long lists that are bound to its placeholders, in order."""
    tree = _tree(statement, dialect)
    operation = _OPERATIONS.get(type(tree), Operation.UNKNOWN) if tree is not None else Operation.UNKNOWN
    names, keys = _columns(tree) if tree is not None else ([], frozenset())
    spelled = [names[at] if at < len(names) and names[at] else str(at + 1) for at in range(len(lists))]
    target = tree.this if tree is not None else None
    table = target.this if isinstance(target, exp.Schema) else target
    place = ".".join(name_of(table)) if isinstance(table, exp.Table) else ""
    rows = tuple(_row(at, operation, spelled, keys, one) for at, one in enumerate(zip(*lists, strict=True)))
    return place, rows


def _row(at: int, operation: Operation, names: Sequence[str], keys: frozenset[int], given: Sequence[object]) -> Row:
    values: dict[str, object] = {}
    for place, value in enumerate(given):
        if place not in keys:
            values[names[place] if names[place] not in values else str(place + 1)] = value
    key = "\x1f".join(str(given[place]) for place in sorted(keys) if place < len(given))
    return Row(at, values, operation, key)


def _tree(statement: str, dialect: str) -> exp.Expr | None:
    try:
        found = read(statement, dialect, Bounds())
    except OpaqueError:
        return None
    return found[0].tree if len(found) == 1 else None


def _columns(tree: exp.Expr) -> tuple[list[str], frozenset[int]]:
    """The column of each placeholder in the order of the text ("" for none), and those that a predicate compares."""
    placeholders = list(tree.find_all(exp.Placeholder, exp.Parameter, bfs=False))
    inserted = _inserted(tree)
    names: list[str] = []
    keys: set[int] = set()
    for at, node in enumerate(placeholders):
        if id(node) in inserted:
            names.append(inserted[id(node)])
            continue
        equal = node.find_ancestor(exp.EQ)
        column = equal.this if equal is not None else None
        names.append(column.name if isinstance(column, exp.Column) else "")
        if node.find_ancestor(exp.Where) is not None:
            keys.add(at)
    return names, frozenset(keys)


def _inserted(tree: exp.Expr) -> dict[int, str]:
    """Placeholder -> column, of the one row of VALUES or the SELECT that an INSERT takes."""
    if not isinstance(tree, exp.Insert) or not isinstance(tree.this, exp.Schema):
        return {}
    columns = [one.name for one in tree.this.expressions]
    source = tree.expression
    if isinstance(source, exp.Values) and len(source.expressions) == 1:
        cells = source.expressions[0].expressions
    else:
        cells = source.expressions if isinstance(source, exp.Select) else []
    found: dict[int, str] = {}
    for column, cell in zip(columns, cells, strict=False):
        for node in cell.find_all(exp.Placeholder, exp.Parameter):
            found[id(node)] = column
    return found
