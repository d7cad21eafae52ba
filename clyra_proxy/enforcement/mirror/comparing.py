"""Two answers side by side: what differs, as pointers and kinds, never as values.

Guarantees: compared are status, media type, header fields (without those that always differ) and bodies: JSON value by
value, everything else as a whole. A name in a pointer is shown only when it looks like a name in a program; a value is
told by a keyed hash that says whether two are the same and nothing else. At most `max_values` values are compared and
`MOST` differences told; what was beyond is said. Pure.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson

from clyra_proxy.enforcement.mirror.generated import is_generated
from clyra_proxy.enforcement.mirror.model import Answer
from clyra_proxy.enforcement.mirror.names import is_secret_field
from clyra_proxy.enforcement.mirror.stripping import decoded
from clyra_proxy.policy.matching import bare_media_type
from clyra_proxy.stream.limits import BodyLimits

MOST = 64
STATUS, MEDIA, BODY = "status", "media_type", "body"
_MISSING = object()
_NAME = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$-]{0,63}")
_DIGITS = re.compile(r"[0-9]{4}|[0-9a-fA-F]{12}")
_NOISY_FIELDS = frozenset(
    {
        "date", "age", "etag", "last-modified", "expires", "server", "via", "connection", "keep-alive", "set-cookie",
        "content-length", "transfer-encoding", "content-encoding", "vary", "alt-svc", "cf-ray", "x-runtime",
        "x-powered-by", "x-cache", "x-served-by", "x-timer", "report-to", "nel", "strict-transport-security",
        "content-type", "trailer", "retry-after", "proxy-status", "server-timing", "traceparent", "tracestate",
    }
)  # fmt: skip
_NOISY_WORDS = (
    "request-id",
    "requestid",
    "trace",
    "correlation",
    "ratelimit",
    "rate-limit",
    "response-time",
    "latency",
)


class Kind(StrEnum):
    """How two answers differ at one place."""

    MISSING = "missing"  # only the real answer has it
    ADDED = "added"  # only the mirror's has it
    TYPE = "type"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Difference:
    """at: `status`, `media_type`, `body`, `header:NAME` or a JSON pointer with `*` for every index and odd name.

    real, mirror: keyed hashes of the two values, "" where there is none. generated: both look like made by machine
    for this answer alone (identifiers, times).
    """

    at: str
    kind: Kind
    real: str = ""
    mirror: str = ""
    generated: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """values: how many were compared. whole: whether all were. bodies: whether bodies were compared at all."""

    differences: tuple[Difference, ...]
    values: int
    whole: bool
    bodies: bool


class Comparer:
    """Compiled for one target. key: of the hashes. ignored: header fields that may differ, in lower case."""

    def __init__(self, key: bytes, max_values: int, limits: BodyLimits, ignored: frozenset[str] = frozenset()) -> None:
        self._key = key
        self._max_values = max_values
        self._limits = limits
        self._ignored = ignored

    def compare(self, real: Answer, mirror: Answer) -> Comparison:
        found: list[Difference] = []
        if real.status != mirror.status:
            found.append(Difference(STATUS, Kind.VALUE, str(real.status), str(mirror.status)))
        media = bare_media_type(real.get(b"content-type")), bare_media_type(mirror.get(b"content-type"))
        if media[0] != media[1]:
            found.append(Difference(MEDIA, Kind.VALUE, self._hash(media[0]), self._hash(media[1])))
        found.extend(self._fields(real, mirror))
        run = _Run(self._max_values)
        bodies = self._plain(real), self._plain(mirror)
        known = bodies[0] is not None and bodies[1] is not None
        if bodies[0] is not None and bodies[1] is not None:
            found.extend(self._bodies(bodies[0], bodies[1], run))
        return Comparison(tuple(found[:MOST]), run.seen, run.whole and len(found) <= MOST, known)

    def _plain(self, answer: Answer) -> bytes | None:
        return None if answer.body is None else decoded(answer.body, answer.get(b"content-encoding"), self._limits)

    def _fields(self, real: Answer, mirror: Answer) -> Iterator[Difference]:
        one, other = self._told_fields(real), self._told_fields(mirror)
        for name in sorted(one.keys() | other.keys()):
            if name not in other:
                yield Difference(f"header:{name}", Kind.MISSING)
            elif name not in one:
                yield Difference(f"header:{name}", Kind.ADDED)
            elif one[name] != other[name]:
                yield Difference(f"header:{name}", Kind.VALUE, self._hash(one[name]), self._hash(other[name]))

    def _told_fields(self, answer: Answer) -> dict[str, str]:
        told: dict[str, str] = {}
        for key, value in answer.fields:
            name = key.decode("latin-1").lower()
            noisy = name in _NOISY_FIELDS or name in self._ignored or any(word in name for word in _NOISY_WORDS)
            if not noisy and _NAME.fullmatch(name) and not is_secret_field(name):
                told[name] = f"{told[name]}, {value.decode('latin-1')}" if name in told else value.decode("latin-1")
        return told

    def _bodies(self, real: bytes, mirror: bytes, run: _Run) -> Iterator[Difference]:
        if real == mirror:
            run.seen += 1
            return
        one, other = _parsed(real), _parsed(mirror)
        if one is _MISSING or other is _MISSING:
            run.seen += 1
            yield Difference(BODY, Kind.VALUE, self._hash(real), self._hash(mirror))
            return
        yield from self._values(one, other, run)

    def _values(self, real: Any, mirror: Any, run: _Run) -> Iterator[Difference]:
        waiting: list[tuple[str, Any, Any]] = [("", real, mirror)]
        while waiting:
            at, one, other = waiting.pop()
            if not run.more():
                return
            if isinstance(one, dict) and isinstance(other, dict):
                names = [*one, *(name for name in other if name not in one)]
                waiting.extend(
                    (f"{at}/{shown(name)}", one.get(name, _MISSING), other.get(name, _MISSING))
                    for name in reversed(names)
                )
            elif isinstance(one, list) and isinstance(other, list):
                for index in reversed(range(max(len(one), len(other)))):
                    left = one[index] if index < len(one) else _MISSING
                    right = other[index] if index < len(other) else _MISSING
                    waiting.append((f"{at}/*", left, right))
            elif (difference := self._leaf(at, one, other)) is not None:
                yield difference

    def _leaf(self, at: str, one: Any, other: Any) -> Difference | None:
        if other is _MISSING:
            return Difference(at, Kind.MISSING)
        if one is _MISSING:
            return Difference(at, Kind.ADDED)
        if _type(one) is not _type(other):
            return Difference(at, Kind.TYPE)
        if one == other:
            return None
        generated = is_generated(at.rpartition("/")[2], one, other)
        return Difference(at, Kind.VALUE, self._hash(one), self._hash(other), generated)

    def _hash(self, value: Any) -> str:
        data = value if isinstance(value, bytes) else repr(value).encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, data, sha256)[:6].hex()


@dataclass(slots=True)
class _Run:
    most: int
    seen: int = 0
    whole: bool = True

    def more(self) -> bool:
        if self.seen >= self.most:
            self.whole = False
            return False
        self.seen += 1
        return True


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _MISSING


def _type(value: Any) -> type:
    """Of JSON: integers and fractions are one type, truth is another."""
    return float if type(value) is int else type(value)


@lru_cache(maxsize=4096)
def shown(name: str) -> str:
    """A member's name as it may be told: `*` for what could be data (an address, a number, an identifier)."""
    if not _NAME.fullmatch(name) or _DIGITS.search(name):
        return "*"
    return name
