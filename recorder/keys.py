"""The recorder's own keys, behind one interface that other key stores can implement.

Three Ed25519 keys with one job each: `log` signs checkpoints, `seal` signs bundle statements, `root` signs the trust
file and belongs offline. A source key is a shared secret with which a source signs what it hands in. The file provider
keeps each key in its own file, 0600, and refuses a file that others can read.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder import ed25519
from recorder.errors import KeyFileError

ROLES = ("log", "seal", "root")
SOURCE_KEY_BYTES = 32


class SigningKey(Protocol):
    """One private key, wherever it lives. public: 32 raw bytes. key_id: hex SHA-256 of its SPKI."""

    @property
    def public(self) -> bytes: ...

    @property
    def key_id(self) -> str: ...

    def sign(self, message: bytes) -> bytes: ...


class KeyProvider(Protocol):
    """Where signing keys come from: files here; PKCS#11, a cloud KMS or Vault elsewhere."""

    def signing_key(self, role: str) -> SigningKey:
        """The key of one role. Raises KeyFileError when it cannot be used."""
        ...


@dataclass(frozen=True, slots=True)
class LocalKey:
    """An Ed25519 private key held in this process."""

    private: Ed25519PrivateKey
    public: bytes
    key_id: str

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> LocalKey:
        public = private.public_key().public_bytes_raw()
        return cls(private, public, ed25519.key_id(public))

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


@dataclass(frozen=True, slots=True)
class FileKeys:
    """Keys as PKCS#8 PEM files `<role>.key` in one folder."""

    folder: Path

    def path(self, role: str) -> Path:
        return self.folder / f"{role}.key"

    def create_missing(self) -> list[str]:
        """Make every key that does not exist yet; return the roles made."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = [role for role in ROLES if _create(self.path(role), _new_private_pem())]
        if _create(self.path("source"), secrets.token_hex(SOURCE_KEY_BYTES).encode() + b"\n"):
            made.append("source")
        return made

    def signing_key(self, role: str) -> LocalKey:
        raw = read_private(self.path(role))
        try:
            private = serialization.load_pem_private_key(raw, password=None)
        except (ValueError, TypeError) as error:
            raise KeyFileError(f"{self.path(role)} is not a private key.", str(error)) from None
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyFileError(f"{self.path(role)} is not an Ed25519 key.")
        return LocalKey.of(private)

    def source_key(self, key_name: str) -> bytes | None:
        """The shared secret of a source key: `source`, or one of `sources/<name>.key`. None if there is none."""
        if key_name == "source":
            path = self.path("source")
        elif key_name.replace("-", "").isalnum() and len(key_name) <= 64:
            path = self.folder / "sources" / f"{key_name}.key"
        else:
            return None
        return read_source_key(path) if path.exists() else None


def read_source_key(path: Path) -> bytes:
    """A source key: 32 bytes as hex. Raises KeyFileError."""
    try:
        key = bytes.fromhex(read_private(path).decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != SOURCE_KEY_BYTES:
        raise KeyFileError(f"{path} is not a source key.", "It must hold 32 bytes as 64 hex digits.")
    return key


def read_private(path: Path) -> bytes:
    """Bytes of a secret file that nobody else can read. Raises KeyFileError."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o077:
                raise KeyFileError(
                    f"{path} can be read by others (mode {mode & 0o777:04o}).",
                    "A key that others can read proves nothing.",
                    f"Make a new key, or run: chmod 600 {path}",
                )
            return file.read(65_536)
    except OSError as error:
        raise KeyFileError(
            f"Cannot read the key {path}: {error.strerror}.", "", "Run `clyra-recorder init` to create missing keys."
        ) from None


def _new_private_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _create(path: Path, content: bytes) -> bool:
    """Write a new 0600 file whole or not at all; False when it is already there."""
    if path.exists():
        return False
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise KeyFileError(f"Cannot write the key {path}: {error.strerror}.") from None
    finally:
        temporary.unlink(missing_ok=True)
    return True
