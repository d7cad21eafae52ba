"""The quick way through records: a block of lines that is surely sound, found so without stopping at each.

Rule: this code may only ever say "clean". A block it calls clean has no finding of any kind inside it, and what is left
to check is how it joins the block before it. Everything else (a special record, a doubt) goes the slow way, which names
what is wrong. So a mistake here can cost time, but the two ways are also tested against each other.

Why it is safe: the schemas are closed, so a valid record has known keys and bounded depth; a byte-equal round trip
leaves one form only; of all numbers only an integral float would pass both, and it ends in `.0` or is beyond the bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

import jsonschema_rs
import orjson

from recorder import canonical, record

SPECIAL = frozenset(
    ("def.anchor", "pef.approval.consume", "sys.anchor", "sys.clock", "sys.close", "sys.erasure", "sys.gap", "sys.key")
)
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_INTEGRAL_FLOAT = re.compile(rb"\.0[,}\]]")


class Clean(NamedTuple):
    """A block without findings.

    size: in bytes, newlines included. leaves: its leaf hashes, 32 bytes each. sources: id -> (first, last counter).
    """

    records: int
    size: int
    leaves: bytes
    first_seq: int
    first_prev: str
    first_ts: str
    last_ts: str
    first_boot: str
    first_mono: int
    last_boot: str
    last_mono: int
    sources: dict[str, tuple[int, int]]
    counts: dict[str, int]
    policies: frozenset[str]
    last_typ: str


def check_block(raw: bytes, origin: str) -> Clean | None:
    """Judge whole lines, without the last newline; None when there is anything to look at more closely."""
    if _INTEGRAL_FLOAT.search(raw):
        return None
    try:
        return _check(raw.split(b"\n"), origin)
    except (orjson.JSONDecodeError, TypeError, KeyError, record.RecordError):
        return None


def _check(lines: list[bytes], origin: str) -> Clean | None:
    """One loop with everything in it: calls and attribute look-ups are what a record costs here."""
    loads, dumps, options, hashed, limit = orjson.loads, orjson.dumps, _OPTIONS, sha256, canonical.MAX_BYTES
    first = loads(lines[0])
    seq, prev, ts, boot, mono = first["seq"], first["prev"], first["ts"], "", -1
    known = ""
    valid: Callable[[Any], bool] = bool
    leaves: list[bytes] = []
    sources: dict[str, tuple[int, int]] = {}
    counts: dict[str, int] = {}
    policies: set[str] = set()
    for line in lines:
        value = loads(line)
        if len(line) > limit or dumps(value, option=options) != line:
            return None
        typ = value["typ"]
        if typ != known:
            if typ in SPECIAL:
                return None
            valid, known = _validator(typ), typ
        if not valid(value) or "appr" in value or value["seq"] != seq or value["prev"] != prev:
            return None
        if value["origin"] != origin or value["ts"] < ts or (value["boot"] == boot and value["mono_us"] <= mono):
            return None
        ts, boot, mono = value["ts"], value["boot"], value["mono_us"]
        src = value["src"]
        name, number = src["id"], src["seq"]
        span = sources.get(name)
        if span is None:
            sources[name] = (number, number)
        elif span[1] + 1 == number:
            sources[name] = (span[0], number)
        else:
            return None
        counts[typ] = counts.get(typ, 0) + 1
        if "verdict" in value:
            policies.add(value["verdict"]["policy_sha256"])
        leaf = hashed(b"\x00" + line).digest()
        leaves.append(leaf)
        prev = leaf.hex()
        seq += 1
    return Clean(
        len(lines),
        sum(map(len, lines)) + len(lines),
        b"".join(leaves),
        first["seq"],
        first["prev"],
        first["ts"],
        ts,
        first["boot"],
        first["mono_us"],
        boot,
        mono,
        sources,
        counts,
        frozenset(policies),
        known,
    )


@cache
def _validator(typ: str) -> Callable[[Any], bool]:
    """The schema of a type with every integer bounded. Raises RecordError for an unknown one."""
    return jsonschema_rs.Draft202012Validator(_bounded(record.schema_of(typ))).is_valid


def _bounded(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_bounded(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _bounded(value) for name, value in schema.items()}
    if schema.get("type") == "integer":
        found["maximum"] = min(schema.get("maximum", canonical.MAX_INTEGER), canonical.MAX_INTEGER)
        found["minimum"] = max(schema.get("minimum", -canonical.MAX_INTEGER), -canonical.MAX_INTEGER)
    return found
