"""HTTP/2, WebSocket and slow clients on the running proxy."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect

from tests.support.asking import ours
from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy
from tests.support.raw import Http1Client, dial
from tests.support.raw_http2 import Http2Client
from tests.support.replies import Reply, Step, WaitUntil
from tests.support.upstream import Upstream

BAD = b'[{"id":1,"id":2}]'


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    """A proxy that gives a client one second for a request head."""
    policy = local_policy(authority, listen={"header_timeout_seconds": 1})
    with RunningProxy.start(tmp_path_factory.mktemp("impatient"), policy) as running:
        yield running


def test_http2_streams_of_one_tunnel_are_judged_one_by_one(proxy: RunningProxy, upstream: Upstream) -> None:
    authority = f"localhost:{upstream.tls_port}"
    media = [("content-type", "application/json")]
    tunnel = dial(("localhost", upstream.tls_port), proxy=proxy.address, tls=proxy.trust(("h2",)))
    with Http2Client(tunnel) as client:
        streams = [client.open("POST", f"/orders/{n}", authority, media, end=False) for n in range(4)]
        for number, stream in enumerate(streams):
            client.data(stream, BAD if number == 2 else b'[{"id":%d}]' % number)
        answers = [client.answer(stream) for stream in streams]
    assert [answer.status for answer in answers] == [200, 200, 422, 200]
    assert json.loads(answers[2].body)["rule"] == "json.duplicate_key"
    assert sorted(message.path for message in upstream.journal.messages if message.complete) == [
        "/orders/0",
        "/orders/1",
        "/orders/3",
    ]
    lines = proxy.wait_for_verdicts(4, where=lambda line: line["dst_endpoint"]["port"] == upstream.tls_port)
    assert {line["http_request"]["version"] for line in lines[-4:]} == {"HTTP/2.0"}


def test_events_arrive_one_by_one_over_http2(proxy: RunningProxy, upstream: Upstream) -> None:
    """The upstream sends the next event only when the client has the one before."""
    seen: list[bytes] = []
    body: list[Step] = []
    for number in range(4):
        body += [b"data: %d\n\n" % number, WaitUntil(lambda wanted=number: len(seen) > wanted)]  # type: ignore[misc]
    upstream.routes["/events2"] = Reply(headers=(("content-type", "text/event-stream"),), body=body, framing="chunked")
    tunnel = dial(("localhost", upstream.tls_port), proxy=proxy.address, tls=proxy.trust(("h2",)))
    with Http2Client(tunnel) as client:
        stream = client.open("GET", "/events2", f"localhost:{upstream.tls_port}")
        client.answer(stream, watch=lambda answer: seen.__setitem__(slice(None), answer.body.split(b"\n\n")[:-1]))
    assert seen == [b"data: %d" % number for number in range(4)]


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_websocket_session_is_one_exchange(proxy: RunningProxy, upstream: Upstream, compression: str | None) -> None:
    """Messages of both kinds and many sizes pass unchanged; one verdict at the end says what was seen of them."""
    messages: list[str | bytes] = ["", "text", b"\x00binary", "x" * 100_000, b"y" * 70_000]
    url = f"wss://localhost:{upstream.tls_port}/ws/echo"

    async def talk() -> None:
        async with (
            asyncio.timeout(60),
            connect(url, proxy=proxy.url, ssl=proxy.trust(), compression=compression) as client,
        ):
            for message in messages:
                await client.send(message)
                assert await client.recv() == message

    asyncio.run(talk())
    (seen,) = upstream.journal.messages
    assert [payload for _, payload in seen.frames] == [m.encode() if isinstance(m, str) else m for m in messages]
    (line,) = proxy.wait_for_verdicts(
        1, where=lambda line: ours(line)["websocket"] and line["dst_endpoint"]["port"] == upstream.tls_port
    )[-1:]
    total = sum(len(payload) for _, payload in seen.frames)
    assert ours(line)["request_body"]["released"] == ours(line)["response_body"]["released"] == total


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET http://localhost/ HTTP/1.1\r\nHost: lo", b"CONNECT localhost:443 HT", b"\x16\x03\x01\x02"],
    ids=["nothing", "half a head", "half a CONNECT", "half a handshake"],
)
def test_a_client_that_never_finishes_its_head_is_let_go(impatient: RunningProxy, begun: bytes) -> None:
    with Http1Client(socket.create_connection(impatient.address, 20)) as client:
        client.send(begun)
        assert b" 200 " not in client.rest()  # ends by itself, long before the socket's own limit


def test_a_client_that_stalls_inside_a_tunnel_is_let_go(impatient: RunningProxy, upstream: Upstream) -> None:
    with Http1Client(dial(("localhost", upstream.tls_port), proxy=impatient.address, tls=impatient.trust())) as client:
        client.send(b"GET /half HTTP/1.1\r\nHost: localhost:")
        assert b" 200 " not in client.rest()
    assert not upstream.journal.messages


def test_a_slow_body_is_not_a_slow_head(impatient: RunningProxy, upstream: Upstream) -> None:
    """The limit is on heads: an exchange may take its time."""
    with Http1Client(socket.create_connection(impatient.address, 20)) as client:
        answer = client.request("GET", f"{upstream.url}/slow?seconds=2", f"127.0.0.1:{upstream.port}")
    assert answer.status == 200
