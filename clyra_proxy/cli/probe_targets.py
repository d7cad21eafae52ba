"""What `clyra doctor` puts round the proxy to see which way a call takes: a relay before it, an upstream behind it.

The relay stands where clients think the proxy is, and notes every tunnel asked for; the upstream notes every
connection that arrives. A call seen by the upstream and not by the relay went round the proxy. Both listen on loopback
for as long as the context is open. The upstream's certificate is signed by nobody, so no call can succeed by accident.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable

_LONGEST_HEAD = 65_536
_PATIENCE_S = 60.0
_REQUEST_LINE = re.compile(rb"^([A-Z]+) (\S+) HTTP/1\.[01]\r\n")
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
FORBIDDEN = 403
_STATUS_LINE = re.compile(rb"^HTTP/1\.[01] (\d{3})")


class _Listener:
    """Accepts on a loopback port and serves each connection in its own thread until closed."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            client.settimeout(_PATIENCE_S)
            threading.Thread(target=self._serve_quietly, args=(client,), daemon=True).start()

    def _serve_quietly(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), client:
            self._serve(client)


class Relay(_Listener):
    """Hands everything on to the proxy. tunnels: port asked for -> status of the proxy's answer to CONNECT.

    stand_in: where policy refuses the doctor's upstream (403), the relay answers the call itself with a certificate of
    the authority, so that trust can be judged all the same; None leaves it at the refusal. trusted: ports of calls that
    accepted that certificate and sent a request.
    """

    def __init__(self, proxy: tuple[str, int], stand_in: ssl.SSLContext | None = None) -> None:
        self._proxy = proxy
        self._stand_in = stand_in
        self.tunnels: dict[int, int] = {}
        self.trusted: set[int] = set()
        super().__init__(self._hand_on)

    def _hand_on(self, client: socket.socket) -> None:
        head = client.recv(_LONGEST_HEAD)
        asked = _port_asked_for(head)
        with socket.create_connection(self._proxy, timeout=_PATIENCE_S) as onward:
            onward.sendall(head)
            answer = onward.recv(_LONGEST_HEAD)
            status = _STATUS_LINE.match(answer)
            if asked:
                self.tunnels[asked] = int(status[1]) if status else 0
            if head.startswith(b"CONNECT ") and self._stand_in is not None and self.tunnels.get(asked) == FORBIDDEN:
                self._answer_instead(client, asked, self._stand_in)
                return
            client.sendall(answer)
            back = threading.Thread(target=_pump, args=(onward, client), daemon=True)
            back.start()
            _pump(client, onward)
            back.join()

    def _answer_instead(self, client: socket.socket, port: int, context: ssl.SSLContext) -> None:
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(client, server_side=True) as secured:
            while secured.recv(_LONGEST_HEAD):
                self.trusted.add(port)
                secured.sendall(_OK)


class Upstream(_Listener):
    """An HTTPS server that answers every request with 200. arrivals: connections accepted."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.arrivals = 0
        super().__init__(self._answer)

    def _answer(self, client: socket.socket) -> None:
        self.arrivals += 1
        with self._context.wrap_socket(client, server_side=True) as secured:
            while secured.recv(_LONGEST_HEAD):
                secured.sendall(_OK)


def _port_asked_for(head: bytes) -> int:
    line = _REQUEST_LINE.match(head)
    if line is None:
        return 0
    target = line[2].decode("latin-1").partition("://")[2].partition("/")[0] or line[2].decode("latin-1")
    port = target.rpartition(":")[2]
    return int(port) if port.isdigit() else 0


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_LONGEST_HEAD):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
