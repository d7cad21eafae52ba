"""Files that clients need beside variables: a Java trust store and wget's settings, made from the CA bundle."""

from __future__ import annotations

import hashlib
import warnings

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.cli.client_variables import TRUST_STORE_PASSWORD, ClientSettings, wget_settings_text
from clyra_proxy.errors import StartupError
from clyra_proxy.home import Home


def client_settings(
    home: Home, host: str, port: int, *, agent: str = "", run: str = "", token: str = "", exempt: tuple[str, ...] = ()
) -> ClientSettings:
    """Settings for clients of the proxy at host:port, with their files in place. Raises StartupError without a CA."""
    bundle = home.ca_bundle
    if not bundle.exists() or not home.ca_certificate.exists():
        raise StartupError(
            f"There is no certificate authority in {home.ca}.",
            "Clients could not trust the proxy.",
            "Make one with 'clyra init', or name the right data folder with --home.",
        )
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()[:16]
    settings = ClientSettings(
        host=host,
        port=port,
        ca_certificate=home.ca_certificate,
        ca_bundle=bundle,
        java_trust_store=home.ca / f"truststore-{digest}.p12",
        wget_settings=home.ca / "wgetrc",
        agent=agent,
        run=run,
        token=token,
        exempt=exempt,
    )
    _write_missing(settings)
    return settings


def _write_missing(settings: ClientSettings) -> None:
    """Raises StartupError when the data folder cannot be written."""
    store = settings.java_trust_store
    if not store.exists():
        write_atomically(store, java_trust_store(settings.ca_bundle.read_bytes()), mode=0o644)
    wanted = wget_settings_text(settings).encode()
    if not settings.wget_settings.exists() or settings.wget_settings.read_bytes() != wanted:
        write_atomically(settings.wget_settings, wanted, mode=0o644)


def java_trust_store(bundle: bytes) -> bytes:
    """A PKCS #12 trust store of all certificates in a PEM bundle, as Java 8u301 and later read it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some public roots have serial numbers that RFC 5280 no longer allows
        roots = x509.load_pem_x509_certificates(bundle)
    certificates = [
        pkcs12.PKCS12Certificate(certificate, f"root-{number}".encode()) for number, certificate in enumerate(roots)
    ]
    return pkcs12.serialize_java_truststore(certificates, BestAvailableEncryption(TRUST_STORE_PASSWORD.encode()))
