"""The certificate authority that signs what intercepted clients see.

Guarantees: the key is an EC P-256 key in a file only its owner can read; the certificate carries what strict
verifiers ask for (RFC 5280: critical basicConstraints and keyUsage, subject key identifier; Python 3.13 sets
VERIFY_X509_STRICT); a missing or unusable authority stops the start with one clear message, and is never silently
replaced, because every client would have to trust the new one.

Rotation overlaps: `stage_rotation` publishes the next certificate in the bundle while the old key still signs;
once clients have picked the bundle up, `complete_rotation` switches the signing key, and the old certificate stays
in the bundle until `retire_previous`.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.engine.trust_bundle import compose_bundle
from clyra_proxy.errors import StartupError
from clyra_proxy.home import Home

LIFETIME = timedelta(days=5 * 365)
CLOCK_SKEW = timedelta(days=2)
_KEY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
_INIT = "Create one with `clyra init`, or put your own there."


@dataclass(frozen=True, slots=True)
class Authority:
    """A usable certificate authority. sha256: fingerprint of the certificate (hex); expires: UTC."""

    certificate: x509.Certificate
    sha256: str
    expires: datetime


def authority_file(home: Home) -> Path:
    """Key and certificate in one PEM file, under the name the engine's certificate store looks for."""
    return home.ca / "mitmproxy-ca.pem"


def create_ca(home: Home) -> Authority:
    """Make the authority and publish its certificate and bundle. Raises StartupError when there already is one."""
    path = authority_file(home)
    if path.exists():
        raise StartupError(
            f"There already is a certificate authority in {path}.",
            "Replacing it would break every client that trusts it.",
            "Use it as it is, or rotate it with `clyra proxy rotate-ca`.",
        )
    home.create()
    write_atomically(path, _generate())
    return publish(home)


def load_ca(home: Home) -> Authority:
    """Read and check the authority. Raises StartupError: missing, unreadable, damaged, mismatched or expired."""
    path = authority_file(home)
    pem = _read(path)
    try:
        key = serialization.load_pem_private_key(pem, None)
        certificate = x509.load_pem_x509_certificate(pem)
    except (ValueError, TypeError) as error:
        raise StartupError(
            f"The certificate authority in {path} is damaged.",
            f"It must hold one unencrypted private key and its certificate in PEM form ({error}).",
            "Restore it from a copy, or move it away and run `clyra init`.",
        ) from error
    _check(path, key.public_key(), certificate)
    return Authority(certificate, certificate.fingerprint(hashes.SHA256()).hex(), certificate.not_valid_after_utc)


def publish(home: Home) -> Authority:
    """Write `ca-cert.pem` and `ca-bundle.pem` to match the authority, its successor and its predecessor."""
    authority = load_ca(home)
    current = authority.certificate.public_bytes(serialization.Encoding.PEM)
    others = [_certificate_of(path) for path in (_next_file(home), _previous_file(home)) if path.exists()]
    for path, content in (
        (home.ca_certificate, b"".join((current, *others))),
        (home.ca_bundle, compose_bundle((current, *others))),
    ):
        if not path.exists() or path.read_bytes() != content:
            write_atomically(path, content, mode=0o644)
    return authority


def stage_rotation(home: Home) -> Path:
    """First step: make the next authority and publish it beside the one that still signs. Returns the bundle."""
    load_ca(home)
    if _next_file(home).exists():
        raise StartupError(
            f"A rotation is already under way: {_next_file(home)} exists.",
            "Its certificate is already published in the bundle.",
            "Finish it with `clyra proxy rotate-ca --complete`.",
        )
    write_atomically(_next_file(home), _generate())
    publish(home)
    return home.ca_bundle


def complete_rotation(home: Home) -> Authority:
    """Second step: the next authority signs from now on; the old certificate stays published, its key is gone."""
    upcoming = _next_file(home)
    if not upcoming.exists():
        raise StartupError(
            "There is no rotation to complete.",
            f"{upcoming} does not exist.",
            "Start one with `clyra proxy rotate-ca`, and let clients pick up the new bundle first.",
        )
    write_atomically(_previous_file(home), _certificate_of(authority_file(home)), mode=0o644)
    upcoming.replace(authority_file(home))
    return publish(home)


def retire_previous(home: Home) -> Authority:
    """Last step: stop publishing the old certificate."""
    _previous_file(home).unlink(missing_ok=True)
    return publish(home)


def _next_file(home: Home) -> Path:
    return home.ca / "next-ca.pem"


def _previous_file(home: Home) -> Path:
    return home.ca / "previous-ca-cert.pem"


def _certificate_of(path: Path) -> bytes:
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(serialization.Encoding.PEM)


def _read(path: Path) -> bytes:
    try:
        pem = path.read_bytes()
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise StartupError(
            f"The certificate authority is missing: {path}.",
            "Without it no TLS connection can be inspected.",
            _INIT,
        ) from error
    except OSError as error:
        raise StartupError(
            f"The certificate authority {path} cannot be read.",
            f"The system says: {error.strerror}.",
            "Make it readable for the user that runs the proxy, and for nobody else.",
        ) from error
    if mode & stat.S_IROTH:
        raise StartupError(
            f"The certificate authority {path} can be read by every user of this machine.",
            "Whoever holds its key can impersonate any site to the clients that trust it.",
            f"Run `chmod 600 {path}`, and rotate it if others may have copied it.",
        )
    return pem


def _check(path: Path, public_key: object, certificate: x509.Certificate) -> None:
    now = datetime.now(UTC)
    problem = ""
    if public_key != certificate.public_key():
        problem = "Its private key does not belong to its certificate."
    elif not _may_sign(certificate):
        problem = "Its certificate is not allowed to sign others (basicConstraints CA:TRUE and keyUsage keyCertSign)."
    elif certificate.not_valid_after_utc <= now:
        problem = f"It expired on {certificate.not_valid_after_utc:%Y-%m-%d}."
    elif certificate.not_valid_before_utc > now:
        problem = f"It is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}; is the clock right?"
    if problem:
        raise StartupError(
            f"The certificate authority in {path} cannot be used.",
            problem,
            "Move it away and run `clyra init`, then give clients the new bundle.",
        )


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return constraints.ca and usage.key_cert_sign


def _generate() -> bytes:
    """A fresh key (PKCS #8) and self-signed certificate, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC).replace(microsecond=0)
    serial = x509.random_serial_number()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"Clyra local authority {serial & 0xFFFFFFFF:08x}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Clyra"),
        ]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=serial)
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_KEY_USAGE, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
