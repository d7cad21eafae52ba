"""The benchmark's own instrument, measured: a generator that lies would make every ratio a lie."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.engine.contenders import start_mitmdump
from bench.engine.generator import Generator, Target
from tests.support.certificates import Authority
from tests.support.journal import Message
from tests.support.replies import Pause, Reply, json_reply
from tests.support.upstream import Upstream

BODY = json.dumps({"id": 1, "note": "x" * 900}).encode()


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    return Generator(tmp_path_factory.mktemp("load"), None)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def upstream(authority: Authority) -> Iterator[Upstream]:
    with Upstream(authority.leaf(), alpn=()) as server:
        yield server


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "body.json"
    path.write_bytes(BODY)
    return path


def plain(upstream: Upstream) -> Target:
    return Target(f"127.0.0.1:{upstream.port}")


def test_every_counted_request_arrived_whole(generator: Generator, upstream: Upstream, body: Path) -> None:
    found = generator.run(plain(upstream), body=body, connections=4, requests=200)
    assert found.requests == 200
    arrived = upstream.journal.complete("/")
    assert len(arrived) == 200
    assert {bytes(message.body) for message in arrived} == {BODY}
    assert len(upstream.journal.connections) == 4


def test_an_open_loop_keeps_its_rate_and_counts_from_the_schedule(generator: Generator, upstream: Upstream) -> None:
    """One answer takes half a second on the only connection: all that were due meanwhile waited, and it shows."""
    number = itertools.count()

    def answer(message: Message) -> Reply:
        slow = next(number) == 60
        return json_reply(b"{}", framing="chunked", body=(Pause(0.5), b"{}")) if slow else json_reply(b"{}")

    upstream.routes["/"] = answer
    found = generator.run(plain(upstream), body=None, connections=1, rate=100, seconds=2, warmup=0)
    assert found.requests <= 201
    assert found.worst >= 500
    assert found.p95 >= 100, "requests that were due during the stall must carry the stall"


def test_what_is_never_answered_counts_as_waiting(generator: Generator, upstream: Upstream) -> None:
    upstream.routes["/"] = Reply(body=(Pause(60), b"{}"))
    found = generator.run(plain(upstream), body=None, connections=1, rate=100, seconds=1, warmup=0)
    assert found.requests == 0
    assert found.p50 >= 400


def test_a_refused_request_gives_no_number(generator: Generator, upstream: Upstream) -> None:
    upstream.routes["/"] = lambda message: json_reply(b"{}", status=503)
    with pytest.raises(RuntimeError, match="failed during the measurement"):
        generator.run(plain(upstream), body=None, connections=1, requests=10)


@pytest.mark.parametrize("framing", ["auto", "chunked"])
def test_it_speaks_tls_and_reads_both_framings(
    generator: Generator, upstream: Upstream, authority: Authority, body: Path, framing: str
) -> None:
    upstream.routes["/"] = lambda message: json_reply(b'{"a":1}', framing=framing)
    target = Target(f"127.0.0.1:{upstream.tls_port}", trust=authority.certificate)
    assert generator.run(target, body=body, connections=2, requests=50).requests == 50


def test_through_a_proxy_with_and_without_tls(
    generator: Generator, upstream: Upstream, authority: Authority, body: Path, tmp_path: Path
) -> None:
    contender = start_mitmdump(tmp_path, authority, ())
    with contender.process:
        forward = Target(f"127.0.0.1:{upstream.port}", contender.address)
        tunnel = Target(f"localhost:{upstream.tls_port}", contender.address, contender.trust)
        for target in (forward, tunnel):
            assert generator.run(target, body=body, connections=2, requests=20).requests == 20
    assert len(upstream.journal.complete("/")) == 40
    assert {connection.tls for connection in upstream.journal.connections} == {True, False}
