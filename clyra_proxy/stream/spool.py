"""Keeping a body on disk until all of it has passed (`atomic: spool`), readable by nobody but this process.

Guarantees: the file has no name (it is unlinked as it is made), every byte in it is encrypted with a key that lives
only in this object (AES-256-GCM, one nonce a block, the block number authenticated), and what is read back is what was
written or an error. Small bodies never touch the disk.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK = 64 * 1024
IN_MEMORY = 256 * 1024
_TAG = 16


class SpoolFullError(Exception):
    """The disk did not take the body."""


class Spool:
    """Write with `append`, then read once with `read`. directory: None keeps to the system's temporary folder."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._pending = bytearray()
        self._file: BinaryIO | None = None
        self._blocks: list[int] = []
        self._cipher = AESGCM(AESGCM.generate_key(256))

    def append(self, raw: bytes) -> None:
        """Keep `raw`. Raises SpoolFullError."""
        self._pending += raw
        if len(self._pending) <= IN_MEMORY:
            return
        whole = len(self._pending) // BLOCK * BLOCK
        try:
            for start in range(0, whole, BLOCK):
                self._write(bytes(self._pending[start : start + BLOCK]))
        except OSError as error:
            self.close()
            raise SpoolFullError from error
        del self._pending[:whole]

    def read(self) -> Iterator[bytes]:
        """Yield the body in pieces of at most `BLOCK` bytes, decrypting as it goes, and close the file at the end."""
        try:
            if self._file is not None:
                self._file.seek(0)
                for number, size in enumerate(self._blocks):
                    sealed = self._file.read(size + _TAG)
                    yield self._cipher.decrypt(_nonce(number), sealed, None)
            for start in range(0, len(self._pending), BLOCK):
                yield bytes(self._pending[start : start + BLOCK])
        finally:
            self.close()

    def close(self) -> None:
        """Forget the body. Safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._pending.clear()
        self._blocks.clear()

    def _write(self, block: bytes) -> None:
        if self._file is None:
            descriptor, name = tempfile.mkstemp(prefix="body-", dir=self._directory)
            Path(name).unlink()
            self._file = os.fdopen(descriptor, "w+b", buffering=0)
        sealed = self._cipher.encrypt(_nonce(len(self._blocks)), block, None)
        view = memoryview(sealed)
        while view:
            view = view[self._file.write(view) :]
        self._blocks.append(len(block))


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
