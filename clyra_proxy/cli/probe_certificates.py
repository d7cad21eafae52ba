"""Certificates for the listeners of `clyra doctor`: one that nobody should trust, one that clients of Clyra must.

Both name loopback only and expire within the hour.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "clyra doctor")])


def untrusted_context() -> ssl.SSLContext:
    """A server context with a self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _context(key, _builder(key, _NAME).sign(key, hashes.SHA256()))


def stand_in_context(authority: Path) -> ssl.SSLContext | None:
    """A server context with a certificate signed by the authority in a PEM file; None when its key is not readable."""
    try:
        pem = authority.read_bytes()
        signer = serialization.load_pem_private_key(pem, None)
        issuer = x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(signer, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        return None
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    origin = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = _builder(key, issuer.subject).add_extension(purpose, critical=False)
    return _context(key, builder.add_extension(origin, critical=False).sign(signer, hashes.SHA256()))


def _builder(key: ec.EllipticCurvePrivateKey, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return (
        x509.CertificateBuilder(issuer, _NAME, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )


def _context(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    encodings = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with tempfile.TemporaryDirectory() as folder:  # 0700; ssl takes keys from files alone
        pem = Path(folder) / "doctor.pem"
        pem.write_bytes(key.private_bytes(*encodings) + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(pem)
    return context
