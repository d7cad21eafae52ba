"""One side of a comparison: whether it tells rows apart at all.

Rule: a column, alone or in a function that keeps different values different enough (`lower`, a cast, a day of a date),
names rows when it equals a value; what may have one value for all rows, or is the outcome of a predicate, does not.
"""

from __future__ import annotations

from sqlglot import exp

from clyra_proxy.activation.sql.columns import Sources, is_repeated
from clyra_proxy.activation.sql.constants import Strength

_WRAPPERS = (
    exp.Lower, exp.Upper, exp.Trim, exp.Cast, exp.TryCast, exp.Paren, exp.Date, exp.TsOrDsToDate, exp.DateTrunc,
    exp.TimestampTrunc, exp.MD5, exp.SHA, exp.SHA2, exp.JSONExtract, exp.JSONExtractScalar, exp.Bracket, exp.Dot,
    exp.Year, exp.Month, exp.Day, exp.Extract, exp.Collate, exp.Tuple, exp.Concat, exp.DPipe, exp.Hex, exp.Unhex,
    exp.Coalesce, exp.ToChar, exp.Round, exp.Abs, exp.Neg,
)  # fmt: skip
_CONSTANT_EFFECT = (exp.Case, exp.If, exp.Mod, exp.BitwiseAnd, exp.BitwiseOr, exp.Nullif, exp.Mul, exp.Left, exp.Right)


_OF_THE_TABLE = frozenset({"tableoid"})
"""Columns that have one value for all rows."""


def is_key_name(name: str) -> bool:
    """Whether a column that stands alone as a predicate is a number or a key, which is true of nearly all rows."""
    name = name.casefold()
    flag = name.endswith(("paid", "valid", "void", "hybrid"))
    return not flag and name.endswith(("id", "key", "uuid", "no", "num", "number", "count"))


def holds_predicate(node: exp.Expr) -> bool:
    """Whether an expression is the outcome of a predicate, as in `(id = 1) = false`."""
    return any(isinstance(part, exp.Predicate | exp.Connector | exp.Not) for part in node.walk())


def says_nothing(call: exp.Func, sources: Sources) -> bool:
    """Whether a function as a predicate is true of nearly all rows: a column twice, the empty text, not null."""
    empty = any(isinstance(one, exp.Literal) and one.is_string and not one.name for one in call.iter_expressions())
    name = call.name.casefold() if isinstance(call, exp.Anonymous) else ""
    return empty or name in _NOT_NULL or is_repeated(call, sources)


_NOT_NULL = frozenset({"isnotnull", "is_not_null", "notnull"})


def may_be_constant(side: exp.Expr, sources: Sources) -> bool:
    """Whether a side that holds columns may have the same value for all rows (`id * 0`, `id - id`)."""
    return any(isinstance(part, _CONSTANT_EFFECT) for part in side.walk()) or is_repeated(side, sources)


def of_value(side: exp.Expr, sources: Sources) -> Strength:
    """A side that holds columns, compared for equality with a value."""
    if may_be_constant(side, sources) or holds_predicate(side):
        return Strength.WEAK
    if isinstance(side, exp.Column):
        return Strength.WEAK if side.name.casefold() in _OF_THE_TABLE else Strength.KEYED
    nodes = (part for part in side.walk() if not isinstance(part, exp.Column | exp.Identifier | exp.Literal))
    plain = (exp.DataType, exp.DataTypeParam, exp.Var, exp.JSONPath, exp.JSONPathRoot, exp.JSONPathKey, exp.Null)
    return Strength.KEYED if all(isinstance(part, (*_WRAPPERS, *plain)) for part in nodes) else Strength.RANGE
