"""Dialling: the approved literal address and no other, names kept for TLS, never ourselves; other protocols denied."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from clyra_proxy.engine import dial as dialling
from clyra_proxy.engine.hooks import Dial, Protocol
from clyra_proxy.engine.settings import Listener, Mode
from tests.engine.harness import House, RunningEngine, denial
from tests.support.processes import free_port
from tests.support.raw import Http1Client, dial
from tests.support.replies import Reply
from tests.support.upstream import Upstream

type Start = Callable[..., RunningEngine]


def _get(running: RunningEngine, url: str, path: str = "/json") -> Any:
    with Http1Client(socket.create_connection(running.address, 10)) as client:
        return client.request("GET", f"http://{url}{path}", url)


async def test_names_resolve_to_literals() -> None:
    assert await dialling.resolve("127.0.0.1", 80) == ("127.0.0.1",)
    assert await dialling.resolve("::1", 80) == ("::1",)
    assert "127.0.0.1" in await dialling.resolve("localhost", 80)
    with pytest.raises(dialling.DialError, match="cannot resolve"):
        await dialling.resolve("no-such-name.invalid", 80)


LISTENING = [("127.0.0.1", 8080), ("0.0.0.0", 9090)]


@pytest.mark.parametrize(
    ("address", "port", "own"),
    [
        ("127.0.0.1", 8080, True),
        ("::ffff:127.0.0.1", 8080, True),
        ("0.0.0.0", 8080, True),
        ("127.0.0.1", 8081, False),
        ("203.0.113.5", 8080, False),
        ("127.0.0.2", 9090, True),
        ("::1", 9090, True),
        ("203.0.113.5", 9090, False),
        *((address, 9090, True) for address in sorted(dialling.local_addresses())),
    ],
)
def test_own_listeners_are_recognised(address: str, port: int, own: bool) -> None:
    assert dialling.is_own_listener([address], port, LISTENING) is own


def test_addons_see_every_address_and_the_waiting_exchange(engine: Start, house: House, upstream: Upstream) -> None:
    running = engine(house)
    assert _get(running, f"localhost:{upstream.port}").status == 200
    (seen,) = house.dials
    assert (seen.host, seen.port) == ("localhost", upstream.port)
    assert "127.0.0.1" in seen.addresses
    assert [flow.request.path for flow in seen.flows] == ["/json"]
    assert house.exchanges[0].destination.address == "127.0.0.1"


def test_only_the_approved_address_is_dialled(engine: Start, house: House, upstream: Upstream) -> None:
    house.at["clyra_dial"] = lambda data: data.approve("127.0.0.1")
    assert _get(engine(house), f"localhost:{upstream.port}").status == 200
    house.at["clyra_dial"] = lambda data: data.approve("127.0.0.99")
    assert _get(engine(house), f"localhost:{upstream.port}", "/other").status == 502
    assert not upstream.journal.requests("/other")


@pytest.mark.parametrize("answer", [lambda data: None, lambda data: data.refuse("not allowed")])
def test_without_approval_nothing_is_dialled(answer: Any, engine: Start, house: House, upstream: Upstream) -> None:
    house.at["clyra_dial"] = answer
    running = engine(house)
    assert _get(running, f"localhost:{upstream.port}").status == 502
    assert running.quiet()
    assert not upstream.journal.connections
    assert [house.count(name) for name in ("error", "clyra_done")] == [1, 1]


def test_a_refused_dial_can_bring_its_own_denial(engine: Start, house: House, upstream: Upstream) -> None:
    def refuse(data: Dial) -> None:
        data.refuse("private address")
        for flow in data.flows:
            flow.metadata["clyra"].denial = denial(403)

    house.at["clyra_dial"] = refuse
    running = engine(house)
    with Http1Client(socket.create_connection(running.address, 10)) as client:
        for _ in range(3):  # Each request asks again: a refusal is not remembered behind the addons' back.
            assert client.request("GET", f"http://localhost:{upstream.port}/x", "localhost").status == 403
    assert len(house.dials) == 3


def test_the_proxy_does_not_call_itself(engine: Start, house: House) -> None:
    running = engine(house)
    answer = _get(running, f"localhost:{running.address[1]}")
    assert answer.status == 502
    assert [dial.own_listener for dial in house.dials] == [True]


def test_connection_refused_is_502_and_may_be_tried_again(engine: Start, house: House) -> None:
    running = engine(house)
    port = free_port()
    with Http1Client(socket.create_connection(running.address, 10)) as client:
        assert client.request("GET", f"http://127.0.0.1:{port}/", "x").status == 502
        with Upstream(port=port):
            assert client.request("GET", f"http://127.0.0.1:{port}/", "x").status == 200


def test_a_tls_handshake_that_does_not_come_costs_what_a_connection_may(engine: Start, house: House, tls: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        running = engine(house, connect_timeout_s=0.3)
        target = ("localhost", silent.getsockname()[1])
        with Http1Client(dial(target, proxy=running.address, tls=tls("http/1.1"))) as client:
            assert client.request("GET", "/json", "localhost").status == 502
        assert running.quiet()
    assert [exchange.error for exchange in house.exchanges] == ["no TLS handshake within 0.3 s"]


def test_a_tls_connection_outlives_the_time_for_its_handshake(
    engine: Start, house: House, upstream: Upstream, tls: Any
) -> None:
    running = engine(house, connect_timeout_s=0.5)
    with Http1Client(dial(("localhost", upstream.tls_port), proxy=running.address, tls=tls("http/1.1"))) as client:
        assert client.request("GET", "/json", "localhost").status == 200
        time.sleep(0.8)
        assert client.request("GET", "/json", "localhost").status == 200
    assert len(upstream.journal.connections) == 1


def test_names_stay_for_tls(engine: Start, house: House, upstream: Upstream, tls: Any) -> None:
    running = engine(house)
    with Http1Client(dial(("localhost", upstream.tls_port), proxy=running.address, tls=tls("http/1.1"))) as client:
        assert client.request("GET", "/json", "localhost").status == 200
    assert upstream.journal.connections[0].sni == "localhost"


def test_a_certificate_for_another_name_is_refused(
    engine: Start, house: House, upstream_authority: Any, tls: Any
) -> None:
    with Upstream(upstream_authority.leaf("other.test")) as wrong:
        target = ("localhost", wrong.tls_port)
        with Http1Client(dial(target, proxy=engine(house).address, tls=tls("http/1.1"))) as client:
            assert client.request("GET", "/json", "localhost").status == 502
        assert not wrong.journal.messages


def test_reverse_mode(engine: Start, house: House, upstream: Upstream) -> None:
    running = engine(house, listener=Listener(port=0, mode=Mode.REVERSE, upstream=upstream.tls_url))
    with Http1Client(socket.create_connection(running.address, 10)) as client:
        assert client.request("POST", "/echo", "gateway.example", b"{}").body == b"{}"
    assert upstream.journal.connections[0].sni == "localhost"
    assert upstream.journal.messages[0].header("host") == f"localhost:{upstream.tls_port}"


GREETING = b"\x05\x01\x00 not http at all"


def test_unknown_protocols_are_denied(engine: Start, house: House, upstream: Upstream) -> None:
    asked: list[Protocol] = []
    house.clyra_protocol = asked.append  # type: ignore[attr-defined]
    connection = dial(("127.0.0.1", upstream.port), proxy=engine(house).address)
    connection.sendall(GREETING)
    assert connection.recv(100) == b""
    assert [question.kind for question in asked] == ["tcp"]
    assert not upstream.journal.connections


def test_unknown_protocols_pass_when_policy_says_so(engine: Start, house: House, upstream: Upstream) -> None:
    def allow(question: Protocol) -> None:
        question.allow = True

    house.clyra_protocol = allow  # type: ignore[attr-defined]
    connection = dial(("127.0.0.1", upstream.port), proxy=engine(house).address)
    connection.sendall(GREETING)
    assert upstream.journal.wait_for(lambda: any(GREETING in c.raw for c in upstream.journal.connections))
    assert house.dials


def test_tls_passes_unread_when_policy_says_so(
    engine: Start, house: House, upstream: Upstream, upstream_authority: Any
) -> None:
    def pass_on(data: Any) -> None:
        data.ignore_connection = True

    house.tls_clienthello = pass_on  # type: ignore[attr-defined]
    context = upstream_authority.client_context(("http/1.1",))
    target = ("localhost", upstream.tls_port)
    with Http1Client(dial(target, proxy=engine(house).address, tls=context)) as client:
        assert client.request("GET", "/json", "localhost").status == 200
    assert house.dials
    assert not house.count("requestheaders")


def test_an_upgrade_to_anything_but_websocket_is_refused(engine: Start, house: House, upstream: Upstream) -> None:
    upstream.routes["/up"] = Reply(
        raw=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n"
    )
    with Http1Client(socket.create_connection(engine(house).address, 10)) as client:
        fields = "Upgrade: other\r\nConnection: upgrade\r\n"
        answer = client.request("GET", f"http://127.0.0.1:{upstream.port}/up", "x", headers=fields)
    assert answer.status == 502
