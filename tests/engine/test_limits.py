"""Bounds: slow heads, large heads, refused uploads that go on, slow readers, answers for old clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived

from clyra_proxy.engine.client import state_of
from clyra_proxy.engine.http2 import WINDOW
from clyra_proxy.verdict.model import Mode
from tests.engine.harness import REFUSED_BODY, CountingGate, House, RunningEngine, denial
from tests.support.certificates import Leaf
from tests.support.raw import Http1Client, Http2Client, dial
from tests.support.replies import Pause, Reply, WaitUntil, split
from tests.support.upstream import Upstream

type Start = Callable[..., RunningEngine]
SOON = 5.0


def _client(running: RunningEngine) -> Http1Client:
    return Http1Client(socket.create_connection(running.address, SOON))


def _head(upstream: Upstream, path: str, *fields: str, method: str = "POST", version: str = "HTTP/1.1") -> bytes:
    host = f"127.0.0.1:{upstream.port}"
    return "\r\n".join([f"{method} http://{host}{path} {version}", f"Host: {host}", *fields, "", ""]).encode()


# -- heads -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first", [b"", b"GET http://a", b"GET http://a/ HTTP/1.1\r\nX: y\r\n", b"\x16\x03\x01\x02\x00\x01"]
)
def test_a_head_that_does_not_come_costs_the_connection(first: bytes, engine: Start) -> None:
    with _client(engine(header_timeout_s=0.3)) as client:
        client.send(first)
        assert client.rest() == b""


def test_a_head_that_trickles_gets_no_more_time(engine: Start) -> None:
    with _client(engine(header_timeout_s=0.4)) as client:
        started = time.monotonic()
        try:
            for byte in b"GET http://a/ HTTP/1.1\r\n" + b"X-Slow: 1\r\n" * 50:
                client.send(bytes([byte]))
                time.sleep(0.05)
        except OSError:
            pass
        assert time.monotonic() - started < SOON


def test_slow_heads_inside_a_tunnel(engine: Start, upstream: Upstream, tls: Any) -> None:
    running = engine(header_timeout_s=0.5)
    connection = dial(("localhost", upstream.tls_port), proxy=running.address, tls=tls("http/1.1"))
    with Http1Client(connection) as client:
        time.sleep(0.8)  # Idle after the handshake is no crime.
        assert client.request("GET", "/json", "localhost").status == 200
        time.sleep(0.8)  # Nor between requests.
        client.send(b"GET /json HT")
        assert client.rest() == b""


def test_a_slow_body_is_not_a_slow_head(engine: Start, upstream: Upstream) -> None:
    with _client(engine(header_timeout_s=0.4)) as client:
        client.send(_head(upstream, "/echo", "Content-Length: 4"))
        for byte in b"slow":
            time.sleep(0.2)
            client.send(bytes([byte]))
        assert client.read().body == b"slow"


def test_a_head_too_large(engine: Start, house: House) -> None:
    with _client(engine(house)) as client:
        client.send(b"GET http://a/ HTTP/1.1\r\n" + b"X-Fill: " + b"x" * 70_000)
        assert client.read().status == 431
    assert not house.hooks


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 3", "Content-Length: 4"),
        ("Content-Length: 3, 3",),
        ("Content-Length: +3",),
        ("Content-Length: 3", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("X-Fold: a\r\n b",),
        ("X-Null: a\0b",),
        ("X-Return: a\rb",),
        ("Host: other",),
    ],
)
def test_ambiguous_framing_is_refused_and_what_follows_is_not_read(
    fields: tuple[str, ...], engine: Start, house: House, upstream: Upstream
) -> None:
    running = engine(house)
    with _client(running) as client:
        client.send(_head(upstream, "/x", *fields) + b"abc" + _head(upstream, "/smuggled", method="GET"))
        assert client.read().status == 400
        assert client.rest() == b""
    assert running.quiet()
    assert not upstream.journal.connections
    assert [house.count(name) for name in ("requestheaders", "error", "clyra_done")] == [1, 1, 1]


# -- refused uploads ---------------------------------------------------------------------------------------------------


def test_a_refused_upload_is_read_off_for_a_while_then_cut(engine: Start, house: House, upstream: Upstream) -> None:
    house.request_gate = lambda: CountingGate(0)
    running = engine(house, drain_bytes=200_000)
    with _client(running) as client:
        client.send(_head(upstream, "/x", "Content-Length: 50000000"))
        sent = 0
        try:
            while sent < 50_000_000:
                client.send(b"x" * 50_000)
                sent += 50_000
        except OSError:
            pass
        assert sent < 20_000_000
    assert running.quiet()
    assert house.count("clyra_done") == 1


def test_a_refused_upload_that_stalls_is_cut(engine: Start, house: House, upstream: Upstream) -> None:
    house.request_gate = lambda: CountingGate(0)
    running = engine(house, drain_s=0.3)
    with _client(running) as client:
        client.send(_head(upstream, "/x", "Content-Length: 1000") + b"x")
        answer = client.read()
        assert (answer.status, answer.header("connection"), answer.body) == (422, "close", REFUSED_BODY)
        assert client.rest() == b""
    assert running.quiet()


def test_a_request_pipelined_behind_a_refused_one_is_not_read(engine: Start, house: House, upstream: Upstream) -> None:
    house.request_gate = lambda: CountingGate(2)
    running = engine(house)
    with _client(running) as client:
        body = b'{"bad":1}' + _head(upstream, "/in-body", method="GET")
        client.send(
            _head(upstream, "/x", f"Content-Length: {len(body)}") + body + _head(upstream, "/next", method="GET")
        )
        assert client.read().status == 422
        assert client.rest() == b""
    assert running.quiet()
    assert not upstream.journal.messages
    assert house.count("requestheaders") == 1


def test_a_denied_expectation_gets_the_final_status(engine: Start, house: House, upstream: Upstream) -> None:
    house.deny_head = denial(403)
    with _client(engine(house)) as client:
        client.send(_head(upstream, "/x", "Content-Length: 1000", "Expect: 100-continue"))
        answer = client.read()
    assert (answer.status, answer.informational) == (403, [])


def test_a_denied_request_without_body_keeps_the_connection(engine: Start, house: House, upstream: Upstream) -> None:
    house.deny_head = denial(403)
    with _client(engine(house)) as client:
        for _ in range(3):
            client.send(_head(upstream, "/x", method="GET"))
            assert client.read().status == 403
        client.send(_head(upstream, "/x", method="HEAD"))
        assert client.read("HEAD").header("content-length") == str(len(REFUSED_BODY))


# -- backpressure ------------------------------------------------------------------------------------------------------


def _push(send: Callable[[bytes], None], total: int) -> int:
    """Bytes taken before the peer stopped reading."""
    sent = 0
    try:
        while sent < total:
            send(b"x" * 65_536)
            sent += 65_536
    except TimeoutError:
        pass
    return sent


@pytest.mark.parametrize("gate", [None, CountingGate])
def test_a_slow_upstream_stops_an_http1_client(gate: Any, engine: Start, house: House, upstream: Upstream) -> None:
    released: list[bool] = []
    upstream.routes["/slow"] = Reply(read_first=False, read_after=False, body=(WaitUntil(lambda: released),))
    house.request_gate = gate
    with _client(engine(house)) as client:
        client.socket.settimeout(1)
        client.send(_head(upstream, "/slow", "Content-Length: 400000000"))
        sent = _push(client.send, 400_000_000)
        released.append(True)
    assert sent < 40_000_000  # Socket buffers of both connections, nothing more.


@pytest.mark.parametrize("where", ["clyra_release", "clyra_dial"])
def test_a_pending_hook_stops_an_http1_client(where: str, engine: Start, house: House, upstream: Upstream) -> None:
    async def waits(_: Any) -> None:
        await asyncio.sleep(3)

    house.at[where] = waits
    with _client(engine(house)) as client:
        client.socket.settimeout(1)
        client.send(_head(upstream, "/x", "Content-Length: 400000000"))
        assert _push(client.send, 400_000_000) < 20_000_000


def test_an_http2_upload_is_held_by_its_window(engine: Start, house: House, upstream_authority: Any, tls: Any) -> None:
    released: list[bool] = []
    with Upstream(upstream_authority.leaf(), alpn=("http/1.1",)) as upstream:
        upstream.routes["/slow"] = Reply(read_first=False, read_after=False, body=(WaitUntil(lambda: released),))
        running = engine(house)
        with Http2Client(dial(("localhost", upstream.tls_port), proxy=running.address, tls=tls("h2"))) as client:
            client.socket.settimeout(1)
            slow = client.open("POST", "/slow", "localhost", end=False)
            client.data(slow, b"x" * 3_000_000, end=False)
            assert client.h2.local_flow_control_window(slow) <= 0
            client.ended = ""
            client.socket.settimeout(SOON)
            assert client.request("GET", "/json", "localhost").status == 200  # Other streams are not held.
        released.append(True)


class Stingy:
    """An HTTP/2 server that reads everything and never gives a stream its window back."""

    def __init__(self, leaf: Leaf) -> None:
        self._context = leaf.server_context(("h2",))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.received = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        accepted, _ = self._listener.accept()
        speaker = H2Connection(H2Configuration(client_side=False))
        speaker.initiate_connection()
        with contextlib.suppress(OSError), self._context.wrap_socket(accepted, server_side=True) as secure:
            secure.sendall(speaker.data_to_send())
            while data := secure.recv(65536):
                for event in speaker.receive_data(data):
                    self.received += len(event.data) if isinstance(event, DataReceived) else 0
                secure.sendall(speaker.data_to_send())


def test_an_http2_upload_is_held_by_the_upstreams_window(
    engine: Start, house: House, upstream_authority: Any, tls: Any
) -> None:
    stingy = Stingy(upstream_authority.leaf())
    running = engine(house)
    with Http2Client(dial(("localhost", stingy.port), proxy=running.address, tls=tls("h2"))) as client:
        client.socket.settimeout(1)
        stream = client.open("POST", "/slow", "localhost", end=False)
        client.data(stream, b"x" * 3_000_000, end=False)
        taken = client.h2.streams[stream].outbound_flow_control_window
        assert taken <= 0
    assert stingy.received <= 65_535
    assert running.quiet()


class Counted:
    """A body that counts how much of it was asked for."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.pieces):
            self.taken += 1
            yield b"y" * 65_536


