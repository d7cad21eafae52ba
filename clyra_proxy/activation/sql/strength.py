"""How much a predicate holds back: from one that every row satisfies to one that names rows by a key.

Rules: what names no column of the tables at hand holds for all rows or for none; a column compared with itself, however
it is written, holds for all; `<>`, NOT IN and IS NOT NULL leave nearly all rows; a range leaves some; `=` and IN with
values name rows. AND is as strong as its strongest part, OR as its weakest. A subquery that gives a whole table back
holds nothing back in that table. What is not known to hold back does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from sqlglot import exp

from clyra_proxy.activation.sql.columns import Sources, columns_of, overlap, shared, sources_in
from clyra_proxy.activation.sql.constants import PATTERNS, Strength, of_constant, of_pattern
from clyra_proxy.activation.sql.covering import ends_with_table, gives_all_of, gives_few
from clyra_proxy.activation.sql.ranges import leaves_nearly_all
from clyra_proxy.activation.sql.sides import holds_predicate, is_key_name, may_be_constant, of_value, says_nothing

_WEAKEST = Strength.WEAK
_ARITHMETIC = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.Neg,
)  # fmt: skip
_ORDERINGS = (exp.GT, exp.GTE, exp.LT, exp.LTE)


def strength_of(predicate: exp.Expr | None, sources: Sources) -> Strength:
    """How much a predicate holds back; ALWAYS when there is none."""
    if predicate is None:
        return Strength.ALWAYS
    if isinstance(predicate, exp.Where | exp.Paren | exp.Having):
        return strength_of(predicate.this, sources)
    if isinstance(predicate, exp.And):
        return max(strength_of(part, sources) for part in predicate.flatten())
    if isinstance(predicate, exp.Or):
        return _any_of(predicate.flatten(), sources)
    if isinstance(predicate, exp.Not):
        return _negated(predicate.this, sources)
    if predicate.args.get("negate"):
        return _negated_form(predicate, sources)
    return _of_one(predicate, sources)


def _any_of(parts: Iterable[exp.Expr], sources: Sources) -> Strength:
    listed = list(parts)
    found = [one for one in (strength_of(part, sources) for part in listed) if one is not Strength.NEVER]
    if not found:
        return Strength.NEVER
    weakest = min(found)
    return Strength.WEAK if weakest > _WEAKEST and _together_all(listed) else weakest


def _together_all(parts: list[exp.Expr]) -> bool:
    """Whether two parts of an OR cover each other's gaps: `a < 5 OR a >= 5`, `p OR NOT p`."""
    positive = {part.unnest().sql() for part in parts}
    if any(isinstance(one := part.unnest(), exp.Not) and one.this.unnest().sql() in positive for part in parts):
        return True
    lowest, highest = dict[str, float](), dict[str, float]()
    for part in parts:
        node = part.unnest()
        if isinstance(node, _ORDERINGS) and isinstance(node.this, exp.Column):
            name = node.this.name.casefold()
            if isinstance(node, exp.GT | exp.GTE):
                lowest[name] = min(lowest.get(name, math.inf), _bound(node, -math.inf))
            else:
                highest[name] = max(highest.get(name, -math.inf), _bound(node, math.inf))
    return any(lowest[name] <= highest[name] for name in lowest.keys() & highest.keys())


def _bound(node: exp.Expr, unknown: float) -> float:
    """The number that a column is compared with; unknown: what it may be when that cannot be told."""
    try:
        value = float(node.expression.name)
    except ValueError:
        return unknown
    return unknown if math.isnan(value) else value


def _negated(inner: exp.Expr, sources: Sources) -> Strength:
    node = inner.unnest() if isinstance(inner, exp.Paren) else inner
    if isinstance(node, exp.Not):
        return strength_of(node.this, sources)
    if isinstance(node, exp.Or):
        return max(_negated(part, sources) for part in node.flatten())
    if isinstance(node, exp.And):
        return _weakest(_negated(part, sources) for part in node.flatten())
    if isinstance(node, exp.NEQ):
        return _of_one(exp.EQ(this=node.this.copy(), expression=node.expression.copy()), sources)
    return _flip(_of_one(node, sources), node)


def _negated_form(node: exp.Expr, sources: Sources) -> Strength:
    """`IS NOT NULL`, `NOT LIKE` and their like, which the parser marks on the node itself."""
    plain = node.copy()
    plain.set("negate", None)
    return _flip(_of_one(plain, sources), plain)


def _flip(found: Strength, node: exp.Expr) -> Strength:
    if found is Strength.ALWAYS:
        return Strength.NEVER
    if found is Strength.NEVER:
        return Strength.ALWAYS
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        return Strength.WEAK
    if isinstance(node, exp.In) and (query := node.args.get("query")) is not None:
        few = gives_few(query) or _names_rows(query)
        return Strength.WEAK if found <= _WEAKEST or few else Strength.RANGE
    if isinstance(node, PATTERNS) or (isinstance(node, exp.EQ | exp.NullSafeEQ | exp.Is) and found is Strength.RANGE):
        return Strength.WEAK
    return Strength.WEAK if found in (Strength.KEYED, Strength.WEAK) else Strength.RANGE


def _names_rows(query: exp.Expr) -> bool:
    """Whether a subquery gives back what values name: few rows, so that NOT IN leaves nearly all."""
    query = query.unnest() if isinstance(query, exp.Subquery) else query
    where = query.args.get("where")
    inner = Sources((), dict(sources_in(query)))
    return where is not None and strength_of(where, inner) in (Strength.KEYED, Strength.NEVER)


