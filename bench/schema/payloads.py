"""The bodies that are measured: records as reverse-ETL tools send them, and bodies made to hurt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from clyra_proxy.schemalock.compile import CompiledSchema, compile_schema

CHUNK = 64 * 1024


def record(number: int) -> dict[str, Any]:
    """About 250 bytes of JSON."""
    return {
        "id": number,
        "email": f"user{number}@example.com",
        "name": "Jane Doe",
        "amount": 12.5,
        "tags": ["a", "b", "c"],
        "address": {"street": "1 Main St", "city": "Springfield", "zip": "12345"},
        "created": "2026-01-01T00:00:00Z",
        "active": True,
        "note": "x" * 38,
    }


RECORD_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id", "email"],
    "properties": {
        "id": {"type": "integer"},
        "email": {"type": "string", "maxLength": 100},
        "name": {"type": "string"},
        "amount": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}, "zip": {"type": "string"}},
            "additionalProperties": False,
        },
        "created": {"type": "string"},
        "active": {"type": "boolean"},
        "note": {"type": "string"},
    },
    "additionalProperties": False,
}
DOCUMENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["records"],
    "properties": {"records": {"type": "array", "items": RECORD_SCHEMA}},
    "additionalProperties": False,
}


def compiled() -> CompiledSchema:
    return compile_schema(DOCUMENT_SCHEMA, source="bench")


def small_body() -> bytes:
    """About 1 KB."""
    return orjson.dumps({"records": [record(number) for number in range(4)]})


def record_stream(size: int, chunk: int = CHUNK) -> Iterator[bytes]:
    """`{"records":[...]}` of about `size` bytes in chunks of `chunk` bytes, without ever holding it.

    Blocks of records repeat, so that making the body costs next to nothing.
    """
    block = b",".join(orjson.dumps(record(number)) for number in range(1_000_000, 1_004_096)) + b","
    yield b'{"records":['
    made = 0
    view = memoryview(block * 2)  # any window of one block's length is in here
    while made < size:
        start = made % len(block)
        yield bytes(view[start : start + chunk])
        made += chunk
    start = made % len(block)
    rest = bytes(view[start : start + len(block) - start]) if start else b""
    yield rest + orjson.dumps(record(1)) + b"]}"


def adversarial() -> dict[str, bytes]:
    """Bodies of some megabytes whose shape defeats guessing, caching or batching."""
    deep = b"[" * 100 + b"]" * 100
    zigzag = b"[1," * 100 + b"1" + b",1]" * 100
    objects = b'{"a":' * 100 + b"1" + b"}" * 100
    return {
        "deep arrays": b'{"records":[' + b",".join([deep] * 10_000) + b"]}",
        "zigzag": b'{"records":[' + b",".join([zigzag] * 3_000) + b"]}",
        "deep objects": b'{"records":[' + b",".join([objects] * 3_000) + b"]}",
        "tiny elements": b'{"records":[' + b",".join([b"[]"] * 700_000) + b"]}",
        "numbers": b'{"records":[' + b",".join([b"1"] * 1_000_000) + b"]}",
        "many keys": b'{"k":{' + b",".join(b'"k%d":1' % number for number in range(150_000)) + b"}}",
        "escaped colons": b'{"records":[' + b",".join([b'{"a":"\\u003a","b":1}'] * 100_000) + b"]}",
        "varying first key": b'{"records":['
        + b",".join(b'{"%c%d":1,"b":[{"c":1},{"c":2}]}' % (97 + number % 26, number) for number in range(60_000))
        + b"]}",
        "long strings": b'{"records":[' + b",".join([b'"' + b"x" * 500_000 + b'"'] * 6) + b"]}",
        "megabyte records": b'{"records":[' + b",".join([b"[" + b",".join([b'{"a":1}'] * 120_000) + b"]"] * 4) + b"]}",
    }
