"""Ranges that leave nearly all rows: `id > 0`, `created_at < 'infinity'`, `length(email) >= 0`.

Rule: a bound holds nothing back where hardly any value lies beyond it: a key or a length against zero or below, a
number against the end of its type, a date before computers or after this millennium, any text against the empty one.
Every other range leaves some rows. BETWEEN is as strong as the better of its bounds.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from sqlglot import exp

_LEAST_KEY = 1.0
_ENDS = frozenset(float(2**bits) for bits in (15, 16, 31, 32, 53, 63, 64)) | {float(2**53 - 1)}
_NINES = 6
_FIRST = date(1971, 1, 1)
_LAST = date(2200, 1, 1)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?(?![0-9])")
_KEY = re.compile(r"(?:^|_)(?:id|pk|oid|ctid|rowid|uuid|guid|seq)$|[a-z](?:Id|ID)$", re.IGNORECASE)
_NEVER_NEGATIVE = (exp.Length, exp.Abs, exp.StrPosition, exp.ArraySize, exp.Count, exp.Greatest)
_SAME = (exp.Paren, exp.Cast, exp.TryCast, exp.Coalesce, exp.If, exp.Is, exp.Add, exp.Neg)


def is_key(name: str) -> bool:
    """Whether a column is called as keys are."""
    return _KEY.search(name) is not None


def leaves_nearly_all(node: exp.Expr) -> bool:
    """Of a comparison with `<`, `<=`, `>`, `>=` or BETWEEN that has columns on its left side alone."""
    if isinstance(node, exp.Between):
        return _is_low(node.this, node.args["low"]) and _is_high(node.args["high"])
    left, right = node.this, node.expression
    upward = isinstance(node, exp.GT | exp.GTE)
    if left.find(exp.Column) is None:
        left, right, upward = right, left, not upward
    return _is_low(left, right) if upward else _is_high(right)


def _is_low(side: exp.Expr, bound: exp.Expr) -> bool:
    """Whether nearly every value of `side` is above `bound`."""
    bound = _plain(bound)
    text = bound.name if isinstance(bound, exp.Literal) and bound.is_string else None
    if text is not None and (not text.strip() or text.strip().casefold() == "-infinity"):
        return True
    if (day := _day(text)) is not None:
        return day < _FIRST
    number = _number(bound)
    if number is None:
        return False
    if number <= 0 and any(isinstance(part, _NEVER_NEGATIVE) for part in side.walk()):
        return True
    return (number <= _LEAST_KEY and _is_of_key(side)) or -number in _ENDS or -number > 2**31


def _is_high(bound: exp.Expr) -> bool:
    """Whether nearly every value is below `bound`."""
    bound = _plain(bound)
    text = bound.name if isinstance(bound, exp.Literal) and bound.is_string else None
    if text is not None and text.strip().casefold() == "infinity":
        return True
    if (day := _day(text)) is not None:
        return day >= _LAST
    number = _number(bound)
    if number is None:
        return False
    digits = f"{number:.0f}"
    return number in _ENDS or number + 1 in _ENDS or (len(digits) >= _NINES and not digits.strip("9"))


def _is_of_key(side: exp.Expr) -> bool:
    columns = list(side.find_all(exp.Column))
    parts = (part for part in side.walk() if isinstance(part, exp.Func | exp.Binary))
    return bool(columns) and all(is_key(one.name) for one in columns) and all(isinstance(part, _SAME) for part in parts)


def _plain(bound: exp.Expr) -> exp.Expr:
    """A literal without its casts: `DATE '1900-01-01'`, `TIMESTAMP '...'`, `CAST('...' AS date)`."""
    while isinstance(bound, exp.Paren | exp.Cast | exp.TryCast | exp.Date | exp.TsOrDsToDate | exp.Timestamp):
        bound = bound.this
    return bound


def _day(text: str | None) -> date | None:
    found = _DATE.match(text.strip()) if text is not None else None
    if found is None:
        return None
    try:
        return datetime(int(found[1]), int(found[2]), int(found[3] or 1), tzinfo=UTC).date()
    except ValueError:
        return None


def _number(node: exp.Expr) -> float | None:
    negative = isinstance(node, exp.Neg)
    inner = node.this if negative else node
    if not isinstance(inner, exp.Literal):
        return None
    try:
        value = float(inner.name)
    except ValueError:
        return None
    return -value if negative else value