def _weakest(found: Iterable[Strength]) -> Strength:
    left = [one for one in found if one is not Strength.NEVER]
    return min(left) if left else Strength.NEVER


def _of_one(node: exp.Expr, sources: Sources) -> Strength:
    if isinstance(node, exp.Paren):
        return strength_of(node.this, sources)
    if isinstance(node, exp.Exists):
        return _of_exists(node, sources)
    if isinstance(node, exp.In):
        return _of_in(node, sources)
    columns = columns_of(node, sources)
    if not columns:
        return of_constant(node)
    if sources.only_others(columns):
        return Strength.WEAK  # without a join it leaves all rows of the table, or none
    if isinstance(node, exp.EQ | exp.NullSafeEQ) or (
        isinstance(node, exp.Is) and not isinstance(node.expression, exp.Null | exp.Boolean)
    ):
        return _of_equality(node, sources)
    if isinstance(node, _COMPARISONS):
        return _of_comparison(node, sources)
    if isinstance(node, exp.Between):
        bounds = (node.args["low"], node.args["high"])
        same = any(overlap(node.this, bound, sources) for bound in bounds)
        return Strength.WEAK if same or _leaves_nearly_all(node, sources) else Strength.RANGE
    if isinstance(node, PATTERNS):
        return Strength.WEAK if overlap(node.this, node.expression, sources) else of_pattern(node)
    if isinstance(node, (exp.Case, exp.If, exp.Nvl2, exp.Coalesce, exp.Xor, *_ARITHMETIC)):
        return Strength.WEAK
    if isinstance(node, exp.Is) and holds_predicate(node.this):
        return Strength.WEAK
    if isinstance(node, exp.Func) and says_nothing(node, sources):
        return Strength.WEAK
    return Strength.WEAK if isinstance(node, exp.Column) and is_key_name(node.name) else Strength.RANGE


_COMPARISONS = (exp.NEQ, exp.NullSafeNEQ, *_ORDERINGS)


def _of_comparison(node: exp.Expr, sources: Sources) -> Strength:
    mine, theirs = columns_of(node.this, sources), columns_of(node.expression, sources)
    same = shared(mine, theirs, sources)
    if isinstance(node, exp.NEQ | exp.NullSafeNEQ):
        apart = {table for table, _ in mine}.isdisjoint(table for table, _ in theirs)
        return Strength.RANGE if mine and theirs and apart and sources.many and not same else Strength.WEAK
    if same == "across" and isinstance(node, exp.GT | exp.LT):
        return Strength.RANGE
    return Strength.WEAK if same or _leaves_nearly_all(node, sources) else Strength.RANGE


def _leaves_nearly_all(node: exp.Expr, sources: Sources) -> bool:
    return leaves_nearly_all(node) or ends_with_table(node, sources, strength_of, Strength.WEAK)


def _of_equality(node: exp.Expr, sources: Sources) -> Strength:
    left, right = node.this, node.expression
    if isinstance(right, exp.Any):
        return _of_query(right.this, sources)
    if isinstance(right, exp.Subquery | exp.Select) and right.find(exp.From) is None:
        return Strength.WEAK  # a value made of the row itself
    mine, theirs = columns_of(left, sources), columns_of(right, sources)
    if shared(mine, theirs, sources):
        return Strength.WEAK
    if mine and theirs:
        if any(may_be_constant(side, sources) for side in (left, right)):
            return Strength.WEAK
        apart = {table for table, _ in mine} != {table for table, _ in theirs}
        return Strength.JOINED if apart and sources.many else Strength.RANGE
    return of_value(left if mine else right, sources)


def _of_in(node: exp.Expr, sources: Sources) -> Strength:
    query = node.args.get("query")
    mine = columns_of(node.this, sources)
    if query is not None:
        return _of_query(query, sources) if mine else Strength.WEAK
    array = node.args.get("unnest") or node.args.get("field")
    if array is not None:
        whole = any(gives_all_of(one, sources, strength_of, Strength.WEAK) for one in array.find_all(exp.Select))
        return Strength.JOINED if mine and not whole else Strength.WEAK
    listed = node.expressions
    if len(listed) == 1 and isinstance(listed[0], exp.Subquery | exp.Select):
        return _of_query(listed[0], sources)
    if not mine:
        return Strength.RANGE if any(columns_of(one, sources) for one in listed) else Strength.WEAK
    if any(shared(mine, columns_of(one, sources), sources) for one in listed):
        return Strength.WEAK
    return of_value(node.this, sources)


def _of_query(node: exp.Expr, sources: Sources) -> Strength:
    """`= ANY (...)` and `IN (SELECT ...)`."""
    query = node.unnest() if isinstance(node, exp.Subquery | exp.Paren) else node
    if isinstance(query, exp.Array) and len(query.expressions) == 1:
        query = query.expressions[0]  # `ARRAY(SELECT ...)`
    if not isinstance(query, exp.Query):
        return Strength.KEYED if not columns_of(query, sources) else Strength.RANGE
    if isinstance(query, exp.Select) and query.args.get("from_") is None:
        held = any(columns_of(one, sources) for one in query.expressions)
        return Strength.WEAK if held else Strength.KEYED
    return Strength.WEAK if gives_all_of(query, sources, strength_of, Strength.WEAK) else Strength.JOINED


def _of_exists(node: exp.Expr, sources: Sources) -> Strength:
    query = node.this.unnest() if isinstance(node.this, exp.Subquery) else node.this
    if not isinstance(query, exp.Select):
        return Strength.WEAK
    inner = sources.inside(query)
    where = query.args.get("where")
    if where is None or not inner.reaches_out(where):
        return Strength.WEAK
    return strength_of(where, inner)
