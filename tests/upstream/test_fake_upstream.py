"""The fake upstream is a witness: these tests cross-examine it with independent clients and raw bytes."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.support.certificates import Authority
from tests.support.processes import run
from tests.support.raw import Http1Client, Http2Client, dial
from tests.support.replies import Die, Pause, Reply, compress, json_reply
from tests.support.upstream import Upstream


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def upstream(authority: Authority) -> Iterator[Upstream]:
    with Upstream(authority.leaf()) as server:
        yield server


def http2(upstream: Upstream, authority: Authority) -> Http2Client:
    connection = dial(("127.0.0.1", upstream.tls_port), tls=authority.client_context(("h2",)), server_name="localhost")
    return Http2Client(connection)


@pytest.mark.parametrize(
    ("wire", "complete", "framing", "body"),
    [
        (b"Content-Length: 5\r\n\r\nhello", True, "length", b"hello"),
        (b"Content-Length: 5\r\n\r\nhell", False, "length", b"hell"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", True, "chunked", b"hello"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n", False, "chunked", b"hello"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: 1\r\n", False, "chunked", b"hello"),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False, "invalid", b""),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", False, "invalid", b""),
        (b"\r\n", True, "none", b""),
    ],
)
@pytest.mark.parametrize("piece", [0, 1])
def test_a_message_is_complete_only_when_its_framing_says_so(
    upstream: Upstream, wire: bytes, complete: bool, framing: str, body: bytes, piece: int
) -> None:
    with Http1Client(dial(("127.0.0.1", upstream.port))) as client:
        with contextlib.suppress(ConnectionError):  # the server may hang up while the rest is being sent
            client.send(b"POST /rows HTTP/1.1\r\nHost: u\r\n" + wire, piece)
        if complete:
            assert client.read().status == 200
    assert upstream.journal.wait_for(lambda: upstream.journal.connections and upstream.journal.connections[0].ended)
    (message,) = upstream.journal.requests("/rows")
    assert (message.complete, message.framing, bytes(message.body)) == (complete, framing, body)
    assert message.sha256 == hashlib.sha256(body).hexdigest()
    assert bool(message.failure) is not complete
    if framing != "invalid":
        assert bytes(upstream.journal.connections[0].raw).endswith(wire)


def test_pipelined_requests_are_answered_in_order(upstream: Upstream) -> None:
    one = b"GET /json?size=%d HTTP/1.1\r\nHost: u\r\n\r\n"
    with Http1Client(dial(("127.0.0.1", upstream.port))) as client:
        client.send(one % 100 + one % 200)
        assert [len(client.read().body) for _ in range(2)] == [100, 200]


def test_http2_stream_without_end_is_incomplete(upstream: Upstream, authority: Authority) -> None:
    with http2(upstream, authority) as client:
        whole = client.request("POST", "/rows", "localhost", b"x" * 100_000)
        assert (whole.status, whole.complete) == (200, True)
        stream = client.open("POST", "/cut", "localhost", end=False)
        client.data(stream, b"[1,2", end=False)
        client.reset(stream)
        assert upstream.journal.wait_for(lambda: upstream.journal.requests("/cut"))
        assert upstream.journal.settled()
    assert upstream.journal.requests("/rows")[0].received == 100_000
    assert upstream.journal.requests("/cut")[0].failure == "RST_STREAM 8"
    assert upstream.journal.connections[-1].sni == "localhost"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_codings_are_real(upstream: Upstream, authority: Authority, coding: str) -> None:
    answer = httpx.get(f"{upstream.tls_url}/coded/{coding}", verify=authority.client_context())
    assert answer.headers["content-encoding"] == coding
    assert answer.json() == {"fill": "x" * 4096}
    sent = compress(b'{"a":1}', coding)
    httpx.post(f"{upstream.url}/rows", content=sent, headers={"content-encoding": coding})
    assert upstream.journal.requests("/rows")[0].sha256 == hashlib.sha256(sent).hexdigest()


@pytest.mark.parametrize("how", ["close", "reset"])
def test_it_can_die_in_mid_body(upstream: Upstream, how: str) -> None:
    upstream.routes["/half"] = Reply(body=(b"x" * 10, Pause(0.05), Die(how)), headers=(("content-length", "20"),))
    with Http1Client(dial(("127.0.0.1", upstream.port))) as client:
        answer = client.request("GET", "/half", "u")
    assert (answer.status, answer.body, answer.complete) == (200, b"x" * 10, False)


def test_the_same_deaths_over_http2(upstream: Upstream, authority: Authority) -> None:
    upstream.routes["/half"] = Reply(body=(b"x" * 10, Die("stream")))
    upstream.routes["/gone"] = Reply(body=(b"x" * 10, Pause(0.05), Die("reset")))
    with http2(upstream, authority) as client:
        half = client.request("GET", "/half", "localhost")
        assert (half.body, half.complete, half.reset) == (b"x" * 10, False, 2)
        assert not client.request("GET", "/gone", "localhost").complete


def test_early_answers_hints_trailers_and_bodiless_statuses(upstream: Upstream, authority: Authority) -> None:
    with Http1Client(dial(("127.0.0.1", upstream.port))) as client:
        client.send(b"POST /early HTTP/1.1\r\nHost: u\r\nContent-Length: 9\r\n\r\n1234")
        assert client.read().status == 413
        client.send(b"56789")
        hints = client.request("GET", "/hints", "u")
        assert (hints.informational, hints.status, hints.body) == ([103], 200, b'{"ok":true}')
        trailers = client.request("GET", "/trailers", "u")
        assert (trailers.body, trailers.trailers) == (b'{"a":1}', [("x-checksum", "abc")])
        for method, target, status in (
            ("HEAD", "/json", 200),
            ("GET", "/status/204", 204),
            ("GET", "/status/304", 304),
        ):
            answer = client.request(method, target, "u")
            assert (answer.status, answer.body, answer.complete) == (status, b"", True)
        closing = client.request("GET", "/close", "u")
        assert (closing.body, closing.complete) == (b'{"ended":"by closing"}', True)
    assert upstream.journal.complete("/early")[0].received == 9
    with http2(upstream, authority) as h2client:
        assert h2client.request("GET", "/hints", "localhost").informational == [103]
        assert h2client.request("GET", "/trailers", "localhost").trailers == [("x-checksum", "abc")]


def test_curl_agrees_about_both_protocols(upstream: Upstream, authority: Authority) -> None:
    body = json.dumps({"rows": list(range(1000))})
    for flag, version in (("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2.0")):
        command = ["curl", "-sS", flag, "--noproxy", "*", "--cacert", authority.certificate, "--data-binary", body]
        done = run([*command, f"{upstream.tls_url}/echo"], check=True)
        assert done.stdout == body
        assert upstream.journal.requests("/echo")[-1].protocol == version


async def test_websocket_echo_push_and_close(upstream: Upstream, authority: Authority) -> None:
    # The asyncio client: CPython 3.13.0 cannot read and write one TLS socket from two threads, as the other one does.
    async with connect(f"ws://127.0.0.1:{upstream.port}/ws/echo", proxy=None) as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
        await socket.send(b"\x00" * 70_000)
        assert await socket.recv() == b"\x00" * 70_000
    assert upstream.journal.wait_for(lambda: upstream.journal.complete("/ws/echo"))
    assert [kind for kind, _ in upstream.journal.requests("/ws/echo")[0].frames] == ["text", "binary"]
    tls = authority.client_context()
    async with connect(f"wss://localhost:{upstream.tls_port}/ws/push?count=3", ssl=tls, proxy=None) as socket:
        assert [str(await socket.recv())[:8] for _ in range(3)] == ["00000000", "00000001", "00000002"]
    async with connect(f"wss://localhost:{upstream.tls_port}/ws/close?code=4001", ssl=tls, proxy=None) as socket:
        await socket.send("go away")
        await socket.wait_closed()
        assert socket.close_code == 4001


def test_events_arrive_one_by_one(upstream: Upstream) -> None:
    seen: list[str] = []
    upstream.routes["/drip"] = Reply(
        headers=(("content-type", "text/event-stream"),), body=(b"data: 1\n\n", Pause(0.2), Die("close"))
    )
    with httpx.stream("GET", f"{upstream.url}/sse?events=3", trust_env=False) as answer:
        seen += [line for line in answer.iter_lines() if line.startswith("data")]
    assert seen == [f'data: {{"number":{number}}}' for number in range(3)]


def test_refused_handshakes_are_on_record(upstream: Upstream, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    with pytest.raises(httpx.ConnectError):
        httpx.get(upstream.tls_url, verify=stranger.client_context(), trust_env=False)
    assert upstream.journal.wait_for(lambda: any(c.ended for c in upstream.journal.connections))
    assert upstream.journal.messages == []


def test_the_journal_is_served(upstream: Upstream) -> None:
    upstream.routes["/rows"] = lambda message: json_reply(b"{}", status=201)
    assert httpx.post(f"{upstream.url}/rows", content=b"[1]", trust_env=False).status_code == 201
    served = httpx.get(f"{upstream.url}/__journal", trust_env=False).json()
    assert served["messages"][0]["sha256"] == hashlib.sha256(b"[1]").hexdigest()
    assert served["messages"][0]["complete"] is True
