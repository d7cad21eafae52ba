"""DEF-JSON: the one byte form a record, a report or a trust file may have.

The set is small on purpose: UTF-8 without BOM or whitespace; keys `[a-z0-9_]{1,64}` in ascending byte order; objects,
arrays, strings, integers |n| <= 2**53-1, true, false, null; at most 16 levels; at most 65,535 bytes. On this set RFC
8785 (JCS), sorted orjson and every tested library agree, so there is no room for two readings of one record. `check` is
written for hostile input: a fast path that can only accept what is surely canonical, and a slow path that names what is
wrong.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import orjson

MAX_BYTES = 65_535
MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_KEY = re.compile(r"[a-z0-9_]{1,64}")
_GOOD_KEYS = re.compile(rb'[{,]"[a-z0-9_]{1,64}":')
_NOT_INTEGER = re.compile(rb'(?:^|":|[,\[])-?[0-9]+[.eE]')


class CanonicalError(ValueError):
    """Bytes or a value outside DEF-JSON. `code` is one of the S5 codes of the verifier."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def encode(value: object, limit: int = MAX_BYTES) -> bytes:
    """The DEF-JSON bytes of `value`. Raises CanonicalError when it has none."""
    try:
        raw = orjson.dumps(value, option=_OPTIONS)
    except TypeError as error:
        raise CanonicalError(_refusal_code(str(error)), str(error)) from None
    if len(raw) > limit or not _surely_clean(raw):
        _explain(raw, limit)
    return raw


def check(raw: bytes, limit: int = MAX_BYTES) -> Any:
    """Parse `raw` if it is exactly canonical, else raise CanonicalError with the code of the first rule it breaks."""
    if len(raw) > limit:
        raise CanonicalError("E_SIZE", f"{len(raw)} bytes, at most {limit}")
    try:
        value = orjson.loads(raw)
        if orjson.dumps(value, option=_OPTIONS) == raw and _surely_clean(raw):
            return value
    except (orjson.JSONDecodeError, TypeError):
        pass
    return _explain(raw, limit)


def _surely_clean(raw: bytes) -> bool:
    """True only if canonical `raw` has no float, no odd key and cannot be too deep; False means: look closely."""
    return (
        raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH
        and raw.count(b'":') == len(_GOOD_KEYS.findall(raw))
        and _NOT_INTEGER.search(raw) is None
    )


def _explain(raw: bytes, limit: int) -> Any:
    """Check every rule in a fixed order; return the value if it is canonical after all."""
    if len(raw) > limit:
        raise CanonicalError("E_SIZE", f"{len(raw)} bytes, at most {limit}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CanonicalError("E_UTF8", f"byte {error.start} is not UTF-8") from None
    if _depth(text) > MAX_DEPTH:
        raise CanonicalError("E_DEPTH", f"more than {MAX_DEPTH} levels")
    try:
        value = json.loads(
            text, object_pairs_hook=_pairs, parse_int=_integer, parse_float=_no_float, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        raise CanonicalError("E_CANON", f"not JSON at byte {len(text[: error.pos].encode())}") from None
    try:
        again = orjson.dumps(value, option=_OPTIONS)
    except TypeError as error:
        raise CanonicalError(_refusal_code(str(error)), str(error)) from None
    if again != raw:
        at = next((i for i, (a, b) in enumerate(zip(again, raw, strict=False)) if a != b), min(len(again), len(raw)))
        raise CanonicalError("E_CANON", f"not in canonical form from byte {at}")
    return value


def _depth(text: str) -> int:
    """Deepest nesting, counted outside strings, without recursion."""
    depth = deepest = 0
    quoted = escaped = False
    for char in text:
        if quoted:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise CanonicalError("E_DUP_KEY", "an object has the same key twice")
        if _KEY.fullmatch(key) is None:
            raise CanonicalError("E_KEYNAME", "an object key is not [a-z0-9_]{1,64}")
        found[key] = value
    return found


def _integer(text: str) -> int:
    if text == "-0" or len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise CanonicalError("E_NUM", "an integer beyond 2**53-1, or -0")
    return int(text)


def _no_float(text: str) -> NoReturn:
    raise CanonicalError("E_NUM", "a number that is not an integer")


def _no_constant(text: str) -> NoReturn:
    raise CanonicalError("E_CANON", f"not JSON: {text}")


def _refusal_code(message: str) -> str:
    lowered = message.lower()
    if "integer" in lowered:
        return "E_NUM"
    if "surrogate" in lowered or "utf-8" in lowered:
        return "E_UTF8"
    return "E_DEPTH" if "recursion" in lowered else "E_CANON"
