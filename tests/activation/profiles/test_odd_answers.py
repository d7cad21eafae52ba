"""Requests and answers that no documentation has: refused by name, told as they are, or not told; nothing breaks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.activation.model import Answer
from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles import compile_catalogue
from clyra_proxy.activation.profiles.reasons import Unreadable
from clyra_proxy.state.memory import MemoryState
from tests.activation.profiles.support import endpoint_of, head_of, rejection

CATALOGUE = compile_catalogue(MemoryState(), b"s" * 32)
VECTORS = [
    yaml.safe_load(path.read_text("utf-8")) for path in sorted((Path(__file__).parent / "vectors").glob("*.yaml"))
]
WITH_ROWS = [vector for vector in VECTORS if len(vector["batch"].get("rows", ())) > 1]
NAMES = st.sampled_from(
    re.findall(
        r"\w+",
        """results result errors error data id body index success status code message partialFailureError details
    location fieldPathElements errorCode compositeResponse job_status context messages insertErrors failedUpdates
    input_array     numErrors total state rejectedRows record_results batch_index events_received""",
    )
)
SCALAR = (
    st.none() | st.booleans() | st.integers(-2, 4) | st.sampled_from(["", "0", "1", "completed", "JobComplete", "x"])
)
ANSWER = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=24
)


@given(st.sampled_from(WITH_ROWS), ANSWER, st.sampled_from([200, 201, 202, 204, 207, 400, 500]), st.data())
def test_writes(vector: dict[str, Any], document: Any, status: int, data: st.DataObject) -> None:
    line, body = vector["request"]["line"], vector["request"]["body"].encode()
    head = head_of(line, vector["request"]["content_type"])
    declared = "auto" if vector["recognised"] == "auto" else vector["profile"]
    endpoint = endpoint_of(line, head, declared, CATALOGUE)
    batch = endpoint.read(head, body)
    rejected = data.draw(st.sets(st.integers(0, len(batch.rows) - 1), min_size=1))
    answer = Answer(status, json.dumps(document).encode(), {"content-type": "application/json"})
    merged = endpoint.merged(answer, batch, [rejection(index) for index in sorted(rejected)])
    if status >= 400:
        assert merged is answer
    reply = endpoint.reply(answer, batch)
    assert reply.retry_after >= 0


IN_JSON = [vector for vector in VECTORS if vector["request"]["body"].startswith(("{", "["))]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key or position) in a document."""
    found, pending = [], [value]
    while pending:
        item = pending.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else ()
        found += [(item, key) for key in keys]
        pending += [item[key] for key in keys]
    return found


@given(st.sampled_from(IN_JSON), ANSWER, st.data())
def test_requests(vector: dict[str, Any], odd: Any, data: st.DataObject) -> None:
    """A documented request with something else in one place."""
    try:
        document = json.loads(vector["request"]["body"])
    except ValueError:  # lines
        return
    container, key = data.draw(st.sampled_from(_places(document)))
    container[key] = odd
    body = json.dumps(document).encode()
    line = vector["request"]["line"]
    head = head_of(line, vector["request"]["content_type"])
    declared = "auto" if vector["recognised"] == "auto" else vector["profile"]
    endpoint = endpoint_of(line, head, declared, CATALOGUE)
    try:
        batch = endpoint.read(head, body)
    except UnreadableError as error:
        Unreadable(error.reason)
        return
    bad = data.draw(st.frozensets(st.sampled_from(range(len(batch.rows))))) if batch.rows else frozenset()
    made = endpoint.without(body, batch, bad)
    if made is not None and 0 < len(bad) < len(batch.rows):
        kept = endpoint_of(line, head, declared, CATALOGUE).read(head, made).rows
        assert [row.values for row in kept] == [row.values for row in batch.rows if row.index not in bad]
    endpoint.refused(batch, [rejection(index) for index in sorted(bad)])


ASKED = [
    ("salesforce", "GET https://a.my.salesforce.com/services/data/v59.0/jobs/ingest/{job}"),
    ("salesforce", "GET https://a.my.salesforce.com/services/data/v59.0/jobs/ingest/{job}/failedResults"),
    ("salesforce", "GET https://a.my.salesforce.com/services/async/59.0/job/1/batch/{job}/result"),
    ("zendesk", "GET https://a.zendesk.com/api/v2/job_statuses/{job}.json"),
    ("klaviyo", "GET https://a.klaviyo.com/api/profile-bulk-import-jobs/{job}/import-errors"),
]
STARTED = [
    ("PUT https://a.my.salesforce.com/services/data/v59.0/jobs/ingest/j1/batches", "text/csv", b"a\n1\n2\n"),
    ("POST https://a.my.salesforce.com/services/async/59.0/job/1/batch", "application/json", b'[{"a":1},{"a":2}]'),
    ("POST https://a.zendesk.com/api/v2/users/create_many", "application/json", b'{"users":[{"a":1},{"a":2}]}'),
    (
        "POST https://a.klaviyo.com/api/profile-bulk-import-jobs",
        "application/json",
        b'{"data":{"attributes":{"profiles":{"data":[{"a":1},{"a":2}]}}}}',
    ),
]


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    """Jobs of every kind, named j1, each with a refused row."""
    for line, content_type, body in STARTED:
        head = head_of(line, content_type)
        endpoint = endpoint_of(line, head, catalogue=CATALOGUE)
        batch = endpoint.read(head, body)
        told = b'{"id":"j1","job_status":{"id":"j1"},"data":{"id":"j1"}}'
        endpoint.merged(Answer(200, b"" if content_type == "text/csv" else told), batch, [rejection(0)])


@given(st.sampled_from(ASKED), ANSWER.map(json.dumps) | st.text(max_size=40))
def test_questions_about_jobs(asked: tuple[str, str], text: str) -> None:
    line = asked[1].format(job="j1")
    head = head_of(line, "")
    endpoint = endpoint_of(line, head, catalogue=CATALOGUE)
    endpoint.merged(Answer(200, text.encode("utf-8", "replace")), endpoint.read(head, b""), ())
