"""The optimised engine and stock mitmdump put the same bytes on both wires.

Every case is a script for one raw client; it runs through a real mitmdump and through our engine (no addons), against
the same recording upstream. Compared: every answer (head, fields in order, decoded body, trailers, completeness),
whether the connection was closed after, and every request the upstream received. Bodies are compared decoded, because
stock collects a chunked body and sends it as one chunk while we pass chunks as they come.

Where we differ on purpose the case says so in `differs`, and `ours` states what we do instead.
"""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import wsproto
import wsproto.events
from wsproto.connection import ConnectionType

from tests.support.certificates import Authority
from tests.support.processes import accepts, free_port
from tests.support.raw import Answer, Http1Client, Http2Client, dial
from tests.support.replies import Die, Pause, Reply, json_reply
from tests.support.upstream import Upstream

BODY = b'{"rows":[' + b'{"a":1},' * 4000 + b'{"a":2}]}'


@dataclass
class Observed:
    """What both ends saw. extra: for scripts with something of their own to report."""

    answers: list[tuple[Any, ...]] = field(default_factory=list)
    requests: list[tuple[Any, ...]] = field(default_factory=list)
    extra: list[Any] = field(default_factory=list)
    closed: bool | None = None


@dataclass
class Wire:
    """One way through: where the proxy is, where the upstream is, and what was observed."""

    proxy: tuple[str, int]
    upstream: Upstream
    tls: Callable[..., Any]
    patience: float = 10
    seen: Observed = field(default_factory=Observed)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.upstream.port}"

    def client(self) -> Http1Client:
        return Http1Client(socket.create_connection(self.proxy, self.patience))

    def head(self, method: str, path: str, *fields: str, version: str = "HTTP/1.1") -> bytes:
        lines = [f"{method} http://{self.host}{path} {version}", f"Host: {self.host}", *fields]
        return "\r\n".join([*lines, "", ""]).encode()

    def note(self, answer: Answer) -> Answer:
        kept = [(name, value) for name, value in answer.fields if name.lower() != "date"]
        digest = hashlib.sha256(answer.body).hexdigest()
        self.seen.answers.append(
            (answer.status, answer.reason, kept, digest, answer.complete, answer.trailers, answer.reset)
        )
        return answer

    def see_close(self, client: Http1Client) -> None:
        client.socket.settimeout(0.4)
        try:
            self.seen.closed = client.socket.recv(1) == b""
        except TimeoutError:
            self.seen.closed = False
        except OSError:
            self.seen.closed = True

    def tunnel(self, *alpn: str) -> socket.socket:
        return dial(("localhost", self.upstream.tls_port), proxy=self.proxy, tls=self.tls(*alpn))


def _ask(method: str, path: str, *fields: str, body: bytes = b"", version: str = "HTTP/1.1") -> Callable[[Wire], None]:
    def script(wire: Wire) -> None:
        with wire.client() as client:
            client.send(wire.head(method, path, *fields, version=version) + body)
            wire.note(client.read(method))
            wire.see_close(client)

    return script


def _post(path: str = "/x", *fields: str) -> Callable[[Wire], None]:
    return _ask("POST", path, f"Content-Length: {len(BODY)}", *fields, body=BODY)


def _chunked_post(wire: Wire) -> None:
    with wire.client() as client:
        client.send(wire.head("POST", "/echo", "Transfer-Encoding: chunked"))
        for at in range(0, len(BODY), 7000):
            part = BODY[at : at + 7000]
            client.send(b"%x\r\n%s\r\n" % (len(part), part))
        client.send(b"0\r\n\r\n")
        wire.note(client.read())
        wire.see_close(client)


def _pipelined(wire: Wire) -> None:
    with wire.client() as client:
        post = wire.head("POST", "/two", "Content-Length: 11") + b'{"two":true}'[:11]
        client.send(
            wire.head("GET", "/one") + post + wire.head("GET", "/chunked?size=9000") + wire.head("HEAD", "/four")
        )
        for method in ("GET", "POST", "GET", "HEAD"):
            wire.note(client.read(method))
        wire.see_close(client)


