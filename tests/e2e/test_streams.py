"""Streams pass while they happen: the upstream goes on only when the client has seen the part before."""

from __future__ import annotations

import threading

import httpx
import pytest

from tests.support.proxy import RunningProxy
from tests.support.replies import Reply, Step, WaitUntil
from tests.support.upstream import Upstream


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_each_event_arrives_before_the_next_is_sent(upstream: Upstream, proxy: RunningProxy, scheme: str) -> None:
    seen: list[str] = []
    body: list[Step] = []
    for number in range(5):
        body.append(b'data: {"number":%d}\n\n' % number)
        body.append(WaitUntil(lambda wanted=number: len(seen) > wanted))  # type: ignore[misc]
    upstream.routes["/events"] = Reply(headers=(("content-type", "text/event-stream"),), body=body, framing="chunked")
    base = upstream.url if scheme == "http" else upstream.tls_url
    with (
        httpx.Client(proxy=proxy.url, verify=proxy.trust(), trust_env=False, timeout=15) as client,
        client.stream("GET", f"{base}/events") as answer,
    ):
        seen += []
        for line in answer.iter_lines():
            if line.startswith("data:"):
                seen.append(line)
    assert seen == [f'data: {{"number":{number}}}' for number in range(5)]


def test_an_upload_flows_while_it_is_sent(upstream: Upstream, proxy: RunningProxy) -> None:
    """The client sends its second half only when the upstream has some of the first."""
    row = b'{"id":1,"note":"' + b"x" * 200 + b'"}'
    half = b",".join([row] * 2000)
    arrived = threading.Event()

    def body():  # type: ignore[no-untyped-def]
        yield b"[" + half
        if upstream.journal.wait_for(lambda: any(m.received for m in upstream.journal.requests("/orders/flow")), 15):
            arrived.set()
        yield b"," + half + b"]"

    headers = {"content-type": "application/json"}
    with httpx.Client(proxy=proxy.url, verify=proxy.trust(), trust_env=False, timeout=30) as client:
        answer = client.post(f"{upstream.tls_url}/orders/flow", content=body(), headers=headers)
    assert answer.status_code == 200
    assert arrived.is_set()
    assert upstream.journal.complete("/orders/flow")[0].received == 2 * len(half) + 3
