"""Destinations that answer later: rows that were refused are in the later answer, whoever of the workers gets it."""

from __future__ import annotations

import csv
import io
import json

import pytest

from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.profiles import Catalogue, compile_catalogue
from clyra_proxy.activation.profiles.jobs import Job, Jobs, RefusedRow
from clyra_proxy.state.memory import MemoryState
from tests.activation.profiles.support import endpoint_of, head_of, json_answer, rejection

BULK = "https://acme.my.salesforce.com/services/data/v59.0/jobs/ingest"
SECRET = b"s" * 32
CREATED = b'{"id":"750x","operation":"upsert","object":"Contact","state":"Open"}'


@pytest.fixture
def workers() -> tuple[Catalogue, Catalogue]:
    store = MemoryState()
    return compile_catalogue(store, SECRET), compile_catalogue(store, SECRET)


def _create(catalogue: Catalogue, **facts: str) -> None:
    head = head_of(f"POST {BULK}")
    endpoint = endpoint_of(f"POST {BULK}", head, catalogue=catalogue)
    asked = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Ext__c", "contentType": "CSV", **facts}
    batch = endpoint.read(head, json.dumps(asked).encode())
    assert (batch.target, batch.rows) == ("Contact", ())
    answer = json_answer(200, CREATED)
    assert endpoint.merged(answer, batch, ()) is answer


def _asked(catalogue: Catalogue, line: str, status: int, body: bytes) -> bytes:
    head = head_of(line, "")
    endpoint = endpoint_of(line, head, catalogue=catalogue)
    assert not endpoint.writes
    told = endpoint.merged(json_answer(status, body), endpoint.read(head, b""), ())
    assert told is not None
    return told.body


def _upload(catalogue: Catalogue, body: bytes, rejected: set[int]) -> bytes:
    line = f"PUT {BULK}/750x/batches"
    head = head_of(line, "text/csv")
    endpoint = endpoint_of(line, head, catalogue=catalogue)
    batch = endpoint.read(head, body)
    assert {row.operation for row in batch.rows} == {Operation.UPSERT}
    assert batch.target == "Contact"
    made = endpoint.without(body, batch, frozenset(rejected))
    assert made is not None
    answer = json_answer(201, b"")
    assert endpoint.merged(answer, batch, [rejection(index) for index in rejected]) is answer
    return made


def test_a_bulk_job_of_salesforce(workers: tuple[Catalogue, Catalogue]) -> None:
    one, other = workers
    _create(one)
    made = _upload(other, b'Ext__c,Email,Plan\n1,a@x.test,#N/A\n2,"b, b",\n3,c@x.test,pro\n', {1})
    assert made == b"Ext__c,Email,Plan\n1,a@x.test,#N/A\n3,c@x.test,pro\n"
    state = b'{"id":"750x","state":"%s","numberRecordsProcessed":2,"numberRecordsFailed":0}'
    assert json.loads(_asked(one, f"GET {BULK}/750x", 200, state % b"InProgress"))["numberRecordsFailed"] == 0
    done = json.loads(_asked(one, f"GET {BULK}/750x", 200, state % b"JobComplete"))
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (3, 1)
    failed = _asked(other, f"GET {BULK}/750x/failedResults", 200, b'"sf__Id","sf__Error","Ext__c","Email","Plan"\n')
    rows = list(csv.DictReader(io.StringIO(failed.decode(), newline="")))
    assert [(row["Ext__c"], row["Email"], row["sf__Id"]) for row in rows] == [("2", "b, b", "")]
    assert rows[0]["sf__Error"].startswith("FIELD_CUSTOM_VALIDATION_EXCEPTION:Row 1 was refused.")
    empty = _asked(other, f"GET {BULK}/750x/failedResults", 200, b"")
    assert empty.startswith(b'"sf__Id","sf__Error","Ext__c","Email","Plan"\n"","FIELD')


