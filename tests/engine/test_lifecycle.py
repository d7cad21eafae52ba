"""Every exchange ends once, whoever leaves and when; the engine drains and stops."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.engine.settings import Listener
from clyra_proxy.errors import StartupError
from tests.engine.harness import CountingGate, House, RunningEngine
from tests.support.processes import free_port
from tests.support.raw import Http1Client, Http2Client, dial
from tests.support.replies import Die, Pause, Reply
from tests.support.upstream import Upstream

type Start = Callable[..., RunningEngine]


def _client(running: RunningEngine) -> Http1Client:
    return Http1Client(socket.create_connection(running.address, 10))


def _head(upstream: Upstream, path: str, *fields: str, method: str = "POST") -> bytes:
    host = f"127.0.0.1:{upstream.port}"
    return "\r\n".join([f"{method} http://{host}{path} HTTP/1.1", f"Host: {host}", *fields, "", ""]).encode()


def _ended_once(running: RunningEngine, house: House, exchanges: int = 1) -> None:
    assert running.quiet()
    assert house.count("requestheaders") == exchanges
    for flow_id in {owner for name, owner in house.hooks if name == "requestheaders"}:
        names = house.names(flow_id)
        assert names.count("clyra_done") == 1
        assert names[-1] == "clyra_done"
        assert names.count("error") + names.count("response") + names.count("clyra_refused") <= 2


LEAVING = {
    "in the request body": ("/x", b"half", 1000),
    "before the answer": ("/slow?seconds=3", b"{}", 2),
    "in the answer": ("/sse?events=100&gap=0.05", b"{}", 2),
}


@pytest.mark.parametrize("gates", [False, True])
@pytest.mark.parametrize("moment", LEAVING)
def test_the_client_leaves(moment: str, gates: bool, engine: Start, house: House, upstream: Upstream) -> None:
    path, body, length = LEAVING[moment]
    if gates:
        house.request_gate = house.response_gate = CountingGate
    running = engine(house)
    with _client(running) as client:
        client.send(_head(upstream, path, f"Content-Length: {length}") + body)
        time.sleep(0.3)
    _ended_once(running, house)
    assert house.count("error") == 1
    assert house.exchanges[0].error


@pytest.mark.parametrize("hook", ["requestheaders", "clyra_release", "responseheaders", "response"])
def test_the_client_leaves_while_a_hook_is_pending(hook: str, engine: Start, house: House, upstream: Upstream) -> None:
    async def waits(_: Any) -> None:
        await asyncio.sleep(0.5)

    house.at[hook] = waits
    running = engine(house)
    with _client(running) as client:
        client.send(_head(upstream, "/x", "Content-Length: 2") + b"{}")
        time.sleep(0.2)
    _ended_once(running, house)
    if hook in ("requestheaders", "clyra_release"):
        assert not upstream.journal.messages


def test_what_a_client_sent_before_it_left_asks_for_no_second_release(
    engine: Start, house: House, upstream: Upstream
) -> None:
    async def waits(_: Any) -> None:
        await asyncio.sleep(0.4)

    house.at["clyra_release"] = waits
    running = engine(house)
    with _client(running) as client:
        client.send(_head(upstream, "/x", "Content-Length: 1000"))
        for _ in range(5):
            client.send(b"part")
            time.sleep(0.02)
    _ended_once(running, house)
    assert house.count("clyra_release") == 1
    assert not upstream.journal.connections


DEATHS = {
    "before its answer": Reply(body=(Die("close"),), raw=b"", framing="chunked"),
    "in its answer": Reply(body=(b"x" * 100, Pause(0.05), Die("reset")), framing="chunked"),
    "with nonsense": Reply(raw=b"this is not HTTP\r\n\r\n"),
    "with two lengths": Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "with a coded transfer": Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "with an endless head": Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
    "at once": Reply(raw=b""),
}


@pytest.mark.parametrize("how", DEATHS)
def test_the_upstream_fails(how: str, engine: Start, house: House, upstream: Upstream) -> None:
    upstream.routes["/dies"] = DEATHS[how]
    running = engine(house)
    with _client(running) as client:
        client.send(_head(upstream, "/dies", "Content-Length: 2") + b"{}")
        if how == "at once":
            upstream.journal.wait_for(lambda: upstream.journal.complete("/dies"))
            client.socket.settimeout(1)
        answer = client.read()
    assert not answer.complete or answer.status == 502 or how == "at once"
    _ended_once(running, house)


def test_an_early_answer_while_the_upload_goes_on(engine: Start, house: House, upstream: Upstream) -> None:
    for gone in (False, True):
        upstream.routes["/early"] = Reply(
            status=413, read_first=False, read_after=not gone, close_after=gone, body=(b"no",)
        )
        running = engine(house)
        with _client(running) as client:
            client.send(_head(upstream, "/early", "Content-Length: 300000") + b"x" * 100_000)
            answer = client.read()
            assert (answer.status, answer.body, answer.complete) == (413, b"no", True)
            time.sleep(0.1)
            client.send(b"x" * 200_000)
            if gone:
                assert (answer.header("connection"), client.rest()) == ("close", b"")
            else:
                client.send(_head(upstream, "/json", method="GET"))
                assert client.read().status == 200
        assert running.quiet()
        assert house.count("clyra_done") == house.count("requestheaders")


def test_http2_streams_end_on_their_own(engine: Start, house: House, upstream: Upstream, tls: Any) -> None:
    running = engine(house)
    with Http2Client(dial(("localhost", upstream.tls_port), proxy=running.address, tls=tls("h2"))) as client:
        stalled = client.open("GET", "/stall", "localhost")
        uploading = client.open("POST", "/up", "localhost", end=False)
        client.data(uploading, b"x" * 1000, end=False)
        assert client.request("GET", "/json", "localhost").status == 200
        client.reset(stalled)
        assert client.request("GET", "/json", "localhost").status == 200
    _ended_once(running, house, 4)
    assert house.count("error") == 2


def test_drain_lets_exchanges_finish(engine: Start, house: House, upstream: Upstream) -> None:
    running = engine(house)
    answers: list[Any] = []
    with _client(running) as client, _client(running):
        upstream.routes["/late"] = lambda _: time.sleep(0.8) or Reply(body=(b"{}",))
        client.send(_head(upstream, "/late", method="GET"))
        upstream.journal.wait_for(lambda: upstream.journal.messages)
        reader = threading.Thread(target=lambda: answers.append(client.read()))
        reader.start()
        assert running.master.active_exchanges() == 1
        assert running.call(running.master.drain(5)) == 0
        reader.join(5)
    (answer,) = answers
    assert answer.complete
    assert answer.header("connection") == "close"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(running.address, 1)


def test_drain_cuts_what_does_not_end(engine: Start, house: House, upstream: Upstream) -> None:
    running = engine(house)
    with _client(running) as client:
        client.send(_head(upstream, "/stall", method="GET"))
        upstream.journal.wait_for(lambda: upstream.journal.messages)
        assert running.call(running.master.drain(0.3)) == 1
        assert not client.read().complete
    _ended_once(running, house)
    assert running.master.active_connections() == 0


def test_a_port_in_use_is_one_clear_error(confdir: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StartupError, match=f"127.0.0.1:{port}"):
        RunningEngine(confdir, [], listener=Listener(port=port)).__enter__()


def test_workers_share_a_port(confdir: Path, engine: Start) -> None:
    first = engine(reuse_port=True)
    port = first.address[1]
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    with probe:
        probe.bind(("127.0.0.1", port))