@pytest.mark.parametrize("gate", [None, CountingGate])
@pytest.mark.parametrize("client_kind", ["h1", "h2"])
def test_a_client_that_does_not_read_stops_the_upstream(
    client_kind: str, gate: Any, engine: Start, house: House, upstream: Upstream, tls: Any
) -> None:
    body = Counted(5000)
    upstream.routes["/much"] = Reply(body=body, framing="chunked")
    house.response_gate = gate
    running = engine(house)
    target = ("localhost", upstream.tls_port)
    if client_kind == "h1":
        with Http1Client(dial(target, proxy=running.address, tls=tls("http/1.1"))) as client:
            client.send(b"GET /much HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(1.5)
            assert body.taken < 1000
    else:
        with Http2Client(dial(target, proxy=running.address, tls=tls("h2"))) as caller:
            stream = caller.open("GET", "/much", "localhost")
            time.sleep(1.5)
            assert body.taken * 65_536 < WINDOW + 20_000_000
            assert caller.request("GET", "/json", "localhost").status == 200
            assert caller._answers[stream].status == 200
    assert running.quiet()
    assert house.count("clyra_done") == house.count("requestheaders")


# -- delivery ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [None, Mode.SHADOW, Mode.ENFORCE])
def test_events_arrive_as_they_are_sent(mode: Mode | None, engine: Start, house: House, upstream: Upstream) -> None:
    arrived: list[bytes] = []
    first, second = b"data: 1\n\n", b"data: 2\n\n"
    steps = (first, WaitUntil(lambda: arrived), second)
    upstream.routes["/events"] = Reply(headers=(("content-type", "text/event-stream"),), body=steps, framing="chunked")
    house.response_gate = (lambda: CountingGate(mode=mode)) if mode else None
    with _client(engine(house)) as client:
        client.send(_head(upstream, "/events", method="GET"))
        while not arrived:
            piece = client.socket.recv(65536)
            assert piece
            if b"data: 1" in piece:
                arrived.append(piece)
            client._buffer += piece
        assert client.read().body == first + second


@pytest.mark.parametrize("framing", ["auto", "chunked", "close"])
@pytest.mark.parametrize("refused", [True, False])
def test_http10_clients_get_whole_answers_or_none(
    framing: str, refused: bool, engine: Start, house: House, upstream: Upstream
) -> None:
    body: list[Any] = []
    for part in split(b"z" * 300_000, 50_000):
        body += [part, Pause(0.01)]
    upstream.routes["/answer"] = Reply(body=body, framing=framing)
    house.response_gate = lambda: CountingGate(refuse_at_end=refused)
    running = engine(house)
    with _client(running) as client:
        client.send(_head(upstream, "/answer", method="GET", version="HTTP/1.0"))
        answer = client.read()
    assert answer.header("transfer-encoding") is None
    if not refused:
        assert (answer.status, len(answer.body), answer.complete) == (200, 300_000, True)
    elif framing == "auto":
        assert not answer.complete
    else:
        assert (answer.status, answer.body) == (502, REFUSED_BODY)


def test_an_answer_too_large_to_collect_for_an_http10_client(engine: Start, house: House, upstream: Upstream) -> None:
    house.response_gate = CountingGate
    with _client(engine(house, http10_buffer_bytes=100_000)) as client:
        client.send(_head(upstream, "/chunked?size=500000", method="GET", version="HTTP/1.0"))
        assert client.read().status == 502


def test_an_upstream_connection_serves_many_requests_of_an_http2_client(
    engine: Start, house: House, upstream_authority: Any, tls: Any
) -> None:
    with Upstream(upstream_authority.leaf(), alpn=("http/1.1",)) as upstream:
        running = engine(house)
        with Http2Client(dial(("localhost", upstream.tls_port), proxy=running.address, tls=tls("h2"))) as client:
            for _ in range(5):
                assert client.request("POST", "/echo", "localhost", b"{}").body == b"{}"
        assert len(upstream.journal.connections) == 1


def test_tls_to_the_proxy_keeps_the_outer_certificate(
    engine: Start, house: House, upstream: Upstream, upstream_authority: Any, confdir: Any, tls: Any
) -> None:
    seen: list[Any] = []

    def look(flow: Any) -> None:
        state = state_of(flow.client_conn)
        seen.append((state.outer_certificates[0].cn, state.connect_headers["proxy-authorization"], state.notes))

    house.at["requestheaders"] = look
    running = engine(house, client_certificate=True)
    leaf = upstream_authority.leaf("agent-7", client=True)
    outer = tls()
    outer.check_hostname = False
    outer.load_cert_chain(leaf.certificate, leaf.key)
    raw = outer.wrap_socket(socket.create_connection(running.address, SOON))
    raw.sendall(
        f"CONNECT 127.0.0.1:{upstream.port} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic eA==\r\n\r\n".encode()
    )
    with Http1Client(raw) as client:
        assert client._until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        assert client.request("GET", "/json", f"127.0.0.1:{upstream.port}").status == 200
    assert seen == [("agent-7", "Basic eA==", {})]


@pytest.mark.parametrize("client_kind", ["h1", "h2"])
@pytest.mark.parametrize("server", ["h1", "h2"])
@pytest.mark.parametrize("gate", [None, CountingGate])
def test_trailers_and_early_hints_reach_the_client(
    client_kind: str, server: str, gate: Any, engine: Start, house: House, upstream_authority: Any, tls: Any
) -> None:
    def offer(data: Any) -> None:
        data.server.alpn_offers = [b"h2"] if server == "h2" else [b"http/1.1"]

    house.server_connect = offer  # type: ignore[attr-defined]
    house.response_gate = gate
    running = engine(house)
    with Upstream(upstream_authority.leaf(), alpn=("h2",) if server == "h2" else ("http/1.1",)) as upstream:
        alpn = "h2" if client_kind == "h2" else "http/1.1"
        raw = dial(("localhost", upstream.tls_port), proxy=running.address, tls=tls(alpn))
        with Http2Client(raw) if client_kind == "h2" else Http1Client(raw) as client:
            answer = client.request("GET", "/trailers", "localhost")
            assert (answer.status, answer.body, answer.complete) == (200, b'{"a":1}', True)
            assert answer.trailers == [("x-checksum", "abc")]
            answer = client.request("GET", "/hints", "localhost")
            assert (answer.status, answer.informational, answer.complete) == (200, [103], True)
    assert running.quiet()
    assert house.count("clyra_done") == 2


def test_request_trailers_go_nowhere(engine: Start, house: House, upstream: Upstream) -> None:
    with _client(engine(house)) as client:
        client.send(_head(upstream, "/echo", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\nX-Late: unseen\r\n\r\n")
        assert client.read().body == b"{}"
    (message,) = upstream.journal.messages
    assert message.complete
    assert message.trailers == []
