"""Public keys of every algorithm this format knows: one form, one key id, one verification rule for each.

Ed25519 (32 bytes, RFC 8032, see `ed25519`), ECDSA on P-256 with SHA-256 (65-byte uncompressed point; signatures are
strict DER, FIPS 186-5), and, for identity providers only, RSA with PKCS#1 v1.5 and SHA-256 (SPKI DER, 2048 to 8192
bits, exponent 65537). The algorithm comes from the trusted side, never from the message. A key id is hex SHA-256 of
the SPKI.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from recorder import ed25519

ED25519: Final = "ed25519"
P256: Final = "ecdsa-p256-sha256"
RSA: Final = "rsa-pkcs1-sha256"
SIGNING: Final = (ED25519, P256)
"""What the recorder's own keys may be."""
KNOWN: Final = (ED25519, P256, RSA)

_P256_SPKI_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def spki(algorithm: str, public: bytes) -> bytes:
    """SubjectPublicKeyInfo (DER). Raises ValueError for an unknown algorithm."""
    if algorithm == ED25519:
        return ed25519.spki(public)
    if algorithm == P256:
        return _P256_SPKI_PREFIX + public
    if algorithm == RSA:
        return public
    raise ValueError(f"unknown algorithm {algorithm}")


def key_id(algorithm: str, public: bytes) -> str:
    """Hex SHA-256 of the key's SPKI. Raises ValueError for an unknown algorithm."""
    return sha256(spki(algorithm, public)).hexdigest()


def is_weak(algorithm: str, public: bytes) -> bool:
    """True for a key that must not be trusted: malformed, not canonical, of small order, too short, or unknown."""
    if algorithm == ED25519:
        return ed25519.is_weak(public)
    if algorithm == P256:
        return _point(public) is None
    return algorithm != RSA or _rsa(public) is None


def verifies(algorithm: str, public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is the key's signature over `message`."""
    if algorithm == ED25519:
        return ed25519.verifies(public, signature, message)
    try:
        if algorithm == P256:
            point = _point(public)
            if point is None or not _is_strict_der(signature):
                return False
            point.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif algorithm == RSA:
            key = _rsa(public)
            if key is None:
                return False
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _point(public: bytes) -> ec.EllipticCurvePublicKey | None:
    if len(public) != 65 or public[0] != 4:
        return None
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    except ValueError:
        return None


def _is_strict_der(signature: bytes) -> bool:
    """One byte form per signature: minimal DER, both numbers in 1..n-1."""
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        return False
    return 0 < r < _P256_ORDER and 0 < s < _P256_ORDER and encode_dss_signature(r, s) == signature


def _rsa(public: bytes) -> rsa.RSAPublicKey | None:
    from cryptography.hazmat.primitives import serialization  # slow to load, and rarely needed

    try:
        key = serialization.load_der_public_key(public)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, rsa.RSAPublicKey) or not 2048 <= key.key_size <= 8192 or key.public_numbers().e != 65_537:
        return None
    canonical = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key if canonical == public else None
