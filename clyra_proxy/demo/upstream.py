"""The demo's upstream: a real HTTPS server on loopback that remembers what reached it.

It stands for a SaaS API (`/crm/...`) and a model provider (`/v1/...`). Rule: an arrival is `complete` only when its own
framing said so (Content-Length satisfied, or the terminating chunk read), which is what the demo's promises are about.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clyra_proxy.demo.completions import answer_model_call

PIECE = 65536
CLIENT_TIMEOUT_S = 60.0


@dataclass(slots=True)
class Arrival:
    """One request as it reached the upstream. received: body bytes. sha256: of those, hex."""

    method: str
    path: str
    received: int = 0
    complete: bool = False
    sha256: str = ""


class _CutShortError(Exception):
    """The body ended before its framing said so."""


class DemoUpstream:
    """Serves from construction until `close`. certificate: what a client must trust to talk to it."""

    def __init__(self, folder: Path) -> None:
        self.arrivals: list[Arrival] = []
        self.certificate = folder / "upstream.pem"
        key = folder / "upstream.key"
        _write_certificate(self.certificate, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        handler = type("Handler", (_Handler,), {"arrivals": self.arrivals})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, name="demo-upstream", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def arrivals_at(self, path: str) -> list[Arrival]:
        return [arrival for arrival in list(self.arrivals) if arrival.path == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection. `arrivals` is the server's list."""

    protocol_version = "HTTP/1.1"
    timeout = CLIENT_TIMEOUT_S
    disable_nagle_algorithm = True
    arrivals: list[Arrival]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        arrival = Arrival(self.command, self.path.partition("?")[0])
        self.arrivals.append(arrival)
        try:
            body = self._read_body(arrival)
        except (_CutShortError, OSError):
            self.close_connection = True
            return
        arrival.complete = True
        if arrival.path.startswith("/v1/"):
            self._answer_model_call(arrival, body)
            return
        document = {"accepted": True, "received": arrival.received, "sha256": arrival.sha256}
        self._answer(200, "application/json", json.dumps(document).encode())

    def _read_body(self, arrival: Arrival) -> bytes:
        digest = hashlib.sha256()
        kept = bytearray()
        for piece in self._pieces():
            digest.update(piece)
            arrival.received += len(piece)
            arrival.sha256 = digest.hexdigest()
            if len(kept) < PIECE:
                kept += piece
        return bytes(kept)

    def _pieces(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while (size := int(self._line(), 16)) > 0:
                yield from self._exactly(size)
                self._line()
            while self._line():
                pass
        else:
            yield from self._exactly(int(self.headers.get("Content-Length", "0")))

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read(min(size, PIECE))
            if not piece:
                raise _CutShortError
            size -= len(piece)
            yield piece

    def _line(self) -> bytes:
        line = self.rfile.readline(PIECE)
        if not line.endswith(b"\n"):
            raise _CutShortError
        return line.strip()

    def _answer_model_call(self, arrival: Arrival, body: bytes) -> None:
        answer = answer_model_call(arrival.method, arrival.path, body)
        if not answer.events:
            self._answer(answer.status, answer.media_type, answer.body)
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in answer.events:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _answer(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The demo says what happened; a server's log would only be in its way."""


def _write_certificate(certificate: Path, key_file: Path) -> None:
    """A self-signed certificate for localhost, valid for a day; it is its own trust anchor."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Clyra demo upstream")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    public = key.public_key()
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificate.write_bytes(signed.public_bytes(pem))
    key_file.touch(mode=0o600)
    key_file.write_bytes(private)
