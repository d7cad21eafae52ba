"""A request that needs a person, through the whole product: held, approved, sent once, with a receipt."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import orjson
import psutil
import pytest

from recorder import database
from tests.e2e.approvals.conftest import Held
from tests.support.approving import desk
from tests.support.upstream import Upstream

PAYMENT = {"amount": 1200.5, "currency": "EUR", "to": "DE00", "password": "hunter2-is-no-good"}


@pytest.fixture
def client(held: Held) -> Iterator[httpx.Client]:
    with httpx.Client(proxy=held.proxy.url, verify=held.proxy.trust(), timeout=60) as http:
        yield http


def _records(held: Held, typ: str) -> list[dict[str, Any]]:
    connection = database.open_for_reading(held.layout.database)
    try:
        lines = [row[0] for row in connection.execute("SELECT line FROM records ORDER BY seq")]
    finally:
        connection.close()
    return [record for line in lines if (record := orjson.loads(line))["typ"].startswith(typ)]


def _wait_for(look: Any, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_a_held_request_is_answered_202_and_leaves_once_after_approval(
    held: Held, client: httpx.Client, upstream: Upstream
) -> None:
    url = f"{upstream.tls_url}/payments/1"
    first = client.post(url, json=PAYMENT)
    assert first.status_code == 202, first.text
    assert first.headers["retry-after"] == "1"
    packet = first.headers["clyra-approval"]
    assert not upstream.journal.requests("/payments/1")
    again = client.post(url, json=PAYMENT, headers={"clyra-approval": packet})
    assert (again.status_code, again.headers["clyra-approval"]) == (202, packet)
    shown = desk(held.layout, "show", id=packet)["shown"]["lines"]
    assert ["/amount", "1200.5"] in shown
    assert ["/password", "***"] in shown
    held.ann.decide(held.layout, packet)
    done = client.post(url, json=PAYMENT, headers={"clyra-approval": packet})
    assert done.status_code == 200, done.text
    (arrived,) = upstream.journal.requests("/payments/1")
    assert not any(name.lower().startswith(b"clyra-approval") for name, _ in arrived.fields)
    spent = client.post(url, json=PAYMENT, headers={"clyra-approval": packet})
    assert spent.status_code == 403
    assert len(upstream.journal.requests("/payments/1")) == 1
    receipt = _wait_for(lambda: [one for one in _records(held, "pef.receipt") if one["data"]["packet"] == packet])[0]
    consume = next(one for one in _records(held, "pef.approval.consume") if one["appr"]["id"] == packet)
    call = next(one for one in _records(held, "pef.http_call") if one.get("appr", {}).get("id") == packet)
    assert receipt["data"]["exchange"] == consume["data"]["exchange"]
    assert receipt["data"]["result"] == "completed"
    assert receipt["data"]["verdict_id"]
    assert receipt["appr"]["cert_sha256"] == consume["appr"]["cert_sha256"] == call["appr"]["cert_sha256"]
    assert consume["seq"] < call["seq"]
    assert receipt["trace"]["trace_id"] == consume["trace"]["trace_id"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"json": {**PAYMENT, "amount": 9200.5}}, "E_APPROVAL_PAYLOAD"),
        ({"content": orjson.dumps(PAYMENT) + b" "}, "E_APPROVAL_PAYLOAD"),
        ({"headers": {"idempotency-key": "another"}}, "E_APPROVAL_HEADERS"),
        ({"headers": {"authorization": "Bearer another"}}, "E_APPROVAL_HEADERS"),
        ({"path": "/payments/2b?x=1"}, "E_APPROVAL_ACTION"),
        ({"method": "PUT", "path": "/two"}, "E_APPROVAL_ACTION"),
    ],
)
def test_an_approval_holds_for_the_very_same_request_only(
    held: Held, client: httpx.Client, upstream: Upstream, change: dict[str, Any], code: str
) -> None:
    url, body = f"{upstream.tls_url}/payments/2", orjson.dumps(PAYMENT)
    headers = {"content-type": "application/json", "authorization": "Bearer one"}
    packet = client.post(url, content=body, headers=headers).headers["clyra-approval"]
    held.ann.decide(held.layout, packet)
    headers |= {"clyra-approval": packet, **change.get("headers", {})}
    other = f"{upstream.tls_url}{change.get('path', '/payments/2')}"
    if "json" in change:
        body = orjson.dumps(change["json"])
    body = change.get("content", body)
    refused = client.request(change.get("method", "POST"), other, content=body, headers=headers)
    assert refused.status_code == 403, refused.text
    held.proxy.wait_for_verdicts(1, where=lambda line: code in orjson.dumps(line).decode())
    assert any(code in orjson.dumps(line).decode() for line in held.proxy.verdicts())
    headers = {"content-type": "application/json", "authorization": "Bearer one", "clyra-approval": packet}
    before = len(upstream.journal.requests("/payments/2"))
    assert client.post(url, content=orjson.dumps(PAYMENT), headers=headers).status_code == 200
    assert len(upstream.journal.requests("/payments/2")) == before + 1


def test_classes(held: Held, client: httpx.Client, upstream: Upstream) -> None:
    assert client.post(f"{upstream.tls_url}/payments/free", json=PAYMENT).status_code == 200
    assert client.post(f"{upstream.tls_url}/payments/3", json={**PAYMENT, "amount": 99}).status_code == 200
    assert client.post(f"{upstream.tls_url}/payments/3", json={"to": "DE00"}).status_code == 202  # no amount: above
    assert client.post(f"{upstream.tls_url}/payments/never", json=PAYMENT).status_code == 403
    assert client.post(f"{upstream.tls_url}/elsewhere", json=PAYMENT).status_code == 200
    assert client.get(f"{upstream.tls_url}/payments/3").status_code == 200


def test_a_request_without_a_body_is_held_too(held: Held, client: httpx.Client, upstream: Upstream) -> None:
    first = client.delete(f"{upstream.tls_url}/accounts/7")
    assert first.status_code == 202, first.text
    assert not upstream.journal.requests("/accounts/7")
    packet = first.headers["clyra-approval"]
    held.ann.decide(held.layout, packet)
    assert client.delete(f"{upstream.tls_url}/accounts/7", headers={"clyra-approval": packet}).status_code == 200
    assert len(upstream.journal.requests("/accounts/7")) == 1


def test_class_c_needs_two_different_people(held: Held, client: httpx.Client, upstream: Upstream) -> None:
    url = f"{upstream.tls_url}/two"
    packet = client.post(url, json={"n": 1}).headers["clyra-approval"]
    held.ann.decide(held.layout, packet)
    assert client.post(url, json={"n": 1}, headers={"clyra-approval": packet}).status_code == 202
    held.bob.decide(held.layout, packet)
    assert client.post(url, json={"n": 1}, headers={"clyra-approval": packet}).status_code == 200


def test_a_refusal_is_told(held: Held, client: httpx.Client, upstream: Upstream) -> None:
    url = f"{upstream.tls_url}/payments/4"
    packet = client.post(url, json=PAYMENT).headers["clyra-approval"]
    held.ann.decide(held.layout, packet, "deny")
    refused = client.post(url, json=PAYMENT, headers={"clyra-approval": packet})
    assert (refused.status_code, refused.headers["clyra-reason"]) == (403, "approval_refused")
    assert client.post(url, json=PAYMENT).headers["clyra-approval"] != packet  # a new request is a new question


MCP = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}


@pytest.mark.parametrize("headers", [MCP, {}], ids=["by its head", "by its shape"])
def test_a_tool_call_is_held_in_its_own_protocol(
    held: Held, client: httpx.Client, upstream: Upstream, headers: dict[str, str]
) -> None:
    call = {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {"name": "send_mail", "arguments": {"to": "x"}},
    }

    def ask() -> httpx.Response | None:
        """Until the check of conversations, which loads at the first one, is quick enough for its budget."""
        answer = client.post(f"{upstream.tls_url}/mcp", json=call, headers=headers)
        return answer if "clyra-approval" in answer.headers else None

    held_back = _wait_for(ask)
    assert (held_back.json()["id"], bool(held_back.json()["error"])) == (7, True)
    assert not upstream.journal.requests("/mcp")


def test_a_request_waits_inline_and_goes_on_when_approved(waiting: Held, upstream: Upstream) -> None:
    url = f"{upstream.tls_url}/payments/inline"
    with (
        httpx.Client(proxy=waiting.proxy.url, verify=waiting.proxy.trust(), timeout=90) as http,
        ThreadPoolExecutor(1) as pool,
    ):
        sent = pool.submit(http.post, url, json=PAYMENT)
        (packet,) = _wait_for(lambda: _waiting_ids(waiting, "/payments/inline"))
        assert http.post(f"{upstream.tls_url}/free", json={}).status_code == 200  # nobody else waits
        waiting.ann.decide(waiting.layout, packet)
        assert sent.result(60).status_code == 200
    assert len(upstream.journal.requests("/payments/inline")) == 1


def test_identical_requests_that_wait_together_leave_once(waiting: Held, upstream: Upstream) -> None:
    url = f"{upstream.tls_url}/payments/twins"
    ready = threading.Barrier(4)

    def send(_: int) -> int:
        with httpx.Client(proxy=waiting.proxy.url, verify=waiting.proxy.trust(), timeout=100) as http:
            assert http.get(f"{upstream.tls_url}/free").status_code == 200  # the connection stands
            ready.wait(60)
            return http.post(url, json=PAYMENT).status_code

    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(send, one) for one in range(4)]
        (packet,) = _wait_for(lambda: _waiting_ids(waiting, "/payments/twins"))
        threading.Event().wait(2.0)  # let all of them join
        waiting.ann.decide(waiting.layout, packet)
        statuses = Counter(one.result(100) for one in sent)
    assert len(upstream.journal.requests("/payments/twins")) == 1
    assert statuses[200] == 1
    assert statuses[403] + statuses[202] == 3  # 202: one that came when all was over is a new question


def _waiting_ids(held: Held, path: str) -> list[str]:
    every = desk(held.layout, "list")["approvals"]
    return [one["id"] for one in every if one["state"] == "requested" and one["action"].endswith(path)]


def test_a_worker_killed_while_a_request_waits_loses_the_connection_and_nothing_else(
    waiting: Held, upstream: Upstream
) -> None:
    url = f"{upstream.tls_url}/payments/killed"
    ended = 0

    def send() -> int:
        with httpx.Client(proxy=waiting.proxy.url, verify=waiting.proxy.trust(), timeout=90) as http:
            try:
                return http.post(url, json=PAYMENT).status_code
            except httpx.TransportError:
                return ended

    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send)
        (packet,) = _wait_for(lambda: _waiting_ids(waiting, "/payments/killed"))
        before = waiting.proxy.state["workers"]
        for worker in _worker_pids(waiting):
            os.kill(worker, signal.SIGKILL)
        assert sent.result(60) == ended
    waiting.ann.decide(waiting.layout, packet)
    assert not upstream.journal.requests("/payments/killed")

    def again() -> int:
        with httpx.Client(proxy=waiting.proxy.url, verify=waiting.proxy.trust(), timeout=30) as http:
            try:
                return http.post(url, json=PAYMENT, headers={"clyra-approval": packet}).status_code
            except httpx.TransportError:
                return ended

    assert _wait_for(again) == 200
    assert again() == 403
    assert len(upstream.journal.requests("/payments/killed")) == 1
    assert waiting.proxy.state["workers"] == before


def _worker_pids(held: Held) -> list[int]:
    """The worker processes of a running proxy."""
    supervisor = psutil.Process(held.proxy.process.pid)
    every = supervisor.children(recursive=True)
    return [one.pid for one in every if "clyra_proxy.engine.worker" in " ".join(one.cmdline())]
