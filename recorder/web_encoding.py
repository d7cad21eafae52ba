"""Bytes as browsers and identity providers send them: base64url, and JSON objects that have only one reading.

They are signed by others, so their form is not ours to choose (RFC 7515, RFC 8259); but what two languages could read
in two ways is refused: keys twice, lone surrogates, NaN, more than 16 levels. An integer beyond 2**53-1 counts as a
number that is no integer.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Any, NoReturn

_MAX_LEVELS = 16


class WebEncodingError(ValueError):
    """Text that is not what it should be."""


def read_object(raw: bytes) -> dict[str, Any]:
    """A JSON object (RFC 8259) with unique keys, no lone surrogate, at most 16 levels. Raises WebEncodingError."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_int=_integer, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
        sound = isinstance(value, dict) and _levels(value) <= _MAX_LEVELS
    except (ValueError, RecursionError):
        sound = False
    if not sound:
        raise WebEncodingError("not a plain JSON object")
    found: dict[str, Any] = value
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _integer(text: str) -> int | float:
    """An integer; one beyond 2**53-1 counts as a number that is none."""
    return int(text) if len(text) <= 17 and abs(int(text)) <= 2**53 - 1 else math.inf


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _levels(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max((_levels(part) for part in (value.values() if isinstance(value, dict) else value)), default=0)


def decode_base64url(text: str) -> bytes:
    """Bytes of base64url without padding, in its one canonical form. Raises WebEncodingError."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise WebEncodingError("not base64url") from None
    if to_base64url(raw) != text:
        raise WebEncodingError("base64url is not canonical")
    return raw


def to_base64url(raw: bytes) -> str:
    """base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
