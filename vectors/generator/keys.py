"""Keys of the vectors: private keys that everybody can derive from a label, so that everybody can make the vectors.

None of them protects anything. Signing is deterministic: Ed25519, ECDSA with RFC 6979 nonces, RSA with PKCS #1 v1.5.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder import public_key
from recorder.keys import LocalKey

EXPONENT = 65_537
_SMALL = math.prod(number for number in range(3, 2000, 2) if all(number % small for small in range(3, 45, 2)))
"""The product of odd numbers without small factors: what shares one with it is no prime."""


@cache
def key(label: str) -> LocalKey:
    """The Ed25519 key of a label."""
    return LocalKey.of(Ed25519PrivateKey.from_private_bytes(_seed(label)))


@dataclass(frozen=True)
class P256Key:
    """A P-256 key that signs the same bytes in the same way every time."""

    private: ec.EllipticCurvePrivateKey
    public: bytes
    key_id: str
    algorithm: str = public_key.P256

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


@cache
def p256(label: str) -> P256Key:
    """The P-256 key of a label."""
    found = LocalKey.of(ec.derive_private_key(int.from_bytes(_seed(label)) >> 1, ec.SECP256R1()))
    assert isinstance(found.private, ec.EllipticCurvePrivateKey)
    return P256Key(found.private, found.public, found.key_id)


@dataclass(frozen=True)
class RsaKey:
    """An RSA key for ID tokens. public: SPKI DER."""

    private: rsa.RSAPrivateKey
    public: bytes
    key_id: str
    algorithm: str = public_key.RSA

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())


@cache
def rsa_key(label: str, bits: int = 2048, exponent: int = EXPONENT) -> RsaKey:
    """The RSA key of a label."""
    primes = _primes(f"{label}/{bits}/{exponent}", bits // 2, exponent)
    p, q = next(primes), next(primes)
    inverse = pow(exponent, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p,
        q,
        inverse,
        inverse % (p - 1),
        inverse % (q - 1),
        pow(q, -1, p),
        rsa.RSAPublicNumbers(exponent, p * q),
    )
    private = numbers.private_key()
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return RsaKey(private, der, public_key.key_id(public_key.RSA, der))


def _seed(label: str) -> bytes:
    return sha256(b"clyra vectors/" + label.encode()).digest()


def _primes(label: str, bits: int, exponent: int) -> Iterator[int]:
    """Numbers that pass Fermat's test, which loading the key repeats better."""
    for block in range(1 << 20):
        stretched = b"".join(_seed(f"{label}/{block}/{part}") for part in range(bits // 256))
        number = int.from_bytes(stretched) | 3 << (bits - 2) | 1
        if number % exponent != 1 and math.gcd(number, _SMALL) == 1 and pow(2, number - 1, number) == 1:
            yield number
