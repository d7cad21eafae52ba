"""The proof matrix: HTTP/1 and HTTP/2 clients and upstreams, Content-Length and chunked, refusals at every place.

The witness is the upstream's own journal: a refused body must never be `complete` there, a good one must arrive byte
for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.harness import REFUSED_BODY, CountingGate, House, RunningEngine, denial
from tests.support.raw import Answer, Http1Client, Http2Client, dial
from tests.support.replies import Die, Pause, Reply, split
from tests.support.upstream import Upstream

GOOD = bytes(range(256)) * 1200
PAIRS = [("h1", "h1"), ("h1", "h2"), ("h2", "h1"), ("h2", "h2")]
FRAMINGS = ["length", "chunked"]
type Start = Callable[..., RunningEngine]


class Caller:
    """Sends one POST over the wanted protocol pair and framing."""

    def __init__(self, running: RunningEngine, upstream: Upstream, tls: Callable[..., Any], client: str) -> None:
        self.running, self.upstream, self.tls, self.client = running, upstream, tls, client

    def post(self, path: str, body: bytes, framing: str, piece: int = 50_000) -> Answer:
        target = ("localhost", self.upstream.tls_port)
        context = self.tls("h2" if self.client == "h2" else "http/1.1")
        socket = dial(target, proxy=self.running.address, tls=context)
        authority = f"localhost:{self.upstream.tls_port}"
        if self.client == "h2":
            with Http2Client(socket) as caller:
                length = [("content-length", str(len(body)))] if framing == "length" else []
                stream = caller.open("POST", path, authority, length, end=False)
                caller.data(stream, body, piece=piece)
                return caller.answer(stream)
        with Http1Client(socket) as caller:
            head = f"POST {path} HTTP/1.1\r\nHost: {authority}\r\n"
            if framing == "length":
                caller.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
                parts = [body[at : at + piece] for at in range(0, len(body), piece)]
            else:
                caller.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
                parts = [b"%x\r\n%s\r\n" % (len(part), part) for part in split(body, piece)] + [b"0\r\n\r\n"]
            for part in parts:
                try:
                    caller.send(part)
                except OSError:
                    break
            return caller.read()


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}-to-{pair[1]}")
def caller(request: pytest.FixtureRequest, engine: Start, house: House, upstream_authority: Any, tls: Any) -> Any:
    client, server = request.param
    alpn = ("h2",) if server == "h2" else ("http/1.1",)

    def offer(data: Any) -> None:
        data.server.alpn_offers = [b"h2"] if server == "h2" else [b"http/1.1"]

    house.server_connect = offer  # type: ignore[attr-defined]
    with Upstream(upstream_authority.leaf(), alpn=alpn) as upstream:
        yield Caller(engine(house), upstream, tls, client)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_good_bodies_arrive_whole(caller: Caller, house: House, framing: str) -> None:
    house.request_gate = CountingGate
    house.response_gate = CountingGate
    answer = caller.post("/echo", GOOD, framing)
    assert (answer.status, answer.complete) == (200, True)
    assert answer.body == GOOD
    (message,) = caller.upstream.journal.requests("/echo")
    assert message.complete
    assert message.sha256 == hashlib.sha256(GOOD).hexdigest()
    if caller.client == "h1" and message.protocol == "HTTP/1.1":
        assert message.framing == framing
    assert caller.running.quiet()
    assert [house.count(name) for name in ("clyra_release", "request", "response", "clyra_done", "error")] == [
        1
    ] * 4 + [0]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("refuse_at", [0, 60_000, len(GOOD) - 1])
def test_refused_bodies_never_arrive_whole(caller: Caller, house: House, framing: str, refuse_at: int) -> None:
    house.request_gate = lambda: CountingGate(refuse_at)
    answer = caller.post("/rows", GOOD, framing)
    assert (answer.status, answer.body, answer.complete) == (422, REFUSED_BODY, True)
    assert caller.running.quiet()
    assert caller.upstream.journal.settled()
    assert not caller.upstream.journal.complete("/rows")
    received = caller.upstream.journal.requests("/rows")
    assert all(message.received < refuse_at + 1 for message in received)
    if refuse_at == 0:
        assert not caller.upstream.journal.connections
        assert house.count("clyra_release") == 0
    assert [house.count(name) for name in ("clyra_refused", "clyra_done", "error")] == [1, 1, 0]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_refused_at_the_end(caller: Caller, house: House, framing: str) -> None:
    house.request_gate = lambda: CountingGate(refuse_at_end=True)
    answer = caller.post("/rows", GOOD, framing)
    assert (answer.status, answer.complete) == (422, True)
    assert caller.running.quiet()
    assert caller.upstream.journal.settled()
    assert not caller.upstream.journal.complete("/rows")
    assert all(message.received < len(GOOD) for message in caller.upstream.journal.requests("/rows"))
    assert house.count("clyra_done") == 1


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_fault_in_the_gate_stops_the_body(caller: Caller, house: House, framing: str) -> None:
    house.request_gate = lambda: CountingGate(crash_at=70_000)
    answer = caller.post("/rows", GOOD, framing)
    assert answer.status == 503
    assert caller.running.quiet()
    assert caller.upstream.journal.settled()
    assert not caller.upstream.journal.complete("/rows")
    assert house.failures == [("request body", "ZeroDivisionError")]
    assert house.count("clyra_done") == 1


@pytest.mark.parametrize("framing", FRAMINGS)
def test_spooled_bodies_go_up_only_when_whole(caller: Caller, house: House, framing: str) -> None:
    house.request_gate = lambda: CountingGate(spool=True)
    assert caller.post("/echo", GOOD, framing).body == GOOD
    house.request_gate = lambda: CountingGate(spool=True, refuse_at_end=True)
    assert caller.post("/rows", GOOD, framing).status == 422
    assert not caller.upstream.journal.requests("/rows")


@pytest.mark.parametrize("answer_framing", ["auto", "chunked", "close"])
@pytest.mark.parametrize("refuse_at", [0, 60_000, None])
def test_refused_answers(caller: Caller, house: House, answer_framing: str, refuse_at: int | None) -> None:
    body: list[Any] = []
    for part in split(GOOD, 40_000):
        body += [part, Pause(0.01)]
    caller.upstream.routes["/answer"] = Reply(body=body, framing=answer_framing)
    house.response_gate = lambda: CountingGate(refuse_at, refuse_at_end=refuse_at is None)
    answer = caller.post("/answer", b"{}", "length")
    if refuse_at == 0:
        assert (answer.status, answer.body, answer.complete) == (502, REFUSED_BODY, True)
    else:
        assert answer.status == 200
        assert not answer.complete
        assert GOOD.startswith(answer.body)
        assert len(answer.body) < len(GOOD)
    assert caller.running.quiet()
    assert [house.count(name) for name in ("clyra_refused", "clyra_done", "response")] == [1, 1, 0]


def test_an_upstream_that_dies_leaves_the_answer_incomplete(caller: Caller, house: House) -> None:
    caller.upstream.routes["/dies"] = Reply(body=(b"x" * 1000, Pause(0.1), Die("reset")), framing="chunked")
    answer = caller.post("/dies", b"{}", "length")
    assert answer.status == 200
    assert not answer.complete
    assert caller.running.quiet()
    assert [house.count(name) for name in ("error", "clyra_done", "response")] == [1, 1, 0]


def test_a_denied_head_is_answered_without_an_upstream(caller: Caller, house: House) -> None:
    house.deny_head = denial(403)
    answer = caller.post("/rows", GOOD, "length")
    assert (answer.status, answer.complete) == (403, True)
    assert caller.running.quiet()
    assert not caller.upstream.journal.connections
    assert house.count("clyra_done") == 1
