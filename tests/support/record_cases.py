"""One route's bodies: an object around a long array of records, good and bad in every way the product names.

Each case is a pure function of a size, so that the same wrong can be shown small and large.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import brotli  # type: ignore[import-untyped]
import zstandard

from tests.support.replies import compress

RECORD: dict[str, Any] = {
    "type": "object",
    "required": ["id", "email"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer"},
        "email": {"type": "string", "minLength": 3},
        "note": {},
    },
}
ENVELOPE: dict[str, Any] = {
    "type": "object",
    "required": ["source", "records"],
    "additionalProperties": False,
    "properties": {"source": {"type": "string"}, "records": {"type": "array", "items": RECORD}},
}
SMALL, LARGE = 40, 30_000
"""Records of a body that is judged whole, and of one of several MB that is cut."""
CODINGS = ("", "gzip", "deflate", "br", "zstd")


@lru_cache(maxsize=4)
def records(count: int) -> tuple[bytes, ...]:
    """Records that no coding shrinks much: the last field is hexadecimal noise."""
    noise = random.Random(count)
    return tuple(
        b'{"id":%d,"email":"%d@mail.test","note":"%s"}' % (at, at, noise.randbytes(35).hex().encode())
        for at in range(count)
    )


def envelope(rows: tuple[bytes, ...], before: bytes = b'"source":"crm",', after: bytes = b"") -> bytes:
    return b"{" + before + b'"records":[' + b",".join(rows) + b"]" + after + b"}"


def _with_record(count: int, at: int, record: bytes) -> bytes:
    rows = list(records(count))
    rows[at] = record
    return envelope(tuple(rows))


_WRONG = b'{"id":"seven","email":"a@mail.test"}'
_TWICE = b'{"id":1,"email":"a@mail.test","id":2}'
_FOREIGN = b'{"id":1,"email":"a@mail.test","note":"\xff\xfe"}'
_BOTTOMLESS = b'{"id":1,"email":"a@mail.test","note":' + b"[" * 150 + b"]" * 150 + b"}"
_ENDLESS = b'{"id":1,"email":"a@mail.test","note":1e400}'
_SCHEMA_ID = "/properties/records/items/properties/id/type"


@dataclass(frozen=True, slots=True)
class Case:
    """body: by number of records. code: of the refusal, "" when good. row: of the wrong record, -1 when none.

    pointer: after `/records/ROW`, or of the whole body when there is no row.
    """

    body: Callable[[int], bytes]
    code: str = ""
    row: Callable[[int], int] = lambda count: -1
    pointer: str | None = None
    schema_pointer: str | None = None

    def place(self, count: int) -> str | None:
        row = self.row(count)
        return f"/records/{row}{self.pointer or ''}" if row >= 0 else self.pointer


CASES: dict[str, Case] = {
    "good": Case(lambda count: envelope(records(count))),
    "good, spaced": Case(lambda count: envelope(records(count), b'"source" : "crm" ,\n ', b" \r\n") + b"\n"),
    "bad first record": Case(
        lambda count: _with_record(count, 0, _WRONG), "schema_violation", lambda count: 0, "/id", _SCHEMA_ID
    ),
    "bad middle record": Case(
        lambda count: _with_record(count, count // 2, _WRONG),
        "schema_violation",
        lambda count: count // 2,
        "/id",
        _SCHEMA_ID,
    ),
    "bad last record": Case(
        lambda count: _with_record(count, count - 1, _WRONG),
        "schema_violation",
        lambda count: count - 1,
        "/id",
        _SCHEMA_ID,
    ),
    "duplicate key in a record": Case(
        lambda count: _with_record(count, count // 2, _TWICE), "json_duplicate_key", lambda count: count // 2, "/id"
    ),
    "duplicate key in the envelope": Case(
        lambda count: envelope(records(count), after=b',"source":"erp"'), "json_duplicate_key", pointer="/source"
    ),
    "duplicate array in the envelope": Case(
        lambda count: envelope(records(count), after=b',"records":[]'), "json_duplicate_key", pointer="/records"
    ),
    "unknown envelope key": Case(
        lambda count: envelope(records(count), after=b',"extra":1'), "schema_violation", pointer=""
    ),
    "missing envelope key": Case(lambda count: envelope(records(count), before=b""), "schema_violation", pointer=""),
    "trailing garbage": Case(lambda count: envelope(records(count)) + b"x", "json_trailing"),
    "second document": Case(lambda count: envelope(records(count)) + b" {}", "json_trailing"),
    "missing last bracket": Case(lambda count: envelope(records(count))[:-1], "json_incomplete"),
    "invalid UTF-8": Case(
        lambda count: _with_record(count, count // 2, _FOREIGN), "json_encoding", lambda count: count // 2, "/note"
    ),
    "too deep": Case(lambda count: _with_record(count, count // 2, _BOTTOMLESS), "json_depth"),
    "number out of range": Case(
        lambda count: _with_record(count, count // 2, _ENDLESS), "json_number_range", lambda count: count // 2, "/note"
    ),
}
GOOD = tuple(name for name, case in CASES.items() if not case.code)


@lru_cache(maxsize=400)
def coded(name: str, count: int, coding: str) -> bytes:
    """The case's body in a content coding, compressed quickly."""
    body = CASES[name].body(count)
    if coding == "br":
        return bytes(brotli.compress(body, quality=2))
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=1).compress(body)
    return compress(body, coding)


def readable(prefix: bytes, coding: str) -> bytes:
    """What an eager reader can decode of a part of a coded body."""
    if not coding:
        return prefix
    if coding == "br":
        return bytes(brotli.Decompressor().process(prefix))
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(prefix)
    return zlib.decompressobj(31 if coding == "gzip" else 15).decompress(prefix)


def is_json(text: bytes) -> bool:
    """Whether a lenient reader would take it: Python's parser, with what cannot be decoded replaced."""
    try:
        json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return True
