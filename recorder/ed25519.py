"""Ed25519 as this format uses it: strict public keys, one verification rule, key ids.

A public key must be the canonical encoding of a point that is not of small order; the fourteen encodings that are not
(eight small-order points and their aliases) would let one signature verify for many messages, so they are refused when
a trust file is loaded. Reference: RFC 8032, C2SP CCTV ed25519 vectors.
"""

from __future__ import annotations

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_P = 2**255 - 19
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _P - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)
_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")


def is_weak(public: bytes) -> bool:
    """True for a key that must not be trusted: wrong length, not canonical, or of small order."""
    if len(public) != 32:
        return True
    y = int.from_bytes(public, "little") & (2**255 - 1)
    return y >= _P or y in _SMALL_ORDER_Y


def spki(public: bytes) -> bytes:
    """SubjectPublicKeyInfo (DER) of the key (RFC 8410)."""
    return _SPKI_PREFIX + public


def key_id(public: bytes) -> str:
    """Hex SHA-256 of the SubjectPublicKeyInfo (DER) of the key."""
    return sha256(spki(public)).hexdigest()


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is the key's signature over `message`.

    One whose R is of small order is refused, because WebCrypto lets an implementation do so.
    """
    if len(signature) != 64 or is_weak(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
