"""WebSocket sessions: messages pass whole or not at all, nothing is kept, both sides learn of a refusal."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import wsproto.events
from wsproto import WSConnection
from wsproto.connection import ConnectionType
from wsproto.extensions import PerMessageDeflate

from clyra_proxy.verdict.denial import Denial
from tests.engine.harness import House, RunningEngine, denial
from tests.support.upstream import Upstream

type Start = Callable[..., RunningEngine]


class Session:
    """A WebSocket client over a plain proxy connection."""

    def __init__(
        self, running: RunningEngine, upstream: Upstream, *, path: str = "/ws/echo", deflate: bool = False
    ) -> None:
        self.socket = socket.create_connection(running.address, 5)
        host = f"127.0.0.1:{upstream.port}"
        self.ws = WSConnection(ConnectionType.CLIENT)
        extensions = [PerMessageDeflate()] if deflate else []
        request = wsproto.events.Request(host=host, target=f"http://{host}{path}", extensions=extensions)
        self.socket.sendall(self.ws.send(request))
        self.queue: list[Any] = []
        assert isinstance(self.next(), wsproto.events.AcceptConnection)

    def send(self, event: Any) -> None:
        self.socket.sendall(self.ws.send(event))

    def next(self) -> Any:
        while not self.queue:
            self.ws.receive_data(self.socket.recv(65536) or None)
            self.queue = list(self.ws.events())
        return self.queue.pop(0)

    def message(self) -> Any:
        parts: list[Any] = []
        while True:
            event = self.next()
            assert isinstance(event, wsproto.events.Message), event
            parts.append(event.data)
            if event.message_finished:
                return type(parts[0])().join(parts)


@pytest.mark.parametrize("deflate", [False, True])
def test_messages_pass_and_are_not_kept(deflate: bool, engine: Start, house: House, upstream: Upstream) -> None:
    kept: list[int] = []
    house.at["websocket_message"] = lambda flow: kept.append(len(flow.websocket.messages))
    running = engine(house)
    session = Session(running, upstream, deflate=deflate)
    payloads = ["hello", "x" * 200_000, os.urandom(70_000), "ü" * 1000]
    for payload in payloads:
        kind = wsproto.events.TextMessage if isinstance(payload, str) else wsproto.events.BytesMessage
        session.send(kind(data=payload))
        assert session.message() == payload
    assert kept == [1] * (2 * len(payloads))
    session.send(wsproto.events.Ping(b"are you there"))
    assert session.next() == wsproto.events.Pong(b"are you there")
    session.send(wsproto.events.CloseConnection(1000, "bye"))
    assert session.next().code == 1000
    assert running.quiet()
    (message,) = upstream.journal.messages
    assert len(message.frames) == len(payloads)
    assert [house.count(name) for name in ("websocket_start", "websocket_end", "clyra_done")] == [1, 1, 1]


def test_fragments_are_judged_as_one_message(engine: Start, house: House, upstream: Upstream) -> None:
    session = Session(engine(house), upstream)
    session.send(wsproto.events.TextMessage("first ", message_finished=False))
    session.send(wsproto.events.TextMessage("second ", message_finished=False))
    assert not house.messages
    session.send(wsproto.events.TextMessage("third"))
    assert session.message() == "first second third"
    assert house.messages == [b"first second third"] * 2


def deny(flow: Any) -> None:
    flow.metadata["clyra"].denial = denial()


def fail(flow: Any) -> None:
    raise LookupError


@pytest.mark.parametrize("act", [deny, fail])
def test_a_refused_message_closes_both_sides(act: Any, engine: Start, house: House, upstream: Upstream) -> None:
    running = engine(house)
    session = Session(running, upstream)
    session.send(wsproto.events.TextMessage("good"))
    assert session.message() == "good"
    house.at["websocket_message"] = act
    session.send(wsproto.events.TextMessage("bad", message_finished=False))
    session.send(wsproto.events.TextMessage(" and more"))
    assert session.next().code == 1008
    assert running.quiet()
    (message,) = upstream.journal.messages
    assert upstream.journal.wait_for(lambda: message.closing)
    assert message.frames == [("text", b"good")]
    assert message.received == len(b"good")
    assert [house.count(name) for name in ("websocket_end", "clyra_done")] == [1, 1]


def test_a_refused_message_of_the_upstream(engine: Start, house: House, upstream: Upstream) -> None:
    house.at["websocket_message"] = lambda flow: None if flow.websocket.messages[-1].from_client else deny(flow)
    running = engine(house)
    session = Session(running, upstream)
    session.send(wsproto.events.TextMessage("good"))
    assert session.next().code == 1008
    assert running.quiet()


@pytest.mark.parametrize("deflate", [False, True])
def test_messages_are_bounded(deflate: bool, engine: Start, house: House, upstream: Upstream) -> None:
    running = engine(house, websocket_message_bytes=100_000)
    session = Session(running, upstream, deflate=deflate)
    session.send(wsproto.events.BytesMessage(b"\0" * 90_000))
    assert len(session.message()) == 90_000
    for number in range(4):
        session.send(wsproto.events.BytesMessage(b"\0" * 30_000, message_finished=number == 3))
    assert session.next().code == 1009
    assert running.quiet()
    assert len(upstream.journal.messages[0].frames) == 1


def test_a_small_frame_that_inflates_to_much(engine: Start, house: House, upstream: Upstream) -> None:
    session = Session(engine(house, websocket_message_bytes=1_000_000), upstream, deflate=True)
    session.send(wsproto.events.BytesMessage(b"\0" * 50_000_000))
    assert session.next().code == 1009
    assert not house.messages


def deny_with(code: int, reason: str) -> Callable[[Any], None]:
    def act(flow: Any) -> None:
        flow.metadata["clyra"].denial = Denial(422, (), b"", close_code=code, close_reason=reason)

    return act


@pytest.mark.parametrize("from_client", [True, False])
@pytest.mark.parametrize("code", [1003, 1007, 1009, 1011, 1013])
def test_both_sides_are_closed_with_the_denial_s_code_and_the_client_is_told_why(
    code: int, from_client: bool, engine: Start, house: House, upstream: Upstream
) -> None:
    refuse = deny_with(code, "schema_violation 0193")
    house.at["websocket_message"] = lambda flow: (
        refuse(flow) if flow.websocket.messages[-1].from_client is from_client else None
    )
    running = engine(house)
    session = Session(running, upstream)
    session.send(wsproto.events.TextMessage("bad"))
    closed = session.next()
    assert (closed.code, closed.reason) == (code, "schema_violation 0193")
    assert running.quiet()
    (message,) = upstream.journal.messages
    assert upstream.journal.wait_for(lambda: message.closing)
    assert message.closing == (code, "")
    assert message.frames == ([] if from_client else [("text", b"bad")])


@dataclass
class Sizes:
    """Hears of messages that are too large."""

    heard: list[tuple[bool, int, int]] = field(default_factory=list)

    def clyra_oversize(self, data: Any) -> None:
        self.heard.append((data.from_client, data.size, data.limit))


@pytest.mark.parametrize("deflate", [False, True])
def test_addons_hear_of_a_message_that_is_too_large(
    deflate: bool, engine: Start, house: House, upstream: Upstream
) -> None:
    sizes = Sizes()
    house.clyra_oversize = sizes.clyra_oversize  # type: ignore[attr-defined]
    session = Session(engine(house, websocket_message_bytes=1_000), upstream, deflate=deflate)
    session.send(wsproto.events.BytesMessage(b"\0" * 200_000))
    assert session.next().code == 1009
    ((from_client, size, limit),) = sizes.heard
    assert (from_client, limit) == (True, 1_000)
    assert 1_000 < size <= 200_000


def test_a_close_by_the_client_with_code_1009_is_no_oversize(engine: Start, house: House, upstream: Upstream) -> None:
    sizes = Sizes()
    house.clyra_oversize = sizes.clyra_oversize  # type: ignore[attr-defined]
    running = engine(house)
    session = Session(running, upstream)
    session.send(wsproto.events.CloseConnection(1009, "mine"))
    assert session.next().code == 1009
    assert running.quiet()
    assert sizes.heard == []


def test_fragments_beyond_a_number_are_joined(engine: Start, house: House, upstream: Upstream) -> None:
    """However a message is cut, what is kept of the cuts is bounded, empty continuations included."""
    session = Session(engine(house), upstream)
    frame = session.ws.send(wsproto.events.TextMessage("a", message_finished=False))
    middle = b"".join(
        session.ws.send(wsproto.events.TextMessage(text, message_finished=False)) for text in ("", "b") * 20_000
    )
    session.socket.sendall(frame + middle + session.ws.send(wsproto.events.TextMessage("c")))
    assert session.message() == "a" + "b" * 20_000 + "c"
    assert house.messages[0] == b"a" + b"b" * 20_000 + b"c"
    assert upstream.journal.connections[0].received < 20_002 + 10 * 1_100 + 1_000


def test_garbage_closes_the_session(engine: Start, house: House, upstream: Upstream) -> None:
    running = engine(house)
    session = Session(running, upstream)
    session.socket.sendall(b"\xff\xff\xff\xff")
    assert session.next().code == 1002
    assert running.quiet()
    assert house.count("clyra_done") == 1


@pytest.mark.parametrize("side", ["client", "upstream"])
def test_a_side_that_vanishes_ends_the_exchange(side: str, engine: Start, house: House, upstream: Upstream) -> None:
    running = engine(house)
    session = Session(running, upstream)
    session.send(wsproto.events.TextMessage("good"))
    session.message()
    if side == "client":
        session.socket.close()
    else:
        upstream.stop()
    assert running.quiet()
    assert house.count("clyra_done") == 1


def test_a_session_denied_at_its_start(engine: Start, house: House, upstream: Upstream) -> None:
    house.at["websocket_start"] = deny
    running = engine(house)
    session = Session(running, upstream)
    assert session.next().code == 1008
    assert running.quiet()
