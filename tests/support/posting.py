"""One request body over any pair of protocols: HTTP/1.1 or HTTP/2 to the proxy, either to the upstream."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from tests.support.proxy import RunningProxy
from tests.support.raw import Answer, Http1Client, Http2Client, dial
from tests.support.replies import split
from tests.support.upstream import Upstream

PIECE = 50_000
"""Bytes of one chunk, one write, or at most one DATA frame."""


@dataclass(frozen=True, slots=True)
class Way:
    """client, server: `h1` or `h2`. framing: `length` or `chunked` (for an HTTP/2 client: without content-length)."""

    client: str
    server: str
    framing: str

    def __str__(self) -> str:
        return f"{self.client}-{self.server}-{self.framing}"


WAYS = tuple(Way(*choice) for choice in product(("h1", "h2"), ("h1", "h2"), ("length", "chunked")))


@dataclass(frozen=True, slots=True)
class Pair:
    """An upstream for each protocol; both offer that one alone."""

    h1: Upstream
    h2: Upstream

    def of(self, way: Way) -> Upstream:
        return self.h2 if way.server == "h2" else self.h1

    def clear(self) -> None:
        for upstream in (self.h1, self.h2):
            upstream.journal.clear()
            upstream.routes.table.clear()


def send(
    proxy: RunningProxy,
    upstream: Upstream,
    way: Way,
    path: str,
    body: bytes,
    fields: Iterable[tuple[str, str]] = (("content-type", "application/json"),),
    method: str = "POST",
) -> Answer:
    """Send one request; stops sending when the answer or the end comes first.

    The proxy offers the upstream what the client offered it: one that would rather have HTTP/1.1 but takes HTTP/2 too
    gets the first and reaches an HTTP/2 upstream.
    """
    authority = f"localhost:{upstream.tls_port}"
    offers = ("h2",) if way.client == "h2" else ("http/1.1", "h2")
    socket = dial(("localhost", upstream.tls_port), proxy=proxy.address, tls=proxy.trust(offers))
    if way.client == "h2":
        with Http2Client(socket) as client:
            length = [("content-length", str(len(body)))] if way.framing == "length" else []
            stream = client.open(method, path, authority, [*fields, *length], end=False)
            client.data(stream, body, piece=PIECE)
            return client.answer(stream)
    with Http1Client(socket) as client:
        head = [f"{method} {path} HTTP/1.1", f"Host: {authority}", *(f"{name}: {value}" for name, value in fields)]
        with contextlib.suppress(OSError):
            for part in framed(head, body, way.framing):
                client.send(part)
        return client.read(method)


def framed(head: list[str], body: bytes, framing: str) -> Iterator[bytes]:
    """The parts of an HTTP/1.1 request as they go on the wire."""
    if framing == "length":
        yield "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode("latin-1")
        yield from split(body, PIECE)
    else:
        yield "\r\n".join([*head, "Transfer-Encoding: chunked", "", ""]).encode("latin-1")
        for part in split(body, PIECE):
            yield b"%x\r\n%b\r\n" % (len(part), part)
        yield b"0\r\n\r\n"
