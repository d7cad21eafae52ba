"""What is denied on its way is stopped wherever it is: waiting for a hook, dialling, sending, receiving, held up."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

import pytest
from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow

from clyra_proxy.engine.client import state_of
from clyra_proxy.engine.hooks import Dial
from tests.engine.harness import House, RunningEngine, denial
from tests.support.raw import Http1Client
from tests.support.upstream import Upstream

type Start = Callable[..., RunningEngine]


class Stopper:
    """The addon that denies everything under way when it is asked."""

    def clyra_recheck(self, client: Client) -> None:
        for flow in state_of(client).flows.values():
            flow.metadata["clyra"].denial = denial(503)


def _cut(running: RunningEngine) -> int:
    async def work() -> int:
        return running.master.cut_denied()

    return running.call(work())


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _begun(running: RunningEngine, upstream: Upstream, path: str, *fields: str, method: str = "GET") -> Http1Client:
    client = Http1Client(socket.create_connection(running.address, 60))
    host = f"127.0.0.1:{upstream.port}"
    lines = [f"{method} http://{host}{path} HTTP/1.1", f"Host: {host}", *fields, "", ""]
    client.send("\r\n".join(lines).encode())
    return client


async def _for_ever(_: object) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("hook", ["requestheaders", "request", "clyra_release", "responseheaders", "response"])
def test_a_hook_that_waits_is_waited_for_no_longer(hook: str, engine: Start, house: House, upstream: Upstream) -> None:
    house.at[hook] = _for_ever
    running = engine(house, Stopper(), hook_timeout_s=600.0)
    with _begun(running, upstream, "/json") as client:
        _until(lambda: house.count(hook))
        assert _cut(running) == 1
        answer = client.read()
    if hook != "response":  # then all of it had been sent
        assert answer.status == 503
    assert running.quiet(60)
    assert house.failures == []
    assert house.count("clyra_done") == 1
    if hook in ("requestheaders", "request", "clyra_release"):
        assert upstream.journal.messages == []


def test_what_is_dialling_sends_nothing_when_the_connection_is_there(
    engine: Start, house: House, upstream: Upstream
) -> None:
    go_on: list[asyncio.Event] = []

    async def wait(dial: Dial) -> None:
        go_on.append(asyncio.Event())
        await go_on[0].wait()
        dial.approve(*dial.addresses)

    house.at["clyra_dial"] = wait  # type: ignore[assignment]
    running = engine(house, Stopper(), hook_timeout_s=600.0)
    with _begun(running, upstream, "/json") as client:
        _until(lambda: go_on)
        assert _cut(running) == 1
        running.loop.call_soon_threadsafe(go_on[0].set)
        assert client.read().status in (0, 503)  # answered, or cut because it did not end in a moment
    assert running.quiet(60)
    assert upstream.journal.messages == []


@pytest.mark.parametrize("path", ["/stall?after=10", "/slow?seconds=600", "/sse?events=10000&gap=0.05"])
def test_an_answer_on_its_way_is_cut(path: str, engine: Start, house: House, upstream: Upstream) -> None:
    running = engine(house, Stopper())
    with _begun(running, upstream, path) as client:
        _until(lambda: upstream.journal.messages)
        if not path.startswith("/slow"):
            _until(lambda: house.count("responseheaders"))
        assert _cut(running) == 1
        assert not client.read().complete or path.startswith("/slow")
    assert running.quiet(60)


def test_an_upload_is_cut_and_answered(engine: Start, house: House, upstream: Upstream) -> None:
    running = engine(house, Stopper())
    with _begun(running, upstream, "/up", "Content-Length: 1000", method="POST") as client:
        client.send(b"x" * 10)
        _until(lambda: upstream.journal.requests("/up"))
        assert _cut(running) == 1
        assert client.read("POST").status == 503
    assert running.quiet(60)
    _until(lambda: upstream.journal.requests("/up")[0].failure)


def test_what_is_over_or_denied_already_is_not_counted(engine: Start, house: House, upstream: Upstream) -> None:
    running = engine(house, Stopper())
    with _begun(running, upstream, "/json") as client:
        assert client.read().status == 200
        assert running.quiet(60)
        assert _cut(running) == 0
        client.send(f"GET http://127.0.0.1:{upstream.port}/json HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.read().status == 200


def test_what_does_not_end_by_itself_costs_its_connection(engine: Start, house: House, upstream: Upstream) -> None:
    """A hook that will not be cancelled cannot keep an exchange alive."""

    async def stubborn(_: HTTPFlow) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.sleep(5)
                return

    house.at["request"] = stubborn
    running = engine(house, Stopper(), hook_timeout_s=600.0)
    with _begun(running, upstream, "/json") as client:
        _until(lambda: house.count("request"))
        assert _cut(running) == 1
        assert client.rest() == b"" or b" 503 " in client.rest()
    assert upstream.journal.messages == []
