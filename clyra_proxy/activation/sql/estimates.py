"""How many rows a write may touch, where policy says how large its table is.

Rule: the selectivities a planner assumes without statistics (PostgreSQL, src/include/utils/selfuncs.h: a range a third,
equality one in two hundred); by a key that policy names, one row; by another source, unknown. An estimate never goes
above the table, and a LIMIT bounds it.
"""

from __future__ import annotations

from clyra_proxy.activation.sql.constants import Strength
from clyra_proxy.activation.sql.fact import Fact

_RANGE = 1 / 3
_EQUAL = 0.005


def estimate(fact: Fact, table_rows: int | None, keyed: bool | None) -> int | None:
    """Rows that a write may touch; None when nothing is known. keyed: whether a key of the table is limited."""
    if table_rows is None:
        return None
    if fact.strength <= Strength.WEAK:
        touched = table_rows
    elif fact.strength is Strength.RANGE:
        touched = int(table_rows * _RANGE)
    elif fact.strength is Strength.KEYED:
        touched = 1 if keyed else int(table_rows * _EQUAL)
    elif fact.strength is Strength.NEVER:
        touched = 0
    else:
        return None
    return min(touched, fact.most) if fact.most >= 0 else touched
