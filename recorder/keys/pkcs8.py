"""Private keys as PKCS#8 PEM, in the clear or encrypted with a passphrase.

Encryption is PBES2 (RFC 8018) with PBKDF2-HMAC-SHA-256 and AES-256-CBC, which every crypto library reads. The
structure is written here because the iteration count of ready-made writers (2,048) is too small for a passphrase that a
person chose; we take 600,000. Reading is left to the library.
"""

from __future__ import annotations

import base64
import os
import textwrap

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from recorder.errors import KeyFileError
from recorder.keys.local import LocalKey, Private

ITERATIONS = 600_000
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
_PBES2, _PBKDF2 = bytes.fromhex("06092a864886f70d01050d"), bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("300c06082a864886f70d02090500")
_AES256_CBC = bytes.fromhex("060960864801650304012a")


def is_encrypted(pem: bytes) -> bool:
    """Whether a key file wants a passphrase."""
    return pem.lstrip().startswith(_ENCRYPTED)


def write_pem(private: Private, passphrase: bytes | None) -> bytes:
    """The key file's content."""
    form = serialization.PrivateFormat.PKCS8
    if passphrase is None:
        return private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    plain = private.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
    body = "\n".join(textwrap.wrap(base64.b64encode(_encrypt(plain, passphrase)).decode(), 64))
    return f"{_ENCRYPTED.decode()}\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode()


def read_pem(pem: bytes, passphrase: bytes | None, name: str) -> LocalKey:
    """The key of a file. name: of the file, for messages. Raises KeyFileError."""
    encrypted = is_encrypted(pem)
    if encrypted and passphrase is None:
        raise KeyFileError(
            f"{name} is encrypted, and no passphrase was given.",
            "Nothing names one.",
            "Set CLYRA_KEY_PASSPHRASE_FILE (or _FD, or a systemd credential `clyra-key-passphrase`).",
        )
    try:
        private = serialization.load_pem_private_key(pem, password=passphrase if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if encrypted:
            raise KeyFileError(
                f"{name} cannot be decrypted.", "The passphrase is wrong, or the file is damaged.", ""
            ) from None
        raise KeyFileError(f"{name} is not a private key.", str(error)) from None
    if not isinstance(private, Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyFileError(f"{name} is not an Ed25519 or P-256 key.")
    try:
        return LocalKey.of(private)
    except ValueError as error:
        raise KeyFileError(f"{name} cannot be used: {error}.") from None


def _encrypt(plain: bytes, passphrase: bytes) -> bytes:
    """EncryptedPrivateKeyInfo (RFC 5958), DER."""
    salt, vector = os.urandom(16), os.urandom(16)
    key = PBKDF2HMAC(hashes.SHA256(), 32, salt, ITERATIONS).derive(passphrase)
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    sealed = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    count = ITERATIONS.to_bytes(3, "big")
    derivation = _tlv(0x30, _PBKDF2 + _tlv(0x30, _tlv(0x04, salt) + _tlv(0x02, count) + _HMAC_SHA256))
    cipher = _tlv(0x30, _AES256_CBC + _tlv(0x04, vector))
    return _tlv(0x30, _tlv(0x30, _PBES2 + _tlv(0x30, derivation + cipher)) + _tlv(0x04, sealed))


def _tlv(tag: int, content: bytes) -> bytes:
    """One DER element."""
    size = len(content)
    length = (
        bytes([size])
        if size < 128
        else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    )
    return bytes([tag]) + length + content
