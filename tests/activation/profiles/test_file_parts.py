"""Rows in the file of a multipart form: read, taken out in place, and refused where a server could read others."""

from __future__ import annotations

import json

import pytest

from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles import compile_catalogue
from clyra_proxy.activation.profiles.file_parts import find_file
from tests.activation.profiles.support import endpoint_of, head_of, json_answer, rejection

FORM = "multipart/form-data; boundary=XX"
JOBS = "https://acme.my.salesforce.com/services/data/v62.0/jobs/ingest"


def form(*parts: tuple[str, str, bytes], end: bytes = b"\r\n") -> bytes:
    """Parts as (disposition after `form-data; `, further header lines, content)."""
    made = b""
    for disposition, more, content in parts:
        made += f"--XX\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n".encode() + content + b"\r\n"
    return made + b"--XX--" + end


def leads(content: bytes) -> bytes:
    file = ('name="file"; filename="l.csv"', "Content-Type: text/csv\r\n", content)
    return form(('name="format"', "", b"csv"), file)


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("POST https://1-a.mktorest.com/bulk/v1/leads.json?format=csv", "leads"),
        ("POST https://api.hubapi.com/crm/v3/imports", "imports"),
    ],
)
def test_a_bad_row_is_taken_out_of_the_file_and_every_other_byte_stays(line: str, target: str) -> None:
    head = head_of(line, FORM)
    endpoint = endpoint_of(line, head)
    body = leads(b'email,note\r\na@x,"1,\r\n--X"\r\nb@x,2\r\nc@x,3')
    batch = endpoint.read(head, body)
    assert (batch.target, [row.values["email"] for row in batch.rows]) == (target, ["a@x", "b@x", "c@x"])
    assert endpoint.without(body, batch, frozenset()) == body
    assert endpoint.without(body, batch, frozenset({1})) == body.replace(b"b@x,2\r\n", b"")
    assert endpoint.without(body, batch, frozenset({0, 2})) == leads(b"email,note\r\nb@x,2\r\n")


def test_a_job_of_salesforce_that_comes_with_its_rows() -> None:
    catalogue = compile_catalogue()
    head = head_of(f"POST {JOBS}", FORM)
    endpoint = endpoint_of(f"POST {JOBS}", head, catalogue=catalogue)
    job = {"object": "Contact", "operation": "delete", "columnDelimiter": "SEMICOLON", "contentType": "CSV"}
    body = form(
        ('name="job"', "Content-Type: application/json\r\n", json.dumps(job).encode()),
        ('name="content"; filename="content"', "Content-Type: text/csv\r\n", b"Id;A\n1;x\n2;y\n"),
    )
    batch = endpoint.read(head, body)
    assert batch.target == "Contact"
    assert [(row.key, row.operation) for row in batch.rows] == [("1", Operation.DELETE), ("2", Operation.DELETE)]
    assert endpoint.without(body, batch, frozenset({0})) == body.replace(b"1;x\n", b"")
    endpoint.merged(json_answer(200, b'{"id":"750m","state":"UploadComplete"}'), batch, [rejection(0)])
    asked = f"GET {JOBS}/750m"
    told = endpoint_of(asked, head_of(asked, ""), catalogue=catalogue)
    done = json_answer(200, b'{"id":"750m","state":"JobComplete","numberRecordsProcessed":1,"numberRecordsFailed":0}')
    answer = told.merged(done, told.read(head_of(asked, ""), b""), ())
    assert answer is not None
    assert (json.loads(answer.body)["numberRecordsProcessed"], json.loads(answer.body)["numberRecordsFailed"]) == (2, 1)


@pytest.mark.parametrize(
    "body",
    [
        form(('name="a"', "", b"id\n1\n")),
        form(('name="a"; filename="x"', "", b"id\n1\n"), ('name="b"; filename="y"', "", b"id\n2\n")),
        form(('name="a"; filename="x"', "Content-Transfer-Encoding: base64\r\n", b"aWQKMQo=")),
        form(('name="a"; filename="x"', "Content-Type: text/csv; charset=utf-16\r\n", b"id\n1\n")),
        form(('name="f"', "", b"1"), ('name="f"', "", b"2"), ('name="a"; filename="x"', "", b"id\n1\n")),
        form(('name="a"; filename="x"', "", b"id\n1\n"), end=b"\r\nmore"),
        form(('name="a"; filename="x"', "", b"id\n1\n"))[:-4],
        b"preamble\r\n" + form(('name="a"; filename="x"', "", b"id\n1\n")),
        b"",
    ],
)
def test_what_a_server_could_read_in_another_way_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        find_file(body, "XX")


@pytest.mark.parametrize("content_type", ["text/csv", "application/json", ""])
def test_an_import_that_is_no_form_is_unreadable(content_type: str) -> None:
    line = "POST https://api.hubapi.com/crm/v3/imports"
    head = head_of(line, content_type)
    with pytest.raises(UnreadableError):
        endpoint_of(line, head).read(head, b'{"a":1}')


def _form(*parts: tuple[str, bytes]) -> bytes:
    lines = [b"--XX\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + body for head, body in parts]
    return b"\r\n".join([*lines, b"--XX--\r\n"])


@pytest.mark.parametrize(
    "line",
    [
        "POST https://api.hubapi.com/files/v3/files",
        "POST https://slack.com/api/files.upload",
        "POST https://acme.my.salesforce.com/services/data/v61.0/sobjects/ContentVersion",
    ],
)
def test_a_record_may_come_with_files(line: str) -> None:
    head = head_of(line, FORM)
    body = _form(
        ('name="options"\r\nContent-Type: application/json', b'{"access":"PRIVATE"}'),
        ('name="tag"', b"a"),
        ('name="tag"', b"b"),
        ('name="file"; filename="x.png"\r\nContent-Type: image/png', b"\x00\xff"),
    )
    (row,) = endpoint_of(line, head).read(head, body).rows
    assert dict(row.values) == {
        "options": {"access": "PRIVATE"},
        "tag": ["a", "b"],
        "file": {"filename": "x.png", "media_type": "image/png", "bytes": 2},
    }


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ('name="f"; filename="x.CSV"\r\nContent-Type: application/octet-stream', b"a\n1\n"),
        ('name="f"; filename="x"\r\nContent-Type: application/json', b"[]"),
        ('name="f"\r\nContent-Type: text/csv', b"a\n1\n"),
        ('name="f"', b"\xff"),
        ('name="f"\r\nContent-Type: application/json', b"{"),
    ],
)
def test_files_that_may_hold_rows_are_not_passed_over(part: str, content: bytes) -> None:
    line = "POST https://api.hubapi.com/files/v3/files"
    head = head_of(line, FORM)
    with pytest.raises(UnreadableError):
        endpoint_of(line, head).read(head, _form((part, content)))