def _continue(wire: Wire) -> None:
    with wire.client() as client:
        client.send(wire.head("POST", "/x", f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
        client.socket.settimeout(5)
        wire.seen.extra.append(client._until(b"\r\n\r\n"))
        client.send(BODY)
        wire.note(client.read())


def _client_leaves(wire: Wire) -> None:
    with wire.client() as client:
        client.send(wire.head("POST", "/left", f"Content-Length: {len(BODY)}") + BODY[:1000])
        time.sleep(0.2)


def _half_close(wire: Wire) -> None:
    with wire.client() as client:
        client.send(wire.head("GET", "/slow?seconds=0.5"))
        client.socket.shutdown(socket.SHUT_WR)
        wire.seen.extra.append(client.rest())


def _keepalive(wire: Wire) -> None:
    with wire.client() as client:
        for number in range(5):
            client.send(wire.head("POST", f"/k{number}", "Content-Length: 2") + b"{}")
            wire.note(client.read())
        wire.see_close(client)


def _websocket(wire: Wire) -> None:
    with wire.client() as client:
        fields = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        client.send(wire.head("GET", "/ws", *fields, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
        wire.note(client.read())
        session = wsproto.Connection(ConnectionType.CLIENT)
        client.send(session.send(wsproto.events.TextMessage("hello " * 2000)))
        client.send(session.send(wsproto.events.Ping(b"p")))
        client.send(session.send(wsproto.events.BytesMessage(b"\0\1" * 50)))
        got: list[Any] = []
        session.receive_data(client._take(len(client._buffer)))
        while sum(len(part) for _, part in got) < 12100:
            session.receive_data(client.socket.recv(65536))
            got += [
                (type(event).__name__, event.data)
                for event in session.events()
                if isinstance(event, (wsproto.events.TextMessage, wsproto.events.BytesMessage))
            ]
        joined: dict[str, Any] = {}
        for name, part in got:
            joined[name] = joined[name] + part if name in joined else part
        wire.seen.extra.append(joined)
        client.send(session.send(wsproto.events.CloseConnection(1000, "bye")))
        client.rest()


def _in_tunnel(wire: Wire) -> None:
    with Http1Client(wire.tunnel("http/1.1")) as client:
        host = f"localhost:{wire.upstream.tls_port}"
        wire.note(client.request("GET", "/json", host))
        wire.note(client.request("POST", "/echo", host, BODY))
        wire.note(client.request("HEAD", "/json", host))


def _http2(wire: Wire) -> None:
    with Http2Client(wire.tunnel("h2")) as client:
        host = f"localhost:{wire.upstream.tls_port}"
        for path in ("/json", "/chunked?size=90000", "/status/204", "/status/304"):
            wire.note(client.request("GET", path, host))
        wire.note(client.request("POST", "/echo", host, BODY, [("content-length", str(len(BODY)))]))
        wire.note(client.request("HEAD", "/json", host))


def _http2_many(wire: Wire) -> None:
    with Http2Client(wire.tunnel("h2")) as client:
        host = f"localhost:{wire.upstream.tls_port}"
        streams = [client.open("GET", f"/bytes/{70000 + number}", host) for number in range(8)]
        for stream in streams:
            wire.note(client.answer(stream))


def _http2_client_resets(wire: Wire) -> None:
    with Http2Client(wire.tunnel("h2")) as client:
        host = f"localhost:{wire.upstream.tls_port}"
        wire.note(client.request("GET", "/json", host))
        stream = client.open("GET", "/stall?after=2000", host)
        wire.upstream.journal.wait_for(lambda: wire.upstream.journal.requests("/stall"))
        client.reset(stream)
        wire.note(client.request("GET", "/after", host))


def _http2_upstream_resets(wire: Wire) -> None:
    with Http2Client(wire.tunnel("h2")) as client:
        host = f"localhost:{wire.upstream.tls_port}"
        wire.note(client.request("GET", "/reset", host))
        wire.note(client.request("GET", "/after", host))


@dataclass(frozen=True)
class Case:
    script: Callable[[Wire], None]
    routes: tuple[tuple[str, Reply], ...] = ()
    differs: str = ""
    ours: Callable[[Observed], None] | None = None
    requests: bool = True


def _complete(status: int = 200, **facts: Any) -> Callable[[Observed], None]:
    def check(seen: Observed) -> None:
        (answer,) = seen.answers
        assert (answer[0], answer[4]) == (status, True)
        if "trailers" in facts:
            assert answer[5] == facts["trailers"]
        if "closed" in facts:
            assert seen.closed is facts["closed"]

    return check


CASES = {
    "get": Case(_ask("GET", "/json")),
    "post": Case(_post()),
    "post chunked": Case(_chunked_post),
    "put without body": Case(_ask("PUT", "/x", "Content-Length: 0")),
    "keep-alive": Case(_keepalive),
    "pipelining": Case(_pipelined),
    "100-continue": Case(_continue),
    "connection close": Case(_ask("GET", "/json", "Connection: close")),
    "HTTP/1.0": Case(_ask("GET", "/json", version="HTTP/1.0")),
    "HEAD": Case(_ask("HEAD", "/json")),
    "204": Case(_ask("GET", "/status/204")),
    "304": Case(_ask("GET", "/status/304")),
    "chunked answer": Case(_ask("GET", "/chunked?size=200000&piece=5000")),
    "coded answer": Case(_ask("GET", "/coded/gzip", "Accept-Encoding: gzip")),
    "upstream closes after": Case(
        _ask("GET", "/closing"),
        (("/closing", json_reply(b"{}", headers=(("connection", "close"),), close_after=True)),),
    ),
    "early answer": Case(_ask("POST", "/early", f"Content-Length: {len(BODY)}", body=BODY)),
    "client leaves in mid-body": Case(
        _client_leaves, differs="stock has collected the body and sends nothing; we have sent what came", requests=False
    ),
    "client half-closes": Case(_half_close),
    "websocket": Case(_websocket),
    "both lengths": Case(
        _ask("POST", "/x", "Content-Length: 3", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        differs="stock answers with an HTML page that names mitmproxy",
        ours=_complete(400, closed=True),
    ),
    "gzip, chunked": Case(
        _ask("POST", "/x", "Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
        differs="stock passes transfer codings that no check could read",
        ours=_complete(400, closed=True),
    ),
    "answer ended by closing": Case(
        _ask("GET", "/close"),
        differs="stock passes it as it is, so a cut answer looks whole; for HTTP/1.1 clients we use chunked",
        ours=_complete(),
    ),
    "trailers": Case(
        _ask("GET", "/trailers"),
        differs="stock raises NotImplementedError and never ends the answer",
        ours=_complete(trailers=[("x-checksum", "abc")]),
    ),
    "103": Case(
        _ask("GET", "/hints"), differs="stock takes the first 1xx for the final answer", ours=_complete(closed=False)
    ),
    "upstream dies in mid-answer": Case(
        _ask("GET", "/die?after=1000"),
        differs="stock has collected the answer and says 502; we have sent the head",
        ours=lambda seen: _incomplete(seen),
    ),
    "tunnel": Case(_in_tunnel),
    "HTTP/2": Case(_http2),
    "HTTP/2, many streams": Case(_http2_many),
    "HTTP/2, client resets": Case(_http2_client_resets),
    "HTTP/2, upstream resets": Case(
        _http2_upstream_resets,
        (("/reset", Reply(body=(b"x" * 500, Pause(0.05), Die("stream")))),),
        differs="stock has collected the answer and says 502; we have sent the head and reset the stream",
        ours=lambda seen: _reset(seen),
    ),
}


def _incomplete(seen: Observed) -> None:
    (answer,) = seen.answers
    assert (answer[0], answer[4]) == (200, False)
    assert seen.closed


def _reset(seen: Observed) -> None:
    first, second = seen.answers
    assert (first[0], first[4]) == (200, False)
    assert first[6] is not None
    assert (second[0], second[4]) == (200, True)


@pytest.fixture(scope="module")
def stock(confdir: Path, upstream_authority: Authority) -> Iterator[tuple[str, int]]:
    """A mitmdump as it comes, started once."""
    port = free_port()
    options = {
        "confdir": str(confdir),
        "connection_strategy": "lazy",
        "ssl_verify_upstream_trusted_ca": str(upstream_authority.certificate),
    }
    argv = [str(Path(sys.executable).parent / "mitmdump"), "-q", "--listen-host", "127.0.0.1", "-p", str(port)]
    for name, value in options.items():
        argv += ["--set", f"{name}={value}"]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not accepts("127.0.0.1", port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(10)


def _observe(case: Case, proxy: tuple[str, int], upstream: Upstream, tls: Any, patience: float = 10) -> Observed:
    upstream.journal.clear()
    for path, reply in case.routes:
        upstream.routes[path] = reply
    wire = Wire(proxy, upstream, tls, patience)
    case.script(wire)
    upstream.journal.settled(1)
    for message in sorted(upstream.journal.messages, key=lambda message: message.target):
        wire.seen.requests.append(
            (
                message.protocol,
                message.method,
                message.target,
                message.authority,
                message.fields,
                message.framing,
                message.sha256,
                message.complete,
                [(kind, payload) for kind, payload in message.frames],
            )
        )
    return wire.seen


@pytest.mark.parametrize("name", CASES)
def test_same_bytes_as_stock(name: str, stock: tuple[str, int], engine: Any, upstream: Upstream, tls: Any) -> None:
    case = CASES[name]
    ours = _observe(case, engine().address, upstream, tls)
    theirs = _observe(case, stock, upstream, tls, 1.5 if case.differs else 10)  # Some differ by never ending.
    if case.differs:
        assert ours != theirs, f"no difference any more, drop the exception: {case.differs}"
        if case.ours:
            case.ours(ours)
    else:
        assert ours == theirs
