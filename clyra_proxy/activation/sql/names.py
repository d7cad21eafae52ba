"""Names of tables as statements write them, in one form: parts from the outermost, unquoted, case folded.

Rule: two names mean the same table when one ends with the other; a name that is not written out (a variable, a
function, a placeholder) is `UNKNOWN` and equals none.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

type TableName = tuple[str, ...]

UNKNOWN: TableName = ("?",)


def name_of(node: object) -> TableName:
    """The name of a table, view or schema; UNKNOWN when it is not written out."""
    if isinstance(node, exp.Schema):
        node = node.this
    if not isinstance(node, exp.Table):
        return (node.name.casefold(),) if isinstance(node, exp.Identifier | exp.Column) and node.name else UNKNOWN
    parts: list[str] = []
    for part in node.parts:
        if not isinstance(part, exp.Identifier | exp.Dot):
            return UNKNOWN
        parts.extend(piece.name.casefold() for piece in part.find_all(exp.Identifier))
    return tuple(part for part in parts if part) or UNKNOWN


def is_same(one: TableName, other: TableName) -> bool:
    """Whether two names may mean one table."""
    if UNKNOWN in (one, other) or not one or not other:
        return False
    size = min(len(one), len(other))
    return one[-size:] == other[-size:]


def any_same(ones: Iterable[TableName], others: Iterable[TableName]) -> bool:
    """Whether a name of the first may mean the same table as one of the second, in the time that reading them takes."""
    known, endings = set(others) - {UNKNOWN, ()}, set[TableName]()
    for other in known:
        endings.update(other[at:] for at in range(len(other)))
    return any(
        one in endings or any(one[at:] in known for at in range(1, len(one))) for one in set(ones) - {UNKNOWN, ()}
    )


def shown(name: TableName) -> str:
    """As policy writes it."""
    return ".".join(name)
