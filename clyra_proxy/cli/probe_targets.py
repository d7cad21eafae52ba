"""What `clyra doctor` puts round the proxy to see which way a call takes: a relay before it, an upstream behind it.

The relay stands where clients think the proxy is, and notes every tunnel asked for; the upstream notes every
connection that arrives. A call seen by the upstream and not by the relay went round the proxy. Both listen on loopback
for as long as the context is open. The upstream's certificate is signed by nobody, so no call can succeed by accident.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

_LONGEST_HEAD = 65_536
_PATIENCE_S = 60.0
_REQUEST_LINE = re.compile(rb"^([A-Z]+) (\S+) HTTP/1\.[01]\r\n")
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
    """Hands everything on to the proxy. tunnels: port asked for -> status of the proxy's answers to CONNECT."""

    def __init__(self, proxy: tuple[str, int]) -> None:
        self._proxy = proxy
        self.tunnels: dict[int, int] = {}
        super().__init__(self._hand_on)

    def _hand_on(self, client: socket.socket) -> None:
        head = client.recv(_LONGEST_HEAD)
        asked = _port_asked_for(head)
        with socket.create_connection(self._proxy, timeout=_PATIENCE_S) as onward:
            onward.sendall(head)
            if asked:
                self.tunnels.setdefault(asked, 0)
            back = threading.Thread(
                target=_pump, args=(onward, client, lambda first: self._note(asked, first)), daemon=True
            )
            back.start()
            _pump(client, onward)
            back.join()

    def _note(self, port: int, first: bytes) -> None:
        status = _STATUS_LINE.match(first)
        if port and status:
            self.tunnels[port] = int(status[1])


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
                secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")


def upstream_context() -> ssl.SSLContext:
    """A server context with a fresh self-signed certificate for loopback."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "clyra doctor")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "doctor.pem"
        pem.touch(0o600)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(pem)
    return context


def _port_asked_for(head: bytes) -> int:
    line = _REQUEST_LINE.match(head)
    if line is None:
        return 0
    target = line[2].decode("latin-1").partition("://")[2].partition("/")[0] or line[2].decode("latin-1")
    port = target.rpartition(":")[2]
    return int(port) if port.isdigit() else 0


def _pump(source: socket.socket, sink: socket.socket, note: Callable[[bytes], None] | None = None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_LONGEST_HEAD):
            if note is not None:
                note(data)
                note = None
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