def test_cells_of_a_bulk_job_mean_what_salesforce_says(workers: tuple[Catalogue, Catalogue]) -> None:
    _create(workers[0], columnDelimiter="PIPE")
    line = f"PUT {BULK}/750x/batches"
    head = head_of(line, "text/csv")
    batch = endpoint_of(line, head, catalogue=workers[1]).read(head, b"Ext__c|Plan|Note\n7|#N/A|\n")
    assert dict(batch.rows[0].values) == {"Ext__c": "7", "Plan": None}  # null is written, an empty cell is not
    assert batch.rows[0].key == "7"


def test_a_job_nobody_saw_being_made_is_still_read() -> None:
    line = f"PUT {BULK}/750y/batches"
    head = head_of(line, "text/csv")
    batch = endpoint_of(line, head).read(head, b"Id,Plan\n7,a\n")
    assert [(row.operation, row.key) for row in batch.rows] == [(Operation.UNKNOWN, "7")]
    assert batch.target == ""


def test_a_batch_of_bulk_api_1(workers: tuple[Catalogue, Catalogue]) -> None:
    one, other = workers
    base = "https://acme.my.salesforce.com/services/async/59.0/job"
    head = head_of(f"POST {base}")
    endpoint = endpoint_of(f"POST {base}", head, catalogue=one)
    batch = endpoint.read(head, b'{"operation":"delete","object":"Contact","contentType":"JSON"}')
    endpoint.merged(json_answer(201, b'{"id":"7501","state":"Open"}'), batch, ())
    line = f"POST {base}/7501/batch"
    head = head_of(line)
    endpoint = endpoint_of(line, head, catalogue=other)
    batch = endpoint.read(head, b'[{"Id":"1"},{"Id":"2"},{"Id":"3"}]')
    assert [(row.operation, row.key) for row in batch.rows][1] == (Operation.DELETE, "2")
    endpoint.merged(json_answer(201, b'{"id":"7511","jobId":"7501"}'), batch, [rejection(0), rejection(2)])
    told = json.loads(_asked(one, f"GET {base}/7501/batch/7511/result", 200, b'[{"success":true,"id":"2"}]'))
    assert [result["success"] for result in told] == [False, True, False]
    assert told[2]["errors"][0]["message"] == "Row 2 was refused."


def test_a_job_status_of_zendesk(workers: tuple[Catalogue, Catalogue]) -> None:
    one, other = workers
    line = "POST https://acme.zendesk.com/api/v2/users/create_many.json"
    head = head_of(line)
    endpoint = endpoint_of(line, head, catalogue=one)
    batch = endpoint.read(head, b'{"users":[{"name":"a"},{"name":"b"},{"name":"c"}]}')
    answer = json_answer(200, b'{"job_status":{"id":"82de","status":"queued"}}')
    assert endpoint.merged(answer, batch, [rejection(0)]) is answer
    results = b'[{"index":0,"id":2,"success":true},{"index":1,"error":"DuplicateValue","success":false}]'
    status = b'{"job_status":{"id":"82de","status":"completed","total":2,"results":' + results + b"}}"
    told = json.loads(_asked(other, "GET https://acme.zendesk.com/api/v2/job_statuses/82de.json", 200, status))
    found = told["job_status"]
    assert found["total"] == 3
    assert [(result["index"], result["success"]) for result in found["results"]] == [(0, False), (1, True), (2, False)]
    queued = b'{"job_status":{"id":"82de","status":"working","results":null}}'
    assert _asked(other, "GET https://acme.zendesk.com/api/v2/job_statuses/82de.json", 200, queued) == queued


def test_import_errors_of_klaviyo(workers: tuple[Catalogue, Catalogue]) -> None:
    line = "POST https://a.klaviyo.com/api/profile-bulk-import-jobs"
    head = head_of(line)
    endpoint = endpoint_of(line, head, catalogue=workers[0])
    body = b'{"data":{"attributes":{"profiles":{"data":[{"attributes":{"email":"a"}},{"attributes":{"email":"b"}}]}}}}'
    batch = endpoint.read(head, body)
    endpoint.merged(json_answer(202, b'{"data":{"id":"j1"}}'), batch, [rejection(1)])
    asked = "GET https://a.klaviyo.com/api/profile-bulk-import-jobs/j1/import-errors"
    told = json.loads(_asked(workers[1], asked, 200, b'{"data":[],"links":{}}'))
    attributes = told["data"][0]["attributes"]
    assert attributes["source"]["pointer"] == "/data/attributes/profiles/data/1"
    assert attributes["original_payload"] == {"attributes": {"email": "b"}}


