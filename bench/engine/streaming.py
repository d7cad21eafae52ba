"""Streams: a 100 MB upload of records, and server-sent events seen chunk by chunk.

Raw sockets, so that the client adds as little as it can. An event carries the sender's monotonic clock; delay is
receive time minus that, on the same machine's clock. Time to first byte runs from the last request byte.
"""

from __future__ import annotations

import json
import re
import socket
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.engine.generator import Target

RECORD = {"sku": "SKU-00000001", "quantity": 3, "price": 10.25, "note": "as agreed, with a note of some length"}


@dataclass(frozen=True, slots=True)
class EventTimes:
    """Milliseconds. first: time to the first body byte. delays: per event, one way."""

    first: float
    p50: float
    p95: float


def upload(target: Target, megabytes: int) -> float:
    """Send a JSON array of about `megabytes` and wait for the answer; returns MB per second."""
    order = {"id": "order-1", "customer": "c-1024", "currency": "EUR", "lines": [RECORD] * 2}
    row = json.dumps(order, separators=(",", ":")).encode()
    block = b",".join([row] * 4096)
    count = max(1, megabytes * 1_000_000 // len(block))
    size = count * (len(block) + 1) - 1 + 2
    with connect(target) as connection:
        head = f"POST {_place(target)}/upload HTTP/1.1\r\nHost: {target.origin}\r\nContent-Type: application/json\r\n"
        begin = time.perf_counter()
        connection.sendall(f"{head}Content-Length: {size}\r\n\r\n[".encode())
        for number in range(count):
            connection.sendall(block if number == 0 else b"," + block)
        connection.sendall(b"]")
        answer = connection.recv(65536)
        while b"received" not in answer and (more := connection.recv(65536)):
            answer += more
        took = time.perf_counter() - begin
    arrived = re.search(rb'"received": (\d+)', answer)
    if arrived is None or int(arrived.group(1)) != size:
        raise RuntimeError(f"the upload did not arrive whole: {answer[:400]!r}")
    return size / 1e6 / took


def events(target: Target, count: int = 200, gap_ms: int = 10) -> EventTimes:
    """Read `count` events sent `gap_ms` apart."""
    first = 0.0
    delays: list[float] = []
    with connect(target) as connection:
        place = f"{_place(target)}/events?count={count}&gap={gap_ms}"
        begin = time.monotonic_ns()
        connection.sendall(
            f"GET {place} HTTP/1.1\r\nHost: {target.origin}\r\nAccept: text/event-stream\r\n\r\n".encode()
        )
        for moment, data in _pieces(connection):
            for sent in re.findall(rb'"sent":(\d+)', data):
                first = first or (moment - begin) / 1e6
                delays.append((moment - int(sent)) / 1e6)
    if len(delays) != count:
        raise RuntimeError(f"{len(delays)} of {count} events arrived")
    return EventTimes(first, statistics.median(delays), statistics.quantiles(delays, n=20)[-1])


def _pieces(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    """(arrival time, data) of each read, cut after the last complete event, until the terminator."""
    kept = b""
    while data := connection.recv(65536):
        moment = time.monotonic_ns()
        kept += data
        cut = kept.rfind(b"\n\n") + 2
        if cut > 1:
            yield moment, kept[:cut]
            kept = kept[cut:]
        if kept.endswith(b"0\r\n\r\n"):
            return


def _place(target: Target) -> str:
    return f"http://{target.origin}" if target.proxy else ""


def connect(target: Target) -> socket.socket:
    host, _, port = (target.proxy or target.origin).rpartition(":")
    connection = socket.create_connection((host, int(port)), 120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
