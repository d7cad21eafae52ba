"""Streams of any size through one worker: its peak memory does not know how large the body was."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator

import pytest

from tests.support.memory import MIB, Peak, worker_of
from tests.support.posting import Pair
from tests.support.proxy import RunningProxy
from tests.support.raw import Answer, Http1Client, Http2Client, dial
from tests.support.replies import Reply

LIMIT = 150 * MIB
"""Resident bytes of a worker, whatever passes through it."""
BLOCK = b",".join(b'{"id":%d,"email":"someone@mail.test","note":"%s"}' % (at, b"x" * 180) for at in range(4000))


def stream(size: int, last: bytes = b"") -> Iterator[bytes]:
    """An envelope of at least `size` bytes in blocks of about a MB; `last`: one more record at its end."""
    yield b'{"source":"crm","records":[' + BLOCK
    sent = len(BLOCK)
    while sent < size:
        yield b"," + BLOCK
        sent += len(BLOCK) + 1
    yield (b"," + last if last else b"") + b"]}"


def upload(proxy: RunningProxy, pair: Pair, protocol: str, path: str, parts: Iterator[bytes]) -> tuple[Answer, str]:
    """POST the parts without a declared length; the answer, and the SHA-256 of what was sent."""
    digest = hashlib.sha256()
    upstream = pair.h2 if protocol == "h2" else pair.h1
    alpn = ("h2",) if protocol == "h2" else ("http/1.1",)
    authority = f"localhost:{upstream.tls_port}"
    socket = dial(("localhost", upstream.tls_port), proxy=proxy.address, tls=proxy.trust(alpn), timeout=60)
    if protocol == "h2":
        with Http2Client(socket) as client:
            number = client.open("POST", path, authority, [("content-type", "application/json")], end=False)
            for part in parts:
                digest.update(part)
                if not client.data(number, part, end=False):
                    return client.answer(number), digest.hexdigest()
            client.data(number, b"")
            return client.answer(number), digest.hexdigest()
    with Http1Client(socket) as caller:
        head = f"POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n"
        with contextlib.suppress(OSError):
            caller.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            for part in parts:
                digest.update(part)
                caller.send(b"%x\r\n%b\r\n" % (len(part), part))
            caller.send(b"0\r\n\r\n")
        return caller.read(), digest.hexdigest()


@pytest.mark.parametrize(
    ("protocol", "megabytes"),
    [("h1", 300), ("h2", 60), pytest.param("h2", 300, marks=pytest.mark.comprehensive)],
)
def test_a_long_array_passes_in_little_memory(
    fresh_records_proxy: RunningProxy, pair: Pair, protocol: str, megabytes: int
) -> None:
    peak = Peak(worker_of(fresh_records_proxy))
    answer, sha256 = upload(fresh_records_proxy, pair, protocol, "/records/long", stream(megabytes * 1_000_000))
    assert (answer.status, answer.complete) == (200, True)
    upstream = pair.h2 if protocol == "h2" else pair.h1
    (message,) = upstream.journal.complete("/records/long")
    assert message.received >= megabytes * 1_000_000
    assert message.sha256 == sha256
    assert peak.highest < LIMIT


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_a_bad_last_record_of_a_long_array(fresh_records_proxy: RunningProxy, pair: Pair, protocol: str) -> None:
    peak = Peak(worker_of(fresh_records_proxy))
    parts = stream(30_000_000, b'{"id":"seven","email":"abc"}')
    answer, _ = upload(fresh_records_proxy, pair, protocol, "/records/long", parts)
    assert (answer.status, json.loads(answer.body)["code"]) == (422, "schema_violation")
    upstream = pair.h2 if protocol == "h2" else pair.h1
    assert upstream.journal.settled()
    assert not upstream.journal.complete("/records/long")
    assert peak.highest < LIMIT


@pytest.mark.parametrize("path", ["/records/slow", "/spooled/slow"])
def test_a_slow_upstream_slows_the_client_instead_of_filling_memory(
    fresh_records_proxy: RunningProxy, pair: Pair, path: str
) -> None:
    """The upstream takes a breath before every read; the body is larger than what the worker may hold."""
    pair.h1.routes[path] = Reply(slow_read=0.002)
    peak = Peak(worker_of(fresh_records_proxy))
    answer, sha256 = upload(fresh_records_proxy, pair, "h1", path, stream(60_000_000))
    assert answer.status == 200
    (message,) = pair.h1.journal.complete(path)
    assert message.sha256 == sha256
    assert peak.grown < 40 * MIB
    assert peak.highest < LIMIT
