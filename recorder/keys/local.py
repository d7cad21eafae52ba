"""A private key held in this process: the file store's, and the log key, which signs too often to live elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder import public_key

type Private = Ed25519PrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class LocalKey:
    """An Ed25519 or P-256 private key in memory."""

    private: Private
    public: bytes
    key_id: str
    algorithm: str = public_key.ED25519

    @classmethod
    def of(cls, private: Private) -> LocalKey:
        """Raises ValueError for a curve other than P-256."""
        if isinstance(private, Ed25519PrivateKey):
            algorithm, public = public_key.ED25519, private.public_key().public_bytes_raw()
        elif isinstance(private.curve, ec.SECP256R1):
            algorithm, public = public_key.P256, point_of(private.public_key())
        else:
            raise ValueError(f"a key on {private.curve.name}; only Ed25519 and P-256 are known")  # noqa: TRY004
        return cls(private, public, public_key.key_id(algorithm, public), algorithm)

    @classmethod
    def generate(cls) -> LocalKey:
        """A new Ed25519 key."""
        return cls.of(Ed25519PrivateKey.generate())

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(message)
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))


def point_of(public: ec.EllipticCurvePublicKey) -> bytes:
    """The uncompressed point, 65 bytes on P-256."""
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