def test_what_is_remembered_is_sealed_bounded_and_only_ours() -> None:
    store = MemoryState()
    jobs = Jobs(store, SECRET)
    rows = tuple(RefusedRow(index, "c", "m", {"email": "secret@x.test" * 1000}) for index in range(100))
    jobs.remember("k", "750-job-id", Job({"object": "Contact"}, rows, 100))
    kept = store.entries("", 0.0)
    assert len(kept) == 1
    assert "750" not in kept[0][0]
    assert "secret" not in kept[0][1]
    found = Jobs(store, SECRET).recall("k", "750-job-id")
    assert found is not None
    assert len(found.refused) == 100
    assert found.refused[0].row == {"email": "secret@x.test" * 1000}
    assert found.refused[99].row is None
    assert Jobs(store, b"t" * 32).recall("k", "750-job-id") is None


def _start(catalogue: Catalogue, line: str, body: bytes, answer: bytes, status: int = 200) -> None:
    """A batch of three whose row 1 is refused."""
    head = head_of(line)
    endpoint = endpoint_of(line, head, catalogue=catalogue)
    batch = endpoint.read(head, body)
    assert len(batch.rows) == 3
    endpoint.merged(json_answer(status, answer), batch, [rejection(1)])


def test_several_jobs_of_zendesk_in_one_answer(workers: tuple[Catalogue, Catalogue]) -> None:
    one, other = workers
    body, started = (
        b'{"users":[{"name":"a"},{"name":"b"},{"name":"c"}]}',
        b'{"job_status":{"id":"j","status":"queued"}}',
    )
    _start(one, "POST https://acme.zendesk.com/api/v2/users/create_many.json", body, started)
    results = [{"index": 0, "id": 1}, {"index": 1, "id": 2}]
    states = [{"id": "j", "status": "completed", "total": 2, "results": results}, {"id": "k", "status": "completed"}]
    line = "GET https://acme.zendesk.com/api/v2/job_statuses/show_many.json?ids=j,k"
    mine, theirs = json.loads(_asked(other, line, 200, json.dumps({"job_statuses": states}).encode()))["job_statuses"]
    assert (mine["total"], [result["index"] for result in mine["results"]]) == (3, [0, 1, 2])
    assert mine["results"][1]["success"] is False
    assert theirs == states[1]
    unknown = json.dumps({"job_statuses": states[1:]}).encode()
    assert _asked(other, line, 200, unknown) == unknown


def test_a_bulk_job_of_klaviyo_counts_refused_rows_and_lists_them_once(workers: tuple[Catalogue, Catalogue]) -> None:
    one, other = workers
    profiles = [{"type": "profile", "attributes": {"email": name}} for name in "abc"]
    body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": profiles}}}}
    jobs = "https://a.klaviyo.com/api/profile-bulk-import-jobs"
    _start(one, f"POST {jobs}/", json.dumps(body).encode(), b'{"data":{"id":"j"}}', 202)
    for status, counts in (("processing", (2, 0)), ("complete", (3, 1))):
        attributes = {"status": status, "total_count": 2, "completed_count": 2, "failed_count": 0}
        told = _asked(
            other, f"GET {jobs}/j/", 200, json.dumps({"data": {"id": "j", "attributes": attributes}}).encode()
        )
        found = json.loads(told)["data"]["attributes"]
        assert (found["total_count"], found["failed_count"], found["completed_count"]) == (*counts, 2)
    first = json.loads(_asked(one, f"GET {jobs}/j/import-errors", 200, b'{"data":[]}'))
    assert [error["id"] for error in first["data"]] == ["refused-1"]
    assert _asked(one, f"GET {jobs}/j/import-errors?page%5Bcursor%5D=x", 200, b'{"data":[]}') == b'{"data":[]}'
