"""Raw clients: they send exactly the bytes a test wants and judge the answer's framing themselves.

`Http1Client` is a socket with a careful HTTP/1.1 reader; `Http2Client` is h2 with the flow in the test's hand. Both can
go straight to a server, or through a proxy with CONNECT. Rule: an answer is `complete` only when its own framing says
so; an answer that merely stops is not.
"""

from __future__ import annotations

import socket
import ssl

from tests.support.raw_answer import Address, Answer, SocketEnded
from tests.support.raw_http2 import Http2Client

__all__ = ["Address", "Answer", "Http1Client", "Http2Client", "SocketEnded", "dial"]


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
