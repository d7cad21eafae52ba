"""Writes whose rows cannot be told: each has one word of a closed list, and no content."""

from __future__ import annotations

import pytest

from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles.reasons import Unreadable
from tests.activation.profiles.support import endpoint_of, head_of

HUBSPOT = "POST https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert"
IMPORT = "POST https://api.hubapi.com/crm/v3/imports"
BULK = "PUT https://acme.my.salesforce.com/services/data/v59.0/jobs/ingest/750x/batches"
COMPOSITE = "POST https://acme.my.salesforce.com/services/data/v59.0/composite"
GOOGLE = "POST https://googleads.googleapis.com/v21/customers/1/campaigns:mutate"
META = "POST https://graph.facebook.com/v25.0/77/users"
DATABRICKS = "POST https://dbc-1.cloud.databricks.com/api/1.2/commands/execute"
RPC = "POST https://dest.example.test/rpc"
JSON, CSV, FORM = "application/json", "text/csv", "application/x-www-form-urlencoded"

CASES = [
    (HUBSPOT, JSON, b"", Unreadable.NO_ROWS),
    (HUBSPOT, JSON, b"{", Unreadable.NOT_JSON),
    (HUBSPOT, JSON, b'{"inputs":[]} {}', Unreadable.NOT_JSON),
    (HUBSPOT, JSON, b'{"inputs":[{"id":NaN}]}', Unreadable.NOT_JSON),
    (HUBSPOT, JSON, b'{"inputs":[],"inputs":[{"id":"1"}]}', Unreadable.DUPLICATE_KEY),
    (HUBSPOT, JSON, b'{"inputs":[{"id":"1","\\u0069d":"2"}]}', Unreadable.DUPLICATE_KEY),
    (HUBSPOT, JSON, b'{"inputs":' + b"[" * 300 + b"]" * 300 + b"}", Unreadable.TOO_DEEP),
    (HUBSPOT, JSON, '{"inputs":[{"id":"ä"}]}'.encode("latin-1"), Unreadable.ENCODING),
    (HUBSPOT, JSON, '{"inputs":[]}'.encode("utf-16"), Unreadable.ENCODING),
    (HUBSPOT, JSON, b'{"inputs":[{"id":"\\ud83d"}]}', Unreadable.ENCODING),
    (HUBSPOT, "application/json; charset=utf-16", b'{"inputs":[]}', Unreadable.ENCODING),
    (HUBSPOT, JSON, b'{"rows":[]}', Unreadable.NO_ROWS),
    (HUBSPOT, JSON, b'{"inputs":"x"}', Unreadable.WRONG_TYPE),
    (HUBSPOT, JSON, b'{"inputs":[1]}', Unreadable.WRONG_TYPE),
    (HUBSPOT, JSON, b'{"inputs":[{"id":"1"},null]}', Unreadable.WRONG_TYPE),
    (HUBSPOT, "multipart/form-data; boundary=x", b"--x--", Unreadable.MEDIA_TYPE),
    (HUBSPOT.replace("batch/upsert", "unheard/of"), "text/xml", b"<a/>", Unreadable.MEDIA_TYPE),
    (IMPORT, "multipart/form-data; boundary=x", b"--x--", Unreadable.MEDIA_TYPE),
    (BULK, CSV, b"", Unreadable.NO_ROWS),
    (BULK, CSV, b"a,b\n1\n", Unreadable.RAGGED),
    (BULK, CSV, b"a,b\n1,2,3\n", Unreadable.RAGGED),
    (BULK, CSV, b"a,a\n1,2\n", Unreadable.DUPLICATE_KEY),
    (BULK, CSV, b'a,b\n1,"2\n', Unreadable.NOT_CSV),
    (BULK, CSV, b'a,b\n1,2"3"\n', Unreadable.NOT_CSV),
    (BULK, CSV, b"a,b\n1,\0\n", Unreadable.NOT_CSV),
    (BULK, CSV, b"a\n\xff\n", Unreadable.ENCODING),
    (COMPOSITE, JSON, b'{"compositeRequest":[]}', Unreadable.NO_ROWS),
    (COMPOSITE, JSON, b'{"compositeRequest":[1]}', Unreadable.WRONG_TYPE),
    (COMPOSITE, JSON, b'{"compositeRequest":[{"method":"POST","url":"/x","body":[1]}]}', Unreadable.WRONG_TYPE),
    (GOOGLE, JSON, b'{"operations":[{"create":{},"remove":"x"}]}', Unreadable.OPERATION),
    (GOOGLE, JSON, b'{"operations":[{"updateMask":"a"}]}', Unreadable.OPERATION),
    (META, JSON, b'{"payload":{"schema":["A","B"],"data":[["1"]]}}', Unreadable.RAGGED),
    (META, JSON, b'{"payload":{"schema":[1],"data":[["1"]]}}', Unreadable.WRONG_TYPE),
    (META, FORM, b"payload=%7B", Unreadable.NOT_JSON),
    (META, FORM, b"payload=%FF", Unreadable.ENCODING),
    (DATABRICKS, JSON, b'{"language":"python","command":"drop()"}', Unreadable.OPAQUE),
    (DATABRICKS, JSON, b'{"language":"sql","command":7}', Unreadable.WRONG_TYPE),
    (DATABRICKS, JSON, b'{"language":"sql"}', Unreadable.NO_ROWS),
]


@pytest.mark.parametrize(("line", "content_type", "body", "reason"), CASES)
def test_reason(line: str, content_type: str, body: bytes, reason: Unreadable) -> None:
    head = head_of(line, content_type)
    with pytest.raises(UnreadableError) as caught:
        endpoint_of(line, head).read(head, body)
    assert caught.value.reason == reason
    assert str(caught.value) == reason.value


@pytest.mark.parametrize("method", ["drop_everything", "", "add"])
def test_an_unknown_method_of_a_remote_procedure_is_a_write_nobody_can_read(method: str) -> None:
    head = head_of(RPC)
    body = b'{"jsonrpc":"2.0","id":1,"method":"%s","params":{"records":[{"a":1}]}}' % method.encode()
    with pytest.raises(UnreadableError) as caught:
        endpoint_of(RPC, head, "census").read(head, body)
    assert caught.value.reason == Unreadable.OPERATION


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbfId,Email\n1,a@x.test\n",
        b"Id;Email\r\n1;a@x.test\r\n",
        b'"Id"\t"Email"\n"1"\t"a@x.test"',
    ],
)
def test_csv_as_spreadsheets_write_it(body: bytes) -> None:
    head = head_of(BULK, CSV)
    batch = endpoint_of(BULK, head).read(head, body)
    assert [dict(row.values) for row in batch.rows] == [{"Id": "1", "Email": "a@x.test"}]
    assert batch.rows[0].key == "1"
