"""Files that hold secrets: 0600, written whole or not at all, and refused when others can read them."""

from __future__ import annotations

import os
from pathlib import Path

from recorder import durable
from recorder.errors import KeyFileError

SOURCE_KEY_BYTES = 32
_LIMIT = 65_536


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
            return file.read(_LIMIT)
    except OSError as error:
        raise KeyFileError(
            f"Cannot read the key {path}: {error.strerror}.", "", "Run `clyra-recorder init` to create missing keys."
        ) from None


def write_new(path: Path, content: bytes) -> bool:
    """Write a new 0600 file, durable, whole or not at all; False when it is already there. Raises KeyFileError."""
    if path.exists():
        return False
    try:
        return durable.create(path, content)
    except OSError as error:
        raise KeyFileError(f"Cannot write the key {path}: {error.strerror}.") from None


def replace(path: Path, content: bytes) -> None:
    """Put new content in place of a file, 0600, durable, in one step. Raises KeyFileError."""
    try:
        durable.replace(path, content)
    except OSError as error:
        raise KeyFileError(f"Cannot write {path}: {error.strerror}.") from None


def read_source_key(path: Path) -> bytes:
    """A source key: 32 bytes as hex. Raises KeyFileError."""
    try:
        key = bytes.fromhex(read_private(path).decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != SOURCE_KEY_BYTES:
        raise KeyFileError(f"{path} is not a source key.", "It must hold 32 bytes as 64 hex digits.")
    return key
