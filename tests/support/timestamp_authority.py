"""A time stamp authority: its own certificates, real CMS tokens made by `openssl ts`, behind a small HTTP server."""

from __future__ import annotations

import datetime
import http.server
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CONFIG = """
[tsa]
default_tsa = tsa1
[tsa1]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class Authority:
    """Files of one authority in a folder. root: PEM. root_der, signer_der: certificates."""

    folder: Path
    root_der: bytes
    signer_der: bytes

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    def reply(self, query: bytes) -> bytes:
        """A TimeStampResp for a TimeStampReq, both DER."""
        asked, answered = self.folder / "query.tsq", self.folder / "reply.tsr"
        asked.write_bytes(query)
        config = self.folder / "tsa.cnf"
        subprocess.run(
            ["openssl", "ts", "-reply", "-config", config, "-queryfile", asked, "-out", answered],
            check=True,
            capture_output=True,
            timeout=30,
        )
        return answered.read_bytes()


def make_authority(
    folder: Path,
    usage: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
    valid_for: datetime.timedelta = datetime.timedelta(days=30),
) -> Authority:
    """Keys and certificates of an authority. valid_for: of the signing certificate, from two days ago plus this."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test TSA root")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test TSA")])
    root = (
        _builder(issuer, issuer, root_key.public_key(), begin, datetime.timedelta(days=400))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    signer = (
        _builder(issuer, subject, key.public_key(), begin, datetime.timedelta(days=2) + valid_for)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usage), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    (folder / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    (folder / "signer.pem").write_bytes(signer.public_bytes(serialization.Encoding.PEM))
    (folder / "signer.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder))
    der = serialization.Encoding.DER
    return Authority(folder, root.public_bytes(der), signer.public_bytes(der))


def _builder(
    issuer: x509.Name,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begin: datetime.datetime,
    span: datetime.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + span)
    )


@contextmanager
def serving(authority: Authority) -> Iterator[str]:
    """The authority's URL while the block runs. One request at a time: the serial file is not shared."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            reply = authority.reply(body) if self.headers["content-type"] == "application/timestamp-query" else b""
            self.send_response(200 if reply else 415)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            """Nothing: tests read answers, not logs."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsa"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
