"""What every key store offers, wherever the private key lives.

One key has one job: `log` signs checkpoints, `seal` signs bundle statements and delegates log keys, `root` signs the
trust file and belongs offline. A signature under a key is the same bytes whichever store made it, so a log can move
from one store to another by an ordinary rotation.
"""

from __future__ import annotations

from typing import Final, Protocol

ROLES: Final = ("log", "seal", "root")


class SigningKey(Protocol):
    """One private key. public: 32 raw bytes (Ed25519) or a 65-byte point (P-256). key_id: hex SHA-256 of its SPKI."""

    @property
    def public(self) -> bytes: ...

    @property
    def key_id(self) -> str: ...

    @property
    def algorithm(self) -> str:
        """`ed25519` or `ecdsa-p256-sha256`."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Raises KeyUnavailableError when the store cannot sign now."""
        ...


class KeyProvider(Protocol):
    """Where the recorder's signing keys come from."""

    def signing_key(self, role: str) -> SigningKey:
        """The key of one role. Raises KeyFileError when it cannot be used."""
        ...
