"""How clients of every protocol are told that a proxy is leaving, and that none loses a request it had begun."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy
from tests.support.raw import Http2Client, dial
from tests.support.upstream import Upstream


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def secure(authority: Authority) -> Iterator[Upstream]:
    with Upstream(authority.leaf()) as running:
        yield running


def tunnel(proxy: RunningProxy, upstream: Upstream) -> Http2Client:
    return Http2Client(dial(("localhost", upstream.tls_port), proxy=proxy.address, tls=proxy.trust(("h2",))))


def test_an_idle_http2_client_gets_goaway(
    start: Callable[..., RunningProxy], authority: Authority, secure: Upstream
) -> None:
    proxy = start(local_policy(authority), workers=1)
    with tunnel(proxy, secure) as client:
        assert client.request("GET", "/json", "localhost").status == 200
        proxy.process.process.send_signal(signal.SIGTERM)
        while client._receive():
            pass
        assert (client.goaway, client.ended) == (0, "eof")
    assert proxy.process.process.wait(20) == 0


def test_an_http2_request_in_flight_finishes_before_goaway(
    start: Callable[..., RunningProxy], authority: Authority, secure: Upstream
) -> None:
    proxy = start(local_policy(authority), workers=1)
    with tunnel(proxy, secure) as client:
        stream = client.open("GET", "/slow?seconds=2", "localhost")
        assert secure.journal.wait_for(lambda: secure.journal.requests("/slow"))
        proxy.process.process.send_signal(signal.SIGTERM)
        answer = client.answer(stream)
        assert (answer.status, answer.complete) == (200, True)
        while client._receive():
            pass
        assert (client.goaway, client.ended) == (0, "eof")
    assert proxy.process.process.wait(20) == 0


class BusyHttp2:
    """A client that always has one request under way and obeys GOAWAY: what was not served is asked again."""

    def __init__(self, proxy: RunningProxy, upstream: Upstream) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._proxy, self._upstream = proxy, upstream
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go_on(self, requests: int) -> None:
        wanted, deadline = self.answered + requests, time.monotonic() + 30
        while self.answered < wanted:
            assert time.monotonic() < deadline, self.failures[:5]
            time.sleep(0.01)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.is_set():
            with tunnel(self._proxy, self._upstream) as client:
                while not self._stop.is_set() and client.goaway is None and not client.ended:
                    answer = client.request("POST", "/rows", "localhost", b'{"id": 1}')
                    if answer.complete and answer.status == 200:
                        self.answered += 1
                    elif client.goaway is None:
                        self.failures.append(f"status {answer.status}, {client.ended or answer.reset}, no GOAWAY")


@pytest.mark.comprehensive
def test_a_rolling_restart_loses_and_repeats_nothing_over_http2(
    start: Callable[..., RunningProxy], authority: Authority, secure: Upstream
) -> None:
    proxy = start(local_policy(authority), workers=2)
    clients = [BusyHttp2(proxy, secure) for _ in range(4)]
    for client in clients:
        client.go_on(10)
    proxy.clyra("proxy", "restart", check=True, seconds=90)
    for client in clients:
        client.go_on(10)
    for client in clients:
        client.stop()
    assert [failure for client in clients for failure in client.failures] == []
    assert len(secure.journal.complete("/rows")) == sum(client.answered for client in clients)


async def test_a_websocket_session_may_go_on_and_is_then_closed_with_1001(
    start: Callable[..., RunningProxy], upstream: Upstream
) -> None:
    proxy = await asyncio.to_thread(start, local_policy(listen={"drain_seconds": 4.0}), workers=1)
    url = f"ws://127.0.0.1:{upstream.port}/ws/echo"
    async with websockets.connect(url, proxy=proxy.url, open_timeout=20) as session:
        await session.send("before")
        assert await session.recv() == "before"
        proxy.process.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(1.0)
        await session.send("while draining")
        assert await session.recv() == "while draining"
        with pytest.raises(ConnectionClosed) as closed:
            await session.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
    assert await asyncio.to_thread(proxy.process.process.wait, 20) == 0


def test_an_unread_tunnel_is_cut_at_the_bound_and_nothing_else_suffers(
    start: Callable[..., RunningProxy], authority: Authority, secure: Upstream
) -> None:
    policy = local_policy(authority, listen={"drain_seconds": 2.0}, destinations={"local": {"tls": "passthrough"}})
    proxy = start(policy, workers=1)
    trust = authority.client_context(("http/1.1",))
    with dial(("localhost", secure.tls_port), proxy=proxy.address, tls=trust) as opaque:
        proxy.process.process.send_signal(signal.SIGTERM)
        opaque.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            assert opaque.recv(1) == b""
    assert proxy.process.process.wait(20) == 0
    assert "Traceback" not in proxy.process.output()
