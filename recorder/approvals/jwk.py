"""JSON Web Keys (RFC 7517, RFC 7518, RFC 8037) as the verifier takes keys: P-256, Ed25519 and RSA, nothing else."""

from __future__ import annotations

from typing import Any

from recorder import public_key, trust
from recorder.approvals import errors
from recorder.approvals.errors import Refusal
from recorder.approvals.proofs import trusted_key
from recorder.web_encoding import WebEncodingError, decode_base64url


def key_of(jwk: dict[str, Any], issuer: str) -> trust.TrustedKey:
    """A key of this issuer. Raises Refusal for one that is not usable."""
    try:
        kind = jwk.get("kty")
        if kind == "EC" and jwk.get("crv") == "P-256":
            point = b"\x04" + _field(jwk, "x").rjust(32, b"\0") + _field(jwk, "y").rjust(32, b"\0")
            return trusted_key(public_key.P256, point, iss=issuer)
        if kind == "OKP" and jwk.get("crv") == "Ed25519":
            return trusted_key(public_key.ED25519, _field(jwk, "x"), iss=issuer)
        if kind == "RSA":
            return trusted_key(public_key.RSA, rsa_key(_field(jwk, "n"), _field(jwk, "e")), iss=issuer)
    except (WebEncodingError, ValueError, KeyError, TypeError):
        pass
    raise Refusal(errors.APPROVER, "The identity provider's key is of no usable kind.")


def rsa_key(modulus: bytes, exponent: bytes) -> bytes:
    """SPKI of an RSA key. Raises ValueError."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    public = rsa.RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus)).public_key()
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _field(jwk: dict[str, Any], name: str) -> bytes:
    return decode_base64url(jwk[name])
