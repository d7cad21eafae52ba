"""What senders do on the wire beside the ordinary: compression, chunks, headers for us, several workers."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from tests.e2e.activation.conftest import Gateway
from tests.support.activation.destinations import Salesforce
from tests.support.activation.server import DestinationServer
from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy

_fresh = count(1)
_UPSERT = "/crm/v3/objects/contacts/batch/upsert"


def _inputs(bad: set[int], size: int = 4) -> bytes:
    run = next(_fresh)
    emails = [f"{'bad' if at in bad else 'w'}{at}-{run}@x.test" for at in range(size)]
    inputs = [{"idProperty": "email", "id": email, "properties": {"email": email}} for email in emails]
    return json.dumps({"inputs": inputs}).encode()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    trust = gateway.proxy.trust()
    with httpx.Client(proxy=gateway.proxy.url, verify=trust, base_url=gateway.servers["hubspot"].url) as made:
        yield made


def _post(client: httpx.Client, content: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(_UPSERT, content=content, headers={"Content-Type": "application/json", **named}, timeout=60)


def test_a_compressed_body(client: httpx.Client, gateway: Gateway) -> None:
    answer = _post(client, gzip.compress(_inputs({0, 2})), Content_Encoding="gzip")
    assert (answer.status_code, answer.json()["numErrors"]) == (207, 2)
    assert len(gateway.servers["hubspot"].destination.rows) == 2


def test_a_body_in_chunks(client: httpx.Client, gateway: Gateway) -> None:
    body = _inputs({3})
    answer = _post(client, (body[at : at + 7] for at in range(0, len(body), 7)))
    assert [error["context"]["index"] for error in answer.json()["errors"]] == [["3"]]
    assert len(gateway.servers["hubspot"].destination.rows) == 3


def test_headers_for_us_stand_in_the_record_and_do_not_leave(client: httpx.Client, gateway: Gateway) -> None:
    assert _post(client, _inputs({1}), X_Clyra_Run="run-of-headers", X_Clyra_Sync="s1").status_code == 207
    (asked,) = gateway.servers["hubspot"].journal
    assert not [name for name in asked.headers if name.startswith("x-clyra")]
    said = b'"run":"run-of-headers","sync":"s1"'
    log = gateway.proxy.home.recorder
    gateway.proxy.process.wait_until(lambda: any(said in file.read_bytes() for file in log.glob("log.db*")), "a record")


def test_rows_that_nobody_can_tell_do_not_leave(client: httpx.Client, gateway: Gateway) -> None:
    answer = _post(client, b'{"inputs":[{"id":"1"}],"inputs":[]}')
    assert answer.status_code in (400, 403, 422)
    assert gateway.servers["hubspot"].journal == []


@pytest.mark.timeout(240)
def test_a_bulk_job_over_two_workers(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, shared_gateway: Gateway
) -> None:
    """Every request has a connection of its own, so that any of the workers may get it."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "row.json").write_text('{"type":"object","properties":{"Email":{"not":{"pattern":"^bad"}}}}')
    with DestinationServer(Salesforce(), authority.leaf()) as server:
        allowed = {"hosts": ["127.0.0.1"], "ports": [server.port], "allow_private": True, "activation": "salesforce"}
        policy = {
            "enforcement": {"mode": "enforce", "egress": "strict", "upstream_ca": str(authority.certificate)},
            "destinations": {"salesforce": allowed},
            "data_platform": {"activation": {"rows": {"rules": [{"name": "a", "row_schema": "row.json"}]}}},
        }
        with RunningProxy.start(folder, policy, workers=2) as proxy:
            for turn in range(4):
                assert _bulk(proxy, server.url, turn) == [f"{turn}-1"]
        assert len(server.destination.rows) == 8


def _bulk(proxy: RunningProxy, url: str, turn: int) -> list[str]:
    """Run a job with one bad row of three; the keys of the rows that failed."""
    trust = proxy.trust()

    def ask(method: str, path: str, **more: object) -> httpx.Response:
        with httpx.Client(proxy=proxy.url, verify=trust, base_url=f"{url}/services/data/v59.0/jobs") as one:
            return one.request(method, path, timeout=60, **more).raise_for_status()  # type: ignore[arg-type]

    made = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Ext__c", "contentType": "CSV"}
    job = ask("POST", "/ingest", json=made).json()["id"]
    rows = "".join(f"{turn}-{at},{'bad' if at == 1 else 'u'}{turn}{at}@x.test\n" for at in range(3))
    body = f"Ext__c,Email\n{rows}".encode()
    ask("PUT", f"/ingest/{job}/batches", content=body, headers={"Content-Type": "text/csv"})
    ask("PATCH", f"/ingest/{job}", json={"state": "UploadComplete"})
    done = ask("GET", f"/ingest/{job}").json()
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (3, 1)
    failed = ask("GET", f"/ingest/{job}/failedResults").text
    return [row["Ext__c"] for row in csv.DictReader(io.StringIO(failed, newline=""))]
