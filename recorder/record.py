"""The record envelope and what each record type may hold.

Every field of a record is hashed, and a field nobody knows is refused: a silently ignored field is a place to hide.
Each type has one JSON Schema, composed of `schemas/envelope.json` and `schemas/<typ>.json`; forward compatibility is by
a new `v` or a new type, never by extra fields.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache, lru_cache
from hashlib import sha256
from importlib import resources
from typing import Any

import jsonschema_rs
import orjson

from recorder import canonical

GENESIS_PREV = "0" * 64
RECORDER_SOURCE = "recorder"
SOURCE_FIELDS = frozenset(
    ("typ", "trace", "agent", "claim", "act", "verdict", "io", "sd", "gov", "perf", "sec", "appr", "refs", "data")
)
"""What a source may hand in; everything else is the recorder's word."""

TYPES = (
    "def.anchor",
    "def.query",
    "def.schema",
    "def.snapshot",
    "def.write",
    "pef.approval.consume",
    "pef.approval.deny",
    "pef.approval.expire",
    "pef.approval.grant",
    "pef.approval.request",
    "pef.bypass",
    "pef.contradiction",
    "pef.halt",
    "pef.http_call",
    "pef.llm_call",
    "pef.promotion",
    "pef.receipt",
    "pef.rows",
    "pef.shadow_diff",
    "pef.tool_call",
    "sys.anchor",
    "sys.clock",
    "sys.close",
    "sys.config",
    "sys.erasure",
    "sys.gap",
    "sys.genesis",
    "sys.key",
    "sys.spool",
)


_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_MAYBE_FLOAT = re.compile(rb'":-?[0-9]+[.eE]')
_VALIDATORS: dict[str, jsonschema_rs.Draft202012Validator] = {}


class RecordError(ValueError):
    """A record does not satisfy its schema. `code` is an S5 or S6 code of the verifier."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@cache
def schema_of(typ: str) -> dict[str, Any]:
    """The complete JSON Schema (Draft 2020-12) of one record type. Raises RecordError for an unknown type."""
    if typ not in TYPES:
        raise RecordError("W_TYPE_UNKNOWN", "this version does not know the record type")
    schema = _load("envelope")
    own = _load(typ)
    schema["title"] = own["title"]
    schema["properties"]["typ"] = {"const": typ}
    schema["properties"]["data"] = own["properties"]["data"]
    if "allOf" in own:
        schema["allOf"] = own["allOf"]
    return schema


@cache
def schemas_digest() -> str:
    """Hex SHA-256 over all record schemas, as written into `sys.config`."""
    every = {typ: schema_of(typ) for typ in TYPES}
    return sha256(orjson.dumps(every, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _validator(typ: str) -> jsonschema_rs.Draft202012Validator:
    found = _VALIDATORS.get(typ)
    if found is None:
        found = _VALIDATORS[typ] = jsonschema_rs.Draft202012Validator(schema_of(typ))
    return found


def validate(record: dict[str, Any]) -> None:
    """Raise RecordError unless `record` satisfies the schema of its type."""
    validator = _validator(record["typ"])
    if not validator.is_valid(record):
        raise RecordError("E_SCHEMA", _first_error(validator, record))


def envelope_schema() -> dict[str, Any]:
    """The JSON Schema that records of every type satisfy."""
    return _load("envelope")


@cache
def _envelope() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(envelope_schema())


def satisfies(value: object, schema: dict[str, Any]) -> bool:
    """Whether a part of a record satisfies its part of a schema."""
    return jsonschema_rs.Draft202012Validator(schema).is_valid(value)


def is_enveloped(record: dict[str, Any]) -> bool:
    """Whether a record of an unknown type at least has a valid envelope."""
    return _envelope().is_valid(record)


def encode(record: dict[str, Any]) -> bytes:
    """Validate, and return the record's line (no newline). Raises RecordError."""
    typ = record["typ"]
    validator = _VALIDATORS.get(typ) or _validator(typ)
    if not validator.is_valid(record):
        raise RecordError("E_SCHEMA", _first_error(validator, record))
    try:
        raw = orjson.dumps(record, option=_OPTIONS)
        if len(raw) > canonical.MAX_BYTES or _MAYBE_FLOAT.search(raw):
            raw = canonical.encode(record)
    except TypeError as error:
        raise RecordError("E_CANON", str(error)) from None
    except canonical.CanonicalError as error:
        raise RecordError(error.code, error.detail) from None
    return raw


def read_sound(line: bytes) -> dict[str, Any] | None:
    """The record of a line that is surely canonical and satisfies its schema; None means: check it step by step.

    Quick, and safe because the schemas are closed: a valid record has only known keys, bounded depth and no number in
    an array, so after a byte-equal round trip only `1.0`, an integer to JSON Schema, is left to rule out.
    """
    if len(line) > canonical.MAX_BYTES or _MAYBE_FLOAT.search(line):
        return None
    try:
        value = orjson.loads(line)
        if orjson.dumps(value, option=_OPTIONS) != line:
            return None
        validator = _VALIDATORS.get(value["typ"]) or _validator(value["typ"])
    except (orjson.JSONDecodeError, TypeError, KeyError, RecordError):
        return None
    return value if validator.is_valid(value) else None


def _first_error(validator: jsonschema_rs.Draft202012Validator, record: dict[str, Any]) -> str:
    """Where the first violation is, without any value of the record."""
    for error in validator.iter_errors(record):
        where = "/".join(str(part) for part in error.instance_path)
        rule = "/".join(str(part) for part in error.schema_path)
        return f"field /{where[:100]} breaks {rule[:100]}"
    return "does not satisfy its schema"


def _load(name: str) -> dict[str, Any]:
    loaded = orjson.loads((resources.files("recorder") / "schemas" / f"{name}.json").read_bytes())
    assert isinstance(loaded, dict)  # noqa: S101 - our own packaged file
    return loaded


def timestamp(micros: int) -> str:
    """Fixed-width UTC text of microseconds since the epoch, so that string order is time order."""
    return f"{_second(micros // 1_000_000)}.{micros % 1_000_000:06d}Z"


@lru_cache(maxsize=4)  # asked for with every commit, and most commits fall into the second of the one before
def _second(since_epoch: int) -> str:
    return datetime.fromtimestamp(since_epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros_of(text: str) -> int:
    """Inverse of `timestamp`. Raises ValueError."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
