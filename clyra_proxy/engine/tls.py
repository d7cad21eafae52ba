"""TLS contexts for clients and upstreams: mitmproxy's own, without its side doors.

Upstream certificates are verified against the name the client asked for; client-side leaf certificates are minted
from the authority in `confdir`. mitmproxy's answer to a magic certificate-revocation URL is switched off: nothing
but the addons' denials may answer in an upstream's place.
"""

from __future__ import annotations

from mitmproxy.addons.tlsconfig import TlsConfig


class EngineTls(TlsConfig):
    """mitmproxy's TLS configuration addon, kept under its own name so that options and reload work unchanged."""

    name = "tlsconfig"
    request = None  # type: ignore[assignment]

    def load_authority(self) -> None:
        """Read the certificate authority and certificates from `confdir`."""
        self.configure({"confdir", "certs"})  # type: ignore[no-untyped-call]

    def reload(self) -> None:
        """Read the certificate authority and certificates again; new handshakes use them. Raises on a bad file."""
        previous = self.certstore
        try:
            self.load_authority()
        except Exception:
            self.certstore = previous
            raise
