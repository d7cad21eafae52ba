"""Client certificates: verified here, because the TLS layer underneath accepts any.

Guarantees: a chain that does not end at an authority of `identity.client_ca`, is out of date, may not sign, or is not
for client authentication is rejected; the name comes from the certificate that was verified and nothing else. The
X.509 profile is the web PKI's (RFC 5280, CA/Browser Forum), except that a subject without alternative names may be
known by its common name, as private authorities still issue them. Revocation lists are not read: issue certificates
that live shorter than you are willing to wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from clyra_proxy.errors import PolicyError
from clyra_proxy.exchange import Identity

_LEAF_POLICY = ExtensionPolicy.webpki_defaults_ee().may_be_present(
    x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
)
_AUTHORITY_POLICY = ExtensionPolicy.webpki_defaults_ca()
_LONGEST_NAME = 256


class CertificateRejectedError(Exception):
    """The chain does not verify. The text is for a person and holds nothing secret."""


class ClientAuthorities:
    """The authorities that client certificates must chain to."""

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        self._store = Store(list(certificates))

    @classmethod
    def load(cls, path: Path) -> ClientAuthorities:
        """From a PEM file. Raises PolicyError."""
        try:
            certificates = x509.load_pem_x509_certificates(path.read_bytes())
        except OSError as error:
            raise PolicyError(
                f"identity.client_ca: cannot read {path}.", f"The system says: {error.strerror}."
            ) from error
        except ValueError as error:
            raise PolicyError(
                f"identity.client_ca: {path} holds no PEM certificate.", todo="Give the authority's certificate in PEM."
            ) from error
        return cls(certificates)

    def verify(self, chain: Sequence[x509.Certificate], now: datetime | None = None) -> Identity:
        """Who the leaf (first of `chain`) is. now: time to verify at, UTC. Raises CertificateRejectedError."""
        if not chain:
            raise CertificateRejectedError("no certificate")
        verifier = (
            PolicyBuilder()
            .store(self._store)
            .time(now or datetime.now(UTC))
            .extension_policies(ca_policy=_AUTHORITY_POLICY, ee_policy=_LEAF_POLICY)
            .build_client_verifier()
        )
        try:
            verifier.verify(chain[0], list(chain[1:]))
        except (VerificationError, ValueError) as error:
            raise CertificateRejectedError("the client certificate does not verify") from error
        return _identity(chain[0])


def _identity(leaf: x509.Certificate) -> Identity:
    name = _name(leaf)
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise CertificateRejectedError("the client certificate names nobody")
    return Identity(
        agent=name,
        auth="mtls",
        detail=(
            ("certificate_sha256", leaf.fingerprint(SHA256()).hex()),
            ("certificate_serial", f"{leaf.serial_number:x}"),
            ("certificate_issuer", leaf.issuer.rfc4514_string()[:_LONGEST_NAME]),
        ),
    )


def _name(leaf: x509.Certificate) -> str:
    """First URI (SPIFFE), else DNS name, else e-mail address, else common name."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    for kind in (x509.UniformResourceIdentifier, x509.DNSName, x509.RFC822Name):
        if found := names.get_values_for_type(kind):
            return str(found[0])
    common = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else ""
