"""A small intercepting proxy for tests of clients: it answers every request itself and remembers who asked for what.

It speaks just enough: CONNECT (RFC 9110 section 9.3.6), TLS with a leaf of a test authority for the name asked for,
one HTTP/1.1 request after another, and requests in absolute form.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from base64 import b64decode
from dataclasses import dataclass, field

from tests.support.certificates import Authority


@dataclass(slots=True)
class Seen:
    """One request. target: `host:port` of the tunnel or URL. user: user name of the proxy credentials."""

    target: str
    path: str
    user: str
    secure: bool


@dataclass
class InterceptingProxy:
    """Use as a context manager. refuse: answer CONNECT with this status line instead of 200."""

    authority: Authority
    refuse: str = ""
    requests: list[Seen] = field(default_factory=list)
    tunnels: list[str] = field(default_factory=list)

    def __enter__(self) -> InterceptingProxy:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._contexts: dict[str, ssl.SSLContext] = {}
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_quietly, args=(client,), daemon=True).start()

    def _serve_quietly(self, client: socket.socket) -> None:
        try:
            with client:
                client.settimeout(30)
                self._serve(client)
        except (OSError, ValueError, IndexError):
            return

    def _serve(self, client: socket.socket) -> None:
        head = _read_head(client)
        method, target, _ = head[0].split(" ", 2)
        user = _user(head)
        if method != "CONNECT":
            host, _, path = target.partition("://")[2].partition("/")
            self.requests.append(Seen(host, f"/{path}", user, False))
            client.sendall(_answer(host, f"/{path}"))
            return
        self.tunnels.append(target)
        if self.refuse:
            client.sendall(f"HTTP/1.1 {self.refuse}\r\nClyra-Reason: test\r\nContent-Length: 0\r\n\r\n".encode())
            return
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        secure = client.recv(1, socket.MSG_PEEK) == b"\x16"
        inner = self._context(target.rpartition(":")[0]).wrap_socket(client, server_side=True) if secure else client
        with inner:
            while True:
                path = _read_head(inner)[0].split(" ")[1]
                self.requests.append(Seen(target, path, user, secure))
                inner.sendall(_answer(target, path))

    def _context(self, host: str) -> ssl.SSLContext:
        if host not in self._contexts:
            self._contexts[host] = self.authority.leaf(host.strip("[]")).server_context(("http/1.1",))
        return self._contexts[host]


def _read_head(sock: socket.socket) -> list[str]:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(1)
        if not more:
            raise ValueError("the client went away")
        data += more
    return data.decode("latin-1").split("\r\n")


def _user(head: list[str]) -> str:
    for line in head:
        name, _, value = line.partition(":")
        if name.lower() == "proxy-authorization":
            return b64decode(value.strip().split(" ")[1]).decode().partition(":")[0]
    return ""


def _answer(target: str, path: str) -> bytes:
    body = json.dumps({"through": "proxy", "target": target, "path": path}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
