"""The recorder's small HTTP/1.1 server: one request at a time on a connection, bounded in every direction.

Parsing is httptools' (llhttp). A request needs Content-Length, may not be pipelined, and has at most 16 KiB of head and
4 MiB of body; anything else gets one short problem+json answer and a closed connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import httptools
import orjson

MAX_HEAD_BYTES = 16_384
MAX_BODY_BYTES = 4 << 20
MAX_TARGET = 1024
READ_BYTES = 65_536
IDLE_S = 75.0
REQUEST_S = 30.0
_LOOK_S = 15.0
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    507: "Insufficient Storage",
}


@dataclass(slots=True)
class Request:
    """One complete request. local: it came over the Unix socket, which only the owner can open."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    local: bool


@dataclass(frozen=True, slots=True)
class Response:
    """Status, JSON-able document, and whether to ask the client to come back later."""

    status: int
    document: object
    retry_after: int = 0
    close: bool = False

    def to_bytes(self) -> bytes:
        body = orjson.dumps(self.document)
        media = "application/json" if self.status < 400 else "application/problem+json"
        head = f"HTTP/1.1 {self.status} {_REASONS[self.status]}\r\n"
        head += f"content-type: {media}\r\ncontent-length: {len(body)}\r\n"
        if self.retry_after:
            head += f"retry-after: {self.retry_after}\r\n"
        if self.close:
            head += "connection: close\r\n"
        return head.encode() + b"\r\n" + body


def problem(status: int, title: str, retry_after: int = 0, *, close: bool = False) -> Response:
    """An error answer (RFC 9457)."""
    return Response(status, {"title": title, "status": status}, retry_after, close)


type Handler = Callable[[Request, "Connection"], None]
"""Takes a request; must call `connection.reply` exactly once, now or later."""


@dataclass(eq=False)
class Connection(asyncio.BufferedProtocol):
    """One client connection. first: a request that was read before the connection came to this loop."""

    handler: Handler
    connections: set[Connection]
    local: bool
    first: Request | None = None
    max_connections: int = 512
    max_target: int = MAX_TARGET
    _transport: asyncio.Transport | None = None
    _busy: bool = False
    _closing: bool = False
    _head_size: int = 0
    _headers: dict[str, str] = field(default_factory=dict)
    _target: str = ""
    _body: list[bytes] = field(default_factory=list)
    _body_size: int = 0
    _refused: Response | None = None
    _leaving: Callable[[socket.socket], None] | None = None
    _timer: asyncio.TimerHandle | None = None
    _active: float = 0.0
    _began: float = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - stream servers hand in nothing else
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._parser = httptools.HttpRequestParser(self)
        self.connections.add(self)
        if len(self.connections) > self.max_connections:
            self._finish(problem(503, "too many connections", 1, close=True))
        self._active = self._loop.time()
        self._look()
        if self.first is not None and not self._closing:
            self._busy = True
            request, self.first = self.first, None
            self.handler(request, self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._closing:
            return
        self._active = self._loop.time()
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except httptools.HttpParserError:
            self._refused = self._refused or problem(400, "not an HTTP/1.1 request this server takes", close=True)
        if self._refused is not None and not self._busy:
            self._finish(self._refused)
        if self._leaving is not None:
            self._leave(self._leaving)

    def on_message_begin(self) -> None:
        if self._busy:
            self._refuse(problem(400, "requests may not be pipelined", close=True))
        self._headers, self._target, self._body = {}, "", []
        self._head_size = self._body_size = 0
        self._began = self._active

    def on_url(self, url: bytes) -> None:
        self._target += url.decode("latin-1")
        if len(self._target) > self.max_target:
            self._refuse(problem(400, "the target is too long", close=True))

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        if key in self._headers or len(self._headers) >= 32:
            self._refuse(problem(400, "a header is repeated, or there are too many", close=True))
        self._headers[key] = value.decode("latin-1")
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD_BYTES:
            self._refuse(problem(400, "the head is too long", close=True))

    def on_headers_complete(self) -> None:
        length = self._headers.get("content-length", "0")
        if "transfer-encoding" in self._headers or not length.isdigit():
            self._refuse(problem(400, "a body needs Content-Length", close=True))
        if "upgrade" in self._headers:
            self._refuse(problem(400, "no upgrade here", close=True))
        if int(length) > MAX_BODY_BYTES:
            self._refuse(problem(413, f"at most {MAX_BODY_BYTES} bytes", close=True))

    def on_body(self, data: bytes) -> None:
        self._body_size += len(data)
        if self._body_size > MAX_BODY_BYTES:
            self._refuse(problem(413, f"at most {MAX_BODY_BYTES} bytes", close=True))
        self._body.append(data)

    def on_message_complete(self) -> None:
        self._busy = True
        method = self._parser.get_method().decode("latin-1")
        self.handler(Request(method, self._target, self._headers, b"".join(self._body), self.local), self)

    def reply(self, response: Response) -> None:
        """Answer the request in hand."""
        self._busy = False
        self._began = 0.0
        self._finish(self._refused or response)

    def reply_from_elsewhere(self, response: Response) -> None:
        """Answer the request in hand from another thread, or from this one."""
        with contextlib.suppress(RuntimeError):  # its loop is gone, and it with it
            self._loop.call_soon_threadsafe(self.reply, response)

    def leave(self, to: Callable[[socket.socket], None]) -> None:
        """Instead of a reply: hand the socket to another loop, which answers the request in hand."""
        self._leaving = to

    def _leave(self, to: Callable[[socket.socket], None]) -> None:
        self._leaving = None
        if self._transport is None:
            return
        if self._refused is not None:
            self.reply(self._refused)
            return
        try:
            copy = socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno()))
        except OSError:
            self.reply(problem(503, "too many open files", 1, close=True))
            return
        self._closing = True
        self._transport.abort()  # closes this loop's descriptor, not the connection
        to(copy)

    def shut(self) -> None:
        """Close now if idle; a request in hand is answered first."""
        self._closing = not self._busy
        if self._transport is not None and not self._busy:
            self._transport.close()

    def _refuse(self, response: Response) -> None:
        self._refused = response
        raise httptools.HttpParserError("refused")

    def _finish(self, response: Response) -> None:
        if self._transport is None:
            return
        self._transport.write(response.to_bytes())
        if response.close:
            self._closing = True
            self._transport.close()

    def _look(self) -> None:
        """Let go of an idle or dawdling client; one that waits for a commit is never let go."""
        if self._transport is None:
            return
        now = self._loop.time()
        dawdling = self._began and now - self._began > REQUEST_S
        if not self._busy and (dawdling or now - self._active > IDLE_S):
            self._transport.close()
        else:
            self._timer = self._loop.call_later(_LOOK_S, self._look)
