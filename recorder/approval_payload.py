"""What exactly is approved: one digest for a payload that any client would compute alike.

A payload is a customer's JSON. Where RFC 8785 (JCS) keeps its meaning, the digest is over the canonical form, so that
white space and key order do not matter. Where it would not (a key twice, a lone surrogate, an integer beyond 2**53-1, a
number that a double cannot hold exactly, not JSON at all) the digest is over the exact bytes and says so: a visible
fallback is better than an amount or an id that was rounded in silence.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any, NoReturn

import rfc8785

MAX_INTEGER = 2**53 - 1
MAX_DIGITS = 400
"""Longest number that is looked at closely; a double has at most 17 significant digits and an exponent of 308."""


@dataclass(frozen=True, slots=True)
class PayloadDigest:
    """sha256: hex. c14n: `jcs` (over the RFC 8785 form) or `raw` (over the exact bytes)."""

    sha256: str
    c14n: str


def digest_payload(body: bytes) -> PayloadDigest:
    """The digest an approval of `body` is bound to. Never fails."""
    canonical = canonical_payload(body)
    if canonical is None:
        return PayloadDigest(sha256(body).hexdigest(), "raw")
    return PayloadDigest(sha256(canonical).hexdigest(), "jcs")


def canonical_payload(body: bytes) -> bytes | None:
    """The RFC 8785 form of `body`, or None when it has none that means exactly the same."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_exact,
            parse_constant=_refuse,
        )
        return rfc8785.dumps(value)
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):  # UnicodeError and JSONDecodeError included
        return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise ValueError("an integer beyond 2**53-1")
    return int(text)


def _exact(text: str) -> float:
    """A number whose shortest double form has the same value as what was written."""
    if len(text) > MAX_DIGITS:
        raise ValueError("too many digits")
    value = float(text)
    try:
        same = math.isfinite(value) and Decimal(text) == Decimal(repr(value))
    except InvalidOperation:
        same = False
    if not same:
        raise ValueError("a number that a double does not hold")
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
