"""Compact JSON: the one byte form of statements, DSSE envelopes and lines of detached members.

DEF-JSON with any string as object key: UTF-8, no whitespace, keys unique and ascending by their UTF-8 bytes, the same
escapes, integers |n| <= 2**53-1 only, at most 16 levels. One document has one reading, in every language. Reference:
RFC 8259, RFC 8785.
"""

from __future__ import annotations

from typing import Any

import orjson

from recorder.canonical import MAX_DEPTH, MAX_INTEGER

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


class StrictJsonError(ValueError):
    """Bytes that are not compact JSON. detail: why, for people."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def read(raw: bytes) -> Any:
    """The value of `raw`. Raises StrictJsonError."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise StrictJsonError(f"not JSON: {error}") from None
    _check(value)
    if orjson.dumps(value, option=_OPTIONS) != raw:
        raise StrictJsonError("not compact JSON with sorted, unique keys")
    return value


def write(value: object) -> bytes:
    """The compact form of `value`. Raises StrictJsonError when it has none."""
    _check(value)
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except TypeError as error:
        raise StrictJsonError(str(error)) from None


def _check(value: object) -> None:
    """Only integers in range, and no deeper than allowed; without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
                inner.append(None)
            elif isinstance(item, list):
                inner.extend(item)
                inner.append(None)
            elif isinstance(item, float) or (isinstance(item, int) and abs(item) > MAX_INTEGER):
                raise StrictJsonError("a number that is not an integer within 2**53-1")
        if not inner:
            return
        level = inner
    raise StrictJsonError(f"more than {MAX_DEPTH} levels")
