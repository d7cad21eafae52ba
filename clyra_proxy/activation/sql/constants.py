"""The strengths of predicates, and those that can be told without knowing any table: constants and patterns.

Rule: what holds for all rows or for none is said only where it is certain, because NOT turns one into the other; what
cannot be told holds nothing back.
"""

from __future__ import annotations

from enum import IntEnum

from sqlglot import exp


class Strength(IntEnum):
    """What a predicate leaves of the rows."""

    ALWAYS = 0  # all
    WEAK = 1  # nearly all, or it cannot be told
    RANGE = 2  # some
    JOINED = 3  # those that another source names
    KEYED = 4  # those that values name
    NEVER = 5  # none


PATTERNS = (exp.Like, exp.ILike, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike, exp.Glob)
_ANYTHING = frozenset({"", ".", ".*", ".+", "^", "$", "^.*", ".*$", "^.*$", "^.+$", "(.*)", "*", "%", "?*"})


def of_constant(node: exp.Expr) -> Strength:
    """A predicate that names no column."""
    if isinstance(node, exp.Boolean):
        return Strength.ALWAYS if node.this else Strength.NEVER
    if isinstance(node, exp.Null):
        return Strength.NEVER
    if (number := _number(node)) is not None:
        return Strength.ALWAYS if number else Strength.NEVER
    if isinstance(node, exp.EQ):
        left, right = _number(node.this), _number(node.expression)
        if left is not None and right is not None:
            return Strength.ALWAYS if left == right else Strength.NEVER
    return Strength.WEAK


def _number(node: exp.Expr) -> float | None:
    if not isinstance(node, exp.Literal) or node.is_string:
        return None
    try:
        return float(node.name)
    except ValueError:
        return None


def of_pattern(node: exp.Expr) -> Strength:
    """LIKE and its relatives, with a column on the left."""
    if isinstance(node.expression, exp.Any | exp.All):
        listed = _listed(node.expression)
        found = [of_pattern(type(node)(this=node.this.copy(), expression=one.copy())) for one in listed]
        if not found:
            return Strength.RANGE
        return min(found) if isinstance(node.expression, exp.Any) else max(found)
    text = _text(node.expression)
    if text is None:
        return Strength.RANGE
    if isinstance(node, exp.Like | exp.ILike):
        if not text.strip("%_"):
            return Strength.WEAK if text else Strength.KEYED
        return Strength.RANGE if {"%", "_"} & set(text) else Strength.KEYED
    return Strength.WEAK if text in _ANYTHING or not text.strip("%_.*^$") else Strength.RANGE


def _listed(quantified: exp.Expr) -> list[exp.Expr]:
    """The patterns of ANY and ALL, where they are written out."""
    inner = quantified.this.unnest()
    return inner.expressions if isinstance(inner, exp.Tuple | exp.Array) else []


def _text(pattern: exp.Expr) -> str | None:
    """The text of a pattern that is written out, in one piece or several; None for one that comes from elsewhere."""
    if any(isinstance(part, exp.Placeholder | exp.Parameter | exp.Column) for part in pattern.walk()):
        return None
    return "".join(part.name for part in pattern.find_all(exp.Literal) if part.is_string)
