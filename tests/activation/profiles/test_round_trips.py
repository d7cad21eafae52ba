"""Taking rows out of any body: what stays is byte for byte what was sent, in order, whatever its spelling."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles import compile_catalogue
from clyra_proxy.activation.profiles.json_body import parse
from clyra_proxy.activation.profiles.spans import without_elements, written_without
from clyra_proxy.activation.wire.falling import with_fallen
from tests.activation.profiles.support import endpoint_of, head_of, json_answer, rejection

CATALOGUE = compile_catalogue()
SPACE = st.sampled_from(["", " ", "\n", "\t ", "\r\n  "])
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
SCALAR = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXT
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


@st.composite
def spelled(draw: st.DrawFn, value: object) -> str:
    """`value` as JSON with any white space and any escapes."""
    ascii_only = draw(st.booleans())
    if isinstance(value, dict):
        members = [
            f"{draw(SPACE)}{json.dumps(key, ensure_ascii=ascii_only)}{draw(SPACE)}:{draw(SPACE)}{draw(spelled(each))}"
            for key, each in value.items()
        ]
        return "{" + ",".join(member + draw(SPACE) for member in members) + draw(SPACE) + "}"
    if isinstance(value, list):
        return "[" + ",".join(draw(SPACE) + draw(spelled(each)) + draw(SPACE) for each in value) + draw(SPACE) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[str], list[str], str, frozenset[int]]:
    """Rows as text, separators, the text before and after them, rows to take out."""
    rows = draw(st.lists(st.dictionaries(TEXT, VALUE, max_size=4), min_size=1, max_size=8))
    texts = [draw(spelled(row)) for row in rows]
    rejected = draw(st.frozensets(st.integers(0, len(rows) - 1)))
    return texts, [draw(SPACE) for _ in texts], draw(SPACE), rejected


@given(batches())
def test_json_rows(drawn: tuple[list[str], list[str], str, frozenset[int]]) -> None:
    texts, spaces, space, rejected = drawn
    body = f'{space}{{"a":[1,"]"],{space}"inputs":[{",".join(map("".join, zip(spaces, texts, strict=True)))}{space}]}}'
    line = "POST https://api.hubapi.com/crm/v3/objects/contacts/batch/create"
    head = head_of(line)
    endpoint = endpoint_of(line, head, catalogue=CATALOGUE)
    batch = endpoint.read(head, body.encode())
    assert [row.index for row in batch.rows] == list(range(len(texts)))
    made = endpoint.without(body.encode(), batch, rejected)
    assert made is not None
    if not rejected:
        assert made == body.encode()
    kept = [text for index, text in enumerate(texts) if index not in rejected]
    assert json.loads(made)["inputs"] == [json.loads(text) for text in kept]
    rest = made.decode()
    for text in kept:  # every kept row is there, as it was spelled, in order
        assert text in rest
        rest = rest[rest.index(text) + len(text) :]


@given(st.data())
def test_members_of_an_object_are_rows_too(data: st.DataObject) -> None:
    rows = data.draw(st.dictionaries(TEXT, st.dictionaries(TEXT, SCALAR, max_size=3), min_size=1, max_size=6))
    body = f'{{"documents":{data.draw(spelled(rows))},"x":1}}'.encode()
    rejected = data.draw(st.frozensets(st.integers(0, len(rows) - 1)))
    made = without_elements(body, [(("documents",), rejected)])
    assert made is not None
    assert list(json.loads(made)["documents"].items()) == [
        item for index, item in enumerate(rows.items()) if index not in rejected
    ]


def containers_in(value: object, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    """Every array and object in a value, with its size."""
    if isinstance(value, dict | list):
        yield way, len(value)
        for place, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from containers_in(inner, (*way, str(place)))


@given(st.data(), st.lists(VALUE, max_size=5))
def test_what_is_written_anew_is_what_is_cut_out(data: st.DataObject, document: list[object]) -> None:
    try:
        body = orjson.dumps(document)
    except orjson.JSONEncodeError:
        assume(False)
    known = list(containers_in(document))
    chosen = data.draw(st.lists(st.sampled_from(known), max_size=3, unique_by=lambda one: one[0]))
    cuts = [(way, data.draw(st.frozensets(st.integers(0, size - 1)))) for way, size in chosen if size]
    before = orjson.dumps(document)
    made = written_without(body, document, cuts)
    assert made is not None
    assert orjson.dumps(document) == before
    assert orjson.dumps(made.value) == made
    if not any(outer != way and way[: len(outer)] == outer for outer, _ in cuts for way, _ in cuts):
        assert made == without_elements(body, cuts)


@pytest.mark.parametrize(
    ("text", "cuts"),
    [
        (b"[1, 2]", [((), {0})]),
        (b'{"a":[1],"a":[1]}', [(("a",), {0})]),
        (b"[1.00]", [((), {0})]),
        (b"[1e2]", [((), {0})]),
        (b"[1]", [((), {1})]),
        (b"[[1]]", [(("1",), {0})]),
        (b"[[1]]", [(("x",), {0})]),
        (b"[1]", [(("0",), {0})]),
        (b'{"a":[1]}', [(("b",), {0})]),
        (b"[123456789012345678901]", [((), {0})]),
    ],
)
def test_what_is_written_otherwise_or_lost_is_not_written_anew(text: bytes, cuts: list[Any]) -> None:
    assert written_without(text, json.loads(text), cuts) is None


@given(
    st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.data(),
)
def test_csv_rows(rows: list[tuple[str, str]], end: str, quoting: int, data: st.DataObject) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=quoting)
    writer.writerow(["id", "name"])
    lines = []
    for row in rows:
        at = out.tell()
        writer.writerow([cell.replace("\0", "") for cell in row])
        lines.append(out.getvalue()[at:])
    body = out.getvalue().encode()
    rejected = data.draw(st.frozensets(st.integers(0, len(rows) - 1)))
    line = "PUT https://files.example.test/contacts"
    head = head_of(line, "text/csv")
    endpoint = endpoint_of(line, head, "generic-csv", CATALOGUE)
    batch = endpoint.read(head, body)
    assert [tuple(row.values.values()) for row in batch.rows] == [
        tuple(cell.replace("\0", "") for cell in row) for row in rows
    ]
    made = endpoint.without(body, batch, rejected)
    assert made is not None
    assert made.decode() == _header(body) + "".join(line for index, line in enumerate(lines) if index not in rejected)


def _header(body: bytes) -> str:
    return body.decode()[: body.index(b"\n") + 1]


@given(st.lists(VALUE.filter(lambda value: isinstance(value, dict)), min_size=1, max_size=6), st.data())
def test_json_lines(rows: list[object], data: st.DataObject) -> None:
    lines = [json.dumps(row, ensure_ascii=data.draw(st.booleans())) + "\n" for row in rows]
    body = "".join(data.draw(st.sampled_from(["", "\n", " \r\n"])) + line for line in lines).encode()
    rejected = data.draw(st.frozensets(st.integers(0, len(rows) - 1)))
    line = "POST https://files.example.test/contacts"
    head = head_of(line, "application/x-ndjson")
    endpoint = endpoint_of(line, head, "generic-ndjson", CATALOGUE)
    made = endpoint.without(body, endpoint.read(head, body), rejected)
    assert made is not None
    kept = [line for index, line in enumerate(lines) if index not in rejected]
    assert [text for text in made.decode().split("\n") if text.strip()] == [text.rstrip("\n") for text in kept]


@given(st.integers(1, 12), st.data())
def test_merged_results_stand_at_the_senders_positions(size: int, data: st.DataObject) -> None:
    rejected = data.draw(st.frozensets(st.integers(0, size - 1)).filter(lambda chosen: len(chosen) < size))
    line = "PATCH https://acme.my.salesforce.com/services/data/v59.0/composite/sobjects/Contact/Ext__c"
    head = head_of(line)
    endpoint = endpoint_of(line, head, catalogue=CATALOGUE)
    records = [{"attributes": {"type": "Contact"}, "Ext__c": str(index)} for index in range(size)]
    body = json.dumps({"allOrNone": False, "records": records}).encode()
    batch = endpoint.read(head, body)
    sent = json.loads(endpoint.without(body, batch, rejected) or b"")["records"]
    answer = json_answer(200, json.dumps([{"id": record["Ext__c"], "success": True} for record in sent]).encode())
    merged = endpoint.merged(answer, batch, [rejection(index) for index in rejected])
    assert merged is not None
    told = json.loads(merged.body)
    assert [index for index, result in enumerate(told) if not result["success"]] == sorted(rejected)
    assert [result["id"] for result in told if result["success"]] == [record["Ext__c"] for record in sent]
    reply = endpoint.reply(merged, batch)
    assert (reply.acknowledged, sorted(reply.failed)) == (size - len(rejected), sorted(rejected))


@given(st.binary(max_size=60) | TEXT.map(str.encode) | VALUE.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused_by_name(body: bytes) -> None:
    for declared, content_type in (
        ("generic-json", "application/json"),
        ("generic-csv", "text/csv"),
        ("generic-ndjson", "application/x-ndjson"),
        ("generic-json", "application/x-www-form-urlencoded"),
        ("braze", "application/json"),
        ("salesforce", "application/json"),
        ("census", "application/json"),
    ):
        path = {"braze": "/users/track", "salesforce": "/services/data/v59.0/composite"}.get(declared, "/x")
        line = f"POST https://dest.example.test{path}"
        head = head_of(line, content_type)
        endpoint = endpoint_of(line, head, declared, CATALOGUE)
        try:
            batch = endpoint.read(head, body)
        except UnreadableError:
            continue
        made = endpoint.without(body, batch, frozenset(range(0, len(batch.rows), 2)))
        assert made is None or len(made) <= len(body)
        endpoint.refused(batch, [rejection(row.index) for row in batch.rows])


@pytest.mark.parametrize("size", [2_000, 20_000])
def test_large_batches(size: int) -> None:
    body = ('{"inputs":[' + ",".join(['{"properties":{"a":"' + "x" * 20 + '"}}'] * size) + "]}").encode()
    made = without_elements(body, [(("inputs",), frozenset(range(0, size, 2)))])
    assert made is not None
    assert len(parse(made)["inputs"]) == size // 2


def _composite(*requests: tuple[str, str, dict[str, object]]) -> bytes:
    made = [
        {"method": "POST", "url": f"/services/data/v62.0/{url}", "referenceId": name, "body": body}
        for name, url, body in requests
    ]
    return json.dumps({"allOrNone": False, "compositeRequest": made}).encode()


COMPOSITE = "POST https://acme.my.salesforce.com/services/data/v62.0/composite"


def test_parts_of_a_composite_that_need_a_refused_one_go_down_with_it() -> None:
    body = _composite(
        ("A", "sobjects/Account", {"Name": "a"}),
        ("C", "sobjects/Contact", {"AccountId": "@{A.id}"}),
        ("T", "sobjects/Task", {"WhoId": "@{C.id}"}),
        ("AB", "sobjects/Lead", {"Note": "@{ABC.id}"}),
    )
    endpoint = endpoint_of(COMPOSITE, head_of(COMPOSITE))
    batch = endpoint.read(head_of(COMPOSITE), body)
    told = with_fallen(endpoint, (rejection(0),))
    assert [one.index for one in told] == [0, 1, 2]
    assert [one.rule for one in told] == ["rows.field"] * 3
    made = endpoint.without(body, batch, frozenset({0, 1, 2}))
    assert made is not None
    assert [one["referenceId"] for one in json.loads(made)["compositeRequest"]] == ["AB"]
    assert [one.index for one in with_fallen(endpoint, (rejection(1),))] == [1, 2]
    assert [one.index for one in with_fallen(endpoint, (rejection(3),))] == [3]


def test_records_of_a_collection_that_others_count_in_are_not_taken_out() -> None:
    """`@{made[1].id}` would be another record's once the first is gone."""
    body = _composite(
        ("made", "composite/sobjects", {"records": [{"Name": "a"}, {"Name": "b"}]}),
        ("uses", "sobjects/Contact", {"AccountId": "@{made[1].id}"}),
    )
    endpoint = endpoint_of(COMPOSITE, head_of(COMPOSITE))
    batch = endpoint.read(head_of(COMPOSITE), body)
    assert endpoint.without(body, batch, frozenset({0})) is None
    assert endpoint.without(body, batch, frozenset({2})) is not None
