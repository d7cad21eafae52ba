"""The certificate bundle that clients of the proxy trust: public roots + system extras + our own authorities.

Why all three: variables such as SSL_CERT_FILE REPLACE a client's store, so a bundle with our authority alone would
break every connection that does not pass the proxy, and a bundle without the machine's own additions would break
calls to servers inside the company. Certificates are compared by their DER bytes and never parsed: a root with an odd
encoding that some library refuses must not keep the proxy from starting.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path

import certifi

_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\s+[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def compose_bundle(authorities: Iterable[bytes]) -> bytes:
    """One PEM text: `authorities` (PEM, ours) first, then every public and system root not yet in it."""
    seen: set[bytes] = set()
    parts: list[bytes] = []
    for pem in (*authorities, Path(certifi.where()).read_bytes(), *_system_stores()):
        for certificate, der in _certificates(pem):
            if der not in seen:
                seen.add(der)
                parts.append(certificate)
    return b"\n".join(parts) + b"\n"


def _certificates(pem: bytes) -> Iterator[tuple[bytes, bytes]]:
    for match in _PEM_CERTIFICATE.finditer(pem):
        try:
            der = ssl.PEM_cert_to_DER_cert(match.group().decode("ascii"))
        except ValueError:
            continue  # damaged base64 in a store that is not ours: skip that one certificate
        yield match.group().replace(b"\r\n", b"\n"), der


def _system_stores() -> Iterator[bytes]:
    paths = ssl.get_default_verify_paths()
    for candidate in dict.fromkeys((os.environ.get("SSL_CERT_FILE"), paths.cafile, paths.openssl_cafile)):
        if candidate and (store := Path(candidate)).is_file() and os.access(store, os.R_OK):
            yield store.read_bytes()
