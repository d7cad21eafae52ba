"""The canonical form of a payload and its hash: JSON Canonicalization Scheme, RFC 8785.

Guarantees: the same bytes as the reference implementation (`rfc8785`) wherever that has an answer, many times faster
for ordinary payloads: members are sorted and written by orjson, which agrees with the scheme but for names outside the
basic plane and for some ways to write a number. Where such a name or number may be, the reference does the work; whole
numbers written as fractions are made whole before. What is not JSON is taken as it is. Linear time.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import re2  # type: ignore[import-untyped]
import rfc8785

from clyra_proxy.stream.document import ReadText

_BYTES = re2.Options()
_BYTES.encoding = re2.Options.Encoding.LATIN1
_ODD = re2.compile(  # an odd number may also stand in a text, which costs time alone
    rb"(?:^|[:,\[])-?(?:[0-9]+\.0(?:[,\]}]|$)|[0-9]{16}|0\.0000|[0-9]+(?:\.[0-9]+)?[eE])|[\xf0-\xf4]", _BYTES
)
_ASTRAL = re2.compile(rb"[\xf0-\xf4]", _BYTES)
_EXACT = 1 << 53
_LEAST, _MOST = 1e-4, 1e15  # between them orjson and ECMAScript write a fraction alike


class _ReferenceNeededError(Exception):
    """A value that only the reference implementation writes right."""


def payload_hash(body: bytes) -> str:
    """SHA-256 of the canonical form, in hex; of the bytes themselves where they are not JSON."""
    return hashlib.sha256(canonical_body(body)).hexdigest()


def canonical_body(body: bytes) -> bytes:
    """The canonical form of a JSON text; the bytes themselves where they are not JSON, or have no canonical form."""
    try:
        value = body.value if type(body) is ReadText else orjson.loads(body)
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return body
    if _ODD.search(text) is None:
        return text
    astral = _ASTRAL.search(text) is not None
    value = orjson.loads(bytes(body))  # one of our own, as it is changed
    try:
        return orjson.dumps(_normal(value, astral), option=orjson.OPT_SORT_KEYS)
    except _ReferenceNeededError:
        pass
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError):
        return body


def _normal(value: Any, astral: bool) -> Any:
    """The value, changed in place, with its numbers as orjson writes them canonically. Raises _ReferenceNeededError.

    astral: whether names outside the basic plane may occur, which orjson sorts otherwise (RFC 8785 section 3.2.3).
    """
    if not isinstance(value, dict | list):
        return _number(value) if isinstance(value, int | float) else value
    stack: list[dict[Any, Any] | list[Any]] = [value]
    while stack:
        node: Any = stack.pop()
        if astral and type(node) is dict and not all(map(_is_basic, node)):
            raise _ReferenceNeededError
        for place, one in node.items() if type(node) is dict else enumerate(node):
            kind = type(one)
            if kind is float or kind is int:
                node[place] = _number(one)
            elif kind is dict or kind is list:
                stack.append(one)
    return value


def _number(value: int | float) -> int | float:
    if isinstance(value, bool):
        return value
    size = abs(value)
    if isinstance(value, float):
        if value.is_integer() and size < _EXACT:
            return int(value)
        if not _LEAST <= size < _MOST:
            raise _ReferenceNeededError
    elif size >= _EXACT:
        raise _ReferenceNeededError
    return value


def _is_basic(name: str) -> bool:
    return name.isascii() or max(name) <= "\uffff"
