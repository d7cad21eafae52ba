"""Whether a query gives a whole table back, so that being in it means nothing.

Rule: it does when it reads nothing but that table (itself, a CTE or a derived table that gives it back) and nothing in
it holds back: no predicate of any strength, no join, no LIMIT, no HAVING. UNION gives all back when one part does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from clyra_proxy.activation.sql.columns import Sources
from clyra_proxy.activation.sql.names import is_same, name_of

_HOLDING_BACK = ("having", "qualify", "sample", "fetch")
_LARGE = 10_000
"""A LIMIT above this holds nothing back."""
_DEEPEST = 20


def gives_all_of(
    query: exp.Expr, sources: Sources, strength: Callable[[exp.Expr | None, Sources], Any], weak: Any, depth: int = 0
) -> bool:
    """Whether `query` gives back the whole target. strength: how much a predicate holds back; weak: at most nothing."""
    if depth > _DEEPEST:
        return True
    query = query.unnest() if isinstance(query, exp.Subquery) else query
    if isinstance(query, exp.SetOperation):
        parts = (query.this, query.expression)
        if isinstance(query, exp.Union):
            return any(gives_all_of(part, sources, strength, weak, depth + 1) for part in parts)
        return all(gives_all_of(part, sources, strength, weak, depth + 1) for part in parts)
    if not isinstance(query, exp.Select):
        return False
    from_ = query.args.get("from_")
    if from_ is None or any(query.args.get(name) for name in _HOLDING_BACK) or _is_limited(query):
        return False
    if any(not _is_outer(join) and not _is_itself(join, sources) for join in query.args.get("joins") or ()):
        return False
    if not _is_target(from_.this, sources, strength, weak, depth):
        return False
    return bool(strength(query.args.get("where"), sources.inside(query)) <= weak)


def ends_with_table(
    node: exp.Expr, sources: Sources, strength: Callable[[exp.Expr | None, Sources], Any], weak: Any
) -> bool:
    """Whether a range begins at the least value of the table itself, or ends at its greatest: `>= (SELECT min(id)`."""
    if isinstance(node, exp.Between):
        least, greatest = node.args["low"], node.args["high"]
    elif isinstance(node, exp.GT | exp.GTE):
        least, greatest = node.expression, node.this
    else:
        least, greatest = node.this, node.expression
    return any(
        isinstance(bound, exp.Subquery)
        and any(one.find(end) is not None for one in bound.unnest().expressions)
        and gives_all_of(bound, sources, strength, weak)
        for bound, end in ((least, exp.Min), (greatest, exp.Max))
    )


def gives_few(query: exp.Expr) -> bool:
    """Whether a query plainly gives few rows back: it reads no table, has a LIMIT, or a constant for a predicate."""
    query = query.unnest() if isinstance(query, exp.Subquery) else query
    if not isinstance(query, exp.Select):
        return False
    where = query.args.get("where")
    constant = where is not None and where.this.find(exp.Column) is None
    return query.args.get("from_") is None or query.args.get("limit") is not None or constant


def _is_limited(query: exp.Expr) -> bool:
    limit = _limit(query)
    return query.args.get("limit") is not None and (limit is None or limit <= _LARGE)


def _limit(query: exp.Expr) -> int | None:
    limit = query.args.get("limit")
    value = limit.args.get("expression") if isinstance(limit, exp.Expr) else None
    return int(value.name) if isinstance(value, exp.Literal) and value.name.isdigit() else None


def _is_itself(join: exp.Join, sources: Sources) -> bool:
    """Whether a table is joined to itself, which drops no row of it."""
    return isinstance(join.this, exp.Table) and is_same(name_of(join.this), sources.target)


def _is_outer(join: exp.Join) -> bool:
    """Whether a join keeps every row of what stands left of it."""
    related = join.args.get("on") or join.args.get("using") or join.method
    return join.side.upper() in ("LEFT", "FULL") or join.kind.upper() == "CROSS" or not related


def _is_target(
    node: exp.Expr, sources: Sources, strength: Callable[[exp.Expr | None, Sources], Any], weak: Any, depth: int
) -> bool:
    if isinstance(node, exp.Subquery):
        return gives_all_of(node, sources, strength, weak, depth + 1)
    if not isinstance(node, exp.Table):
        return False
    name = name_of(node)
    cte = sources.ctes.get(name[-1]) if len(name) == 1 else None
    if cte is not None:
        return gives_all_of(cte, sources, strength, weak, depth + 1)
    if any(join for join in node.args.get("joins") or () if not _is_outer(join)):
        return False
    return is_same(name, sources.target)
