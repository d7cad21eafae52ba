"""Rows, events and fields: same verdict for every split, row numbers that are right, nothing forged."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.checks import BodySession
from clyra_proxy.schemalock.compile import CompiledSchema, compile_schema
from clyra_proxy.schemalock.fields import CsvSession, FormSession, MultipartSession
from clyra_proxy.schemalock.judge import Judge
from clyra_proxy.schemalock.rows import EventSession, NdjsonSession
from clyra_proxy.stream.limits import DEFAULT_LIMITS, BodyLimits
from clyra_proxy.verdict.model import Finding, Phase
from clyra_proxy.verdict.reasons import Reason
from tests.support.bodies import ENFORCING, cut, drive, judge_buffered

PERSON = compile_schema(
    {
        "type": "object",
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "name": {"type": "string"},
            "active": {"type": "boolean"},
            "score": {"$ref": "#/$defs/score"},
            "tags": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["id"],
        "additionalProperties": False,
        "$defs": {"score": {"type": ["number", "null"]}},
    }
)
SIZES: tuple[int | random.Random, ...] = (1, 7, 4096, random.Random(3))


def judge() -> Judge:
    return Judge(ENFORCING, Phase.REQUEST_BODY, True)


def verdict(
    kind: type, text: bytes, size: int | random.Random, *extra: object, schema: object = PERSON
) -> Finding | None:
    session: BodySession = kind(judge(), schema, DEFAULT_LIMITS, *extra)
    return drive(session, cut(text, size))[0]


def ndjson(text: bytes, size: int | random.Random = 4096, schema: CompiledSchema | None = PERSON) -> Finding | None:
    return verdict(NdjsonSession, text, size, schema=schema)


@pytest.mark.parametrize("size", SIZES)
def test_ndjson(size: int | random.Random) -> None:
    good = b'{"id":1}\r\n\n{"id":2,"name":"x"}\n  \n{"id":3}'
    assert ndjson(good, size) is None
    for bad, row, reason in (
        (b'{"id":1}\n{"id":0}\n{"id":3}\n', 1, Reason.ROW_INVALID),
        (b'{"id":1}\n\n{"id":2,"id":3}\n', 1, Reason.JSON_DUPLICATE_KEY),
        (b'{"id":1}\n{"id":2}\n{"id":', 2, Reason.JSON_INCOMPLETE),
        (b'{"id":1}{"id":2}\n', 0, Reason.JSON_TRAILING),
    ):
        found = ndjson(bad, size)
        assert found is not None
        assert (found.reason, found.detail["row"]) == (reason, row)


FORGED = [
    [b'"a', b'b"', b"1],[2"],
    [b"[[1", b"2]]", b"1],[2"],
    [b"1,2"],
    [b"1", b"2,3", b"", b"4"],
    [b"[1", b"2]"],
    [b'{"a":1', b'"b":2}'],
    [b"1]", b"[2"],
    [b'"', b'"'],
]


@pytest.mark.parametrize("lines", FORGED, ids=repr)
def test_lines_that_are_only_json_together_are_refused(lines: list[bytes]) -> None:
    for size in SIZES:
        assert ndjson(b"\n".join(lines) + b"\n", size, schema=None) is not None


@settings(max_examples=200)
@given(st.lists(st.text('1",[]{}:a ', max_size=6), min_size=1, max_size=6))
def test_ndjson_agrees_with_line_by_line_judging(lines: list[str]) -> None:
    encoded = [line.encode() for line in lines]
    alone = [judge_buffered(None, line, 4096) is None for line in encoded if line.strip(b" ")]
    assert (ndjson(b"\n".join(encoded), 4096, schema=None) is None) is all(alone)


@pytest.mark.parametrize("size", SIZES)
def test_events(size: int | random.Random) -> None:
    good = b': hi\n\nevent: add\ndata: {"id":1,\ndata: "name":"x"}\n\ndata: {"id":2}\r\n\r\ndata: [DONE]\n\n'
    assert verdict(EventSession, good, size) is None
    for bad, row in ((b'data: {"id":1}\n\ndata: {"id":0}\n\n', 1), (b"data: hello\n\n", 0), (b'data: {"id":0}', 0)):
        found = verdict(EventSession, bad, size)
        assert found is not None
        assert found.detail["row"] == row


USAGE = compile_schema({"type": "object", "required": ["tokens"]})
TEXT = compile_schema({"type": "string"})
NAMED = [
    (b'event: usage\ndata: {"tokens":1}\n\ndata: {"id":1}\n\nevent: other\ndata: {"id":2}\n\ndata: [DONE]\n\n', None),
    (b'data: {"tokens":1}\nevent: usage\n\n', None),
    (b'event: text\nevent: usage\ndata: {"tokens":1}\n\n', None),
    (b"event: usage\ndata: [DONE]\n\n", None),
    (b'event: usage\ndata: {"id":1}\n\n', (0, "/required")),
    (b'event: usage\ndata: {"tokens":1}\n\nevent: usage\nevent:\ndata: {"tokens":1}\n\n', (1, "/additionalProperties")),
    (b'event: usage\ndata: {"tokens":1}\n\ndata: {"tokens":1}\n\n', (1, "/additionalProperties")),
    (b'event: Usage\ndata: {"tokens":1}\n\n', (0, "/additionalProperties")),
    (b'event:  usage\ndata: {"tokens":1}\n\n', (0, "/additionalProperties")),
    (b'event: usage\n\ndata: {"tokens":1}\n\n', (0, "/additionalProperties")),
    (b'event: text\r\ndata: "x"\r\n\r\nevent: text\r\ndata: 1\r\n\r\n', (1, "/type")),
    (b"event: text\ndata: x\n\n", (0, "")),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("text", "objection"), NAMED, ids=repr)
def test_events_are_judged_by_their_name(
    text: bytes, objection: tuple[int, str] | None, size: int | random.Random
) -> None:
    found = verdict(EventSession, text, size, {"usage": USAGE, "text": TEXT})
    told = None if found is None else (found.detail["row"], found.detail.get("schema_pointer", ""))
    assert told == objection


@pytest.mark.parametrize("name", [b"", b"event: message\n", b"event:\n"])
def test_an_event_without_a_name_is_called_message(name: bytes) -> None:
    assert verdict(EventSession, name + b'data: "x"\n\n', 4096, {"message": TEXT}) is None
    assert verdict(EventSession, name + b'data: {"id":1}\n\n', 4096, {"message": TEXT}) is not None


@pytest.mark.parametrize("size", SIZES)
def test_csv(size: int | random.Random) -> None:
    good = b'id,name,active,score\r\n1,"a, ""b""\n",true,\r\n2,,,2.5\n'
    assert verdict(CsvSession, good, size) is None
    for bad, row in (
        (b"id,name\n1,x\n0,y\n", 1),
        (b"id,name\n1\n", 0),
        (b"id,name\nabc,x\n", 0),
        (b"id,other\n1,x\n", 0),
        (b"id,id\n1,1\n", 0),
        (b'id,name\n1,"x\n', 0),
        (b"id,name\n1,\xff\n", 0),
    ):
        found = verdict(CsvSession, bad, size)
        assert found is not None
        assert found.detail["row"] == row


@pytest.mark.parametrize("size", SIZES)
def test_form(size: int | random.Random) -> None:
    assert verdict(FormSession, b"id=1&name=x+y&active=false&score=1e2&tags=1&tags=2", size) is None
    for bad in (b"id=0", b"id=1&id=2", b"name=x", b"id=1&x=1", b"id=%zz", b"id=1&tags=x", b"id=01", b"id=1&active=yes"):
        assert verdict(FormSession, bad, size) is not None


def form_data(*parts: tuple[str, bytes]) -> bytes:
    return b"".join(b"--b\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts) + b"--b--"


@pytest.mark.parametrize("size", SIZES)
def test_multipart(size: int | random.Random) -> None:
    named = 'Content-Disposition: form-data; name="%s"'
    json_part = named + "\r\nContent-Type: application/json"
    good = form_data((named % "id", b"5"), (json_part % "tags", b"[1,2]"), (named % "name", "é".encode()))
    assert verdict(MultipartSession, good, size, "b") is None
    for bad in (
        form_data((named % "id", b"0")),
        form_data((named % "id", b"5"), (json_part % "tags", b'[{"a":1,"a":2}]')),
        form_data((named % "id", b"5"), (named % "id", b"6")),
        form_data((named % "id", b"5"))[:-3],
        form_data((json_part % "id", b"5"), (json_part % "tags", b'["x"]')),
    ):
        assert verdict(MultipartSession, bad, size, "b") is not None


def test_a_json_part_is_admitted_before_it_leaves() -> None:
    named = 'Content-Disposition: form-data; name="meta"\r\nContent-Type: application/json'
    body = form_data((named, b'{"a":1,' + b" " * 5000 + b'"a":2}'))
    session = MultipartSession(judge(), None, DEFAULT_LIMITS, "b")
    found, cleared = drive(session, cut(body, 100))
    assert found is not None
    assert b'"a":1' not in body[:cleared]


def test_file_parts_pass_without_being_held() -> None:
    head = 'Content-Disposition: form-data; name="f"; filename="x.bin"'
    limits = BodyLimits(max_buffer=20_000)
    session = MultipartSession(judge(), None, limits, "b")
    assert drive(session, cut(form_data((head, bytes(500_000))), 4096))[0] is None


@pytest.mark.parametrize(
    ("kind", "text", "extra"),
    [
        (NdjsonSession, b'"' + b"x" * 50_000, ()),
        (EventSession, b"data: " + b"x" * 50_000, ()),
        (CsvSession, b'id\n"' + b"x" * 50_000, ()),
        (FormSession, b"id=" + b"x" * 50_000, ()),
    ],
)
def test_one_row_larger_than_the_buffer_is_refused(kind: type, text: bytes, extra: tuple[object, ...]) -> None:
    session = kind(judge(), PERSON, BodyLimits(max_buffer=10_000), *extra)
    found, _ = drive(session, cut(text, 1000))
    assert found is not None
    assert found.reason is Reason.BODY_TOO_LARGE
