"""Signatures in Go and in Python: the same keys are refused, the same signatures hold, in every algorithm."""

from __future__ import annotations

import random
from collections.abc import Iterator

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from recorder import public_key
from tests.support.go_verifier import GoVerifier

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PRIME = 2**255 - 19
MESSAGE = b"what was signed"

type Case = tuple[str, bytes, bytes, bytes]
"""Algorithm, public key, signature, message."""


def _ed25519() -> Iterator[Case]:
    private = Ed25519PrivateKey.generate()
    public, signature = private.public_key().public_bytes_raw(), private.sign(MESSAGE)
    yield from _around(public_key.ED25519, public, signature)
    small = [0, 1, PRIME - 1, PRIME, PRIME + 1, 2**255 - 1]
    small.append(2707385501144840649318225287225658788936804267575313519463743609750303402022)
    small.append(55188659117513257062467267217118295137698188065244968500265048394206261417927)
    for number in small:
        for sign in (0, 1 << 255):
            point = (number | sign).to_bytes(32, "little")
            yield public_key.ED25519, point, signature, MESSAGE
            yield public_key.ED25519, public, point + signature[32:], MESSAGE
            yield public_key.ED25519, point, point + bytes(32), MESSAGE
    scalar = int.from_bytes(signature[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    yield public_key.ED25519, public, signature[:32] + scalar.to_bytes(32, "little"), MESSAGE


def _p256() -> Iterator[Case]:
    private = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PublicFormat.UncompressedPoint, serialization.PublicFormat.CompressedPoint
    public, compressed = (private.public_key().public_bytes(serialization.Encoding.X962, one) for one in form)
    signature = private.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))
    yield from _around(public_key.P256, public, signature)
    yield public_key.P256, compressed, signature, MESSAGE
    yield public_key.P256, b"\x00", signature, MESSAGE
    r, s = decode_dss_signature(signature)
    for pair in ((r, ORDER - s), (r, s + ORDER), (r + ORDER, s), (0, s), (r, 0), (r, ORDER), (ORDER - r, s)):
        yield public_key.P256, public, encode_dss_signature(*pair), MESSAGE
    yield public_key.P256, public, r.to_bytes(32) + s.to_bytes(32), MESSAGE
    yield public_key.P256, public, b"\x30\x81" + signature[1:], MESSAGE
    yield public_key.P256, public, signature + b"\x00", MESSAGE
    wide = b"\x02\x22\x00" + b"\x00" + r.to_bytes(32) + b"\x02\x20" + s.to_bytes(32)
    yield public_key.P256, public, b"\x30" + bytes([len(wide)]) + wide, MESSAGE


def _rsa() -> Iterator[Case]:
    for bits, exponent in ((2048, 65_537), (2047, 65_537), (1024, 65_537), (2048, 3), (3072, 65_537)):
        private = rsa.generate_private_key(exponent, bits)
        form = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1
        public, bare = (private.public_key().public_bytes(serialization.Encoding.DER, one) for one in form)
        signature = private.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())
        if (bits, exponent) == (2048, 65_537):
            yield from _around(public_key.RSA, public, signature)
            yield public_key.RSA, bare, signature, MESSAGE
            yield public_key.RSA, public, b"\x00" + signature, MESSAGE
            yield public_key.RSA, public, private.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA1()), MESSAGE
        yield public_key.RSA, public, signature, MESSAGE


def _around(algorithm: str, public: bytes, signature: bytes) -> Iterator[Case]:
    """The good one, and ones with something changed."""
    chance = random.Random(algorithm)
    yield algorithm, public, signature, MESSAGE
    yield algorithm, public, signature, b""
    yield "none", public, signature, MESSAGE
    for _ in range(30):
        parts = [public, signature, MESSAGE]
        which = chance.randrange(3)
        changed = bytearray(parts[which])
        at = chance.randrange(len(changed))
        match chance.randrange(3):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                del changed[at]
            case _:
                changed.insert(at, chance.randrange(256))
        parts[which] = bytes(changed)
        yield algorithm, *parts
    for other in public_key.KNOWN:
        yield other, public, signature, MESSAGE


def test_every_key_and_signature(go: GoVerifier) -> None:
    cases = [*_ed25519(), *_p256(), *_rsa()]
    lines = [
        " ".join([algorithm, *(part.hex() or "-" for part in parts)]).encode() + b"\n" for algorithm, *parts in cases
    ]
    answers = go.run("crypto", stdin=b"".join(lines)).stdout.decode().split()
    wanted = [
        "good"
        if not public_key.is_weak(algorithm, public) and public_key.verifies(algorithm, public, signature, message)
        else "bad"
        for algorithm, public, signature, message in cases
    ]
    assert [case for case, want, got in zip(cases, wanted, answers, strict=True) if want != got] == []
    assert wanted.count("good") >= 4
