"""Raw clients: they send exactly the bytes a test wants and judge the answer's framing themselves.

`Http1Client` is a socket with a careful HTTP/1.1 reader; `Http2Client` is h2 with the flow in the test's hand. Both can
go straight to a server, or through a proxy with CONNECT. Rule: an answer is `complete` only when its own framing says
so; an answer that merely stops is not.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

type Address = tuple[str, int]


@dataclass(slots=True)
class Answer:
    """One response. complete: its framing was satisfied. raw: the bytes as they came (HTTP/1.1). reset: HTTP/2 code."""

    status: int = 0
    reason: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False
    trailers: list[tuple[str, str]] = field(default_factory=list)
    informational: list[int] = field(default_factory=list)
    raw: bytes = b""
    reset: int | None = None

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)


class SocketEnded(Exception):
    """The peer closed (or reset) while bytes were still wanted."""


def dial(
    address: Address,
    *,
    proxy: Address | None = None,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    proxy_headers: str = "",
    timeout: float = 20.0,
) -> socket.socket:
    """A connected socket to `address`: direct, or through `proxy` with CONNECT; TLS on top when `tls` is given.

    Raises SocketEnded with the proxy's status line when CONNECT is refused.
    """
    connection = socket.create_connection(proxy or address, timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if proxy is not None:
        host, port = address
        connection.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{proxy_headers}\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            byte = connection.recv(1)
            if not byte:
                raise SocketEnded(f"CONNECT got {head!r}, then the end")
            head += byte
        if not head.startswith(b"HTTP/1.1 200"):
            connection.close()
            raise SocketEnded(head.decode("latin-1"))
    if tls is not None:
        return tls.wrap_socket(connection, server_hostname=server_name or address[0])
    return connection


class Http1Client:
    """A socket that can read HTTP/1.1 answers. Use as a context manager."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._buffer = bytearray()
        self._raw = bytearray()

    def __enter__(self) -> Http1Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes, piece: int = 0) -> None:
        """Send bytes, `piece` at a time when given (each its own write)."""
        if not piece:
            self.socket.sendall(data)
            return
        for at in range(0, len(data), piece):
            self.socket.sendall(data[at : at + piece])

    def request(self, method: str, target: str, host: str, body: bytes = b"", headers: str = "") -> Answer:
        """Send one well-formed request (Content-Length when there is a body) and read its answer."""
        length = f"Content-Length: {len(body)}\r\n" if body or method in ("POST", "PUT", "PATCH") else ""
        self.send(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{length}{headers}\r\n".encode() + body)
        return self.read(method)

    def read(self, method: str = "GET") -> Answer:
        """The next final answer, with the informational ones before it noted. Never raises on a short body."""
        self._raw = bytearray()
        answer = Answer()
        try:
            self._head(answer)
            while 100 <= answer.status < 200 and answer.status != 101:
                answer.informational.append(answer.status)
                answer.fields = []
                self._head(answer)
            if method == "HEAD" or answer.status in (101, 204, 304):
                answer.complete = True
            else:
                self._body(answer)
        except SocketEnded:
            pass
        answer.raw = bytes(self._raw)
        return answer

    def rest(self) -> bytes:
        """Everything until the peer closes."""
        data = bytes(self._buffer)
        self._buffer.clear()
        try:
            while piece := self.socket.recv(65536):
                data += piece
        except OSError:
            pass
        return data

    def _head(self, answer: Answer) -> None:
        lines = self._until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        _, status, *reason = lines[0].split(" ", 2)
        answer.status, answer.reason = int(status), "".join(reason)
        answer.fields = [(key, value.strip()) for key, _, value in (line.partition(":") for line in lines[1:])]

    def _body(self, answer: Answer) -> None:
        if "chunked" in (answer.header("transfer-encoding") or "").lower():
            self._chunks(answer)
        elif (length := answer.header("content-length")) is not None:
            left = int(length)
            while left:
                piece = self._some(left)
                answer.body += piece
                left -= len(piece)
            answer.complete = True
        else:
            try:
                while True:
                    answer.body += self._some(1 << 20)
            except SocketEnded as ended:
                answer.complete = str(ended) == "eof"

    def _chunks(self, answer: Answer) -> None:
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            while size:
                piece = self._some(size)
                answer.body += piece
                size -= len(piece)
            self._until(b"\r\n")
        while (line := self._until(b"\r\n")) != b"\r\n":
            key, _, value = line[:-2].decode("latin-1").partition(":")
            answer.trailers.append((key, value.strip()))
        answer.complete = True

    def _more(self) -> None:
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            raise SocketEnded("timeout") from None
        except OSError:
            raise SocketEnded("reset") from None
        if not data:
            raise SocketEnded("eof")
        self._buffer += data
        self._raw += data

    def _until(self, mark: bytes) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            self._more()
        return self._take(at + len(mark))

    def _some(self, limit: int) -> bytes:
        if not self._buffer:
            self._more()
        return self._take(limit)

    def _take(self, count: int) -> bytes:
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found


class Http2Client:
    """HTTP/2 over a connected socket (TLS with ALPN h2, or prior knowledge). Use as a context manager."""

    def __init__(self, connection: socket.socket, scheme: str = "https") -> None:
        self.socket = connection
        self.scheme = scheme
        self.goaway: int | None = None
        self.h2 = H2Connection(H2Configuration(client_side=True, validate_outbound_headers=False))
        self.h2.initiate_connection()
        self._answers: dict[int, Answer] = {}
        self.ended = ""
        self._flush()

    def __enter__(self) -> Http2Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def open(
        self, method: str, path: str, authority: str, headers: list[tuple[str, str]] | None = None, *, end: bool = True
    ) -> int:
        """Send a request head; returns the stream id. `end=False` when a body follows."""
        stream = self.h2.get_next_available_stream_id()
        block = [(":method", method), (":scheme", self.scheme), (":authority", authority), (":path", path)]
        self._answers[stream] = Answer()
        self.h2.send_headers(stream, block + (headers or []), end_stream=end)
        self._flush()
        return stream

    def data(self, stream: int, body: bytes, *, end: bool = True, piece: int = 16384) -> bool:
        """Send body bytes, honouring flow control. Returns False when the peer ended the stream meanwhile."""
        answer = self._answers[stream]
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, piece)
            if room <= 0:
                if not self._receive():
                    return False
            else:
                self.h2.send_data(stream, body[:room])
                body = body[room:]
                self._flush()
            if answer.complete or answer.reset is not None or self.ended:
                return False
        if end:
            self.h2.end_stream(stream)
            self._flush()
        return True

    def reset(self, stream: int, code: int = 8) -> None:
        self.h2.reset_stream(stream, code)
        self._flush()

    def answer(self, stream: int) -> Answer:
        """Read until the stream is over (or the connection is)."""
        answer = self._answers[stream]
        while not answer.complete and answer.reset is None and self._receive():
            pass
        return answer

    def request(
        self, method: str, path: str, authority: str, body: bytes = b"", headers: list[tuple[str, str]] | None = None
    ) -> Answer:
        stream = self.open(method, path, authority, headers, end=not body)
        if body:
            self.data(stream, body)
        return self.answer(stream)

    def _receive(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except OSError as error:
            self.ended = type(error).__name__
            return False
        if not data:
            self.ended = "eof"
            return False
        for event in self.h2.receive_data(data):
            self._react(event)
        self._flush()
        return True

    def _react(self, event: object) -> None:
        if isinstance(event, ConnectionTerminated):
            self.goaway = int(event.error_code or 0)
            return
        answer = self._answers.get(getattr(event, "stream_id", None) or 0)
        if answer is None:
            return
        if isinstance(event, InformationalResponseReceived):
            answer.informational.append(int(dict(_text(event.headers))[":status"]))
        elif isinstance(event, ResponseReceived):
            answer.fields = _text(event.headers)
            answer.status = int(dict(answer.fields)[":status"])
        elif isinstance(event, DataReceived):
            answer.body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, TrailersReceived):
            answer.trailers = _text(event.headers)
        elif isinstance(event, StreamEnded):
            answer.complete = True
        elif isinstance(event, StreamReset):
            answer.reset = int(event.error_code or 0)

    def _flush(self) -> None:
        if data := self.h2.data_to_send():
            try:
                self.socket.sendall(data)
            except OSError as error:
                self.ended = type(error).__name__


def _text(headers: object) -> list[tuple[str, str]]:
    return [
        (name.decode("latin-1"), value.decode("latin-1")) if isinstance(name, bytes) else (name, value)
        for name, value in headers  # type: ignore[attr-defined]
    ]
