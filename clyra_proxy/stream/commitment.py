"""The salted commitment to a body: HMAC-SHA256 (RFC 2104, FIPS 198-1) of its raw bytes under a 32-byte salt.

A key of fixed length below the block size makes HMAC binding and hiding. Most bodies come in one chunk; for those the
two hashes are computed directly, which costs two thirds of setting up the library's HMAC object.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

SALT_BYTES = 32
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_INNER_REST = b"\x36" * (64 - SALT_BYTES)
_OUTER_REST = b"\x5c" * (64 - SALT_BYTES)


class Commitment:
    """Fed with `update`, read with `hexdigest`. salt: exactly 32 bytes."""

    __slots__ = ("_digest", "_first", "_salt")

    def __init__(self, salt: bytes) -> None:
        if len(salt) != SALT_BYTES:
            raise ValueError(f"the salt must have {SALT_BYTES} bytes, not {len(salt)}")
        self._salt = salt
        self._first = b""
        self._digest: hmac.HMAC | None = None

    def update(self, raw: bytes) -> None:
        if self._digest is not None:
            self._digest.update(raw)
        elif self._first:
            self._digest = hmac.new(self._salt, self._first, "sha256")
            self._digest.update(raw)
            self._first = b""
        else:
            self._first = raw

    def hexdigest(self) -> str:
        """Lower-case hex of the commitment to everything so far."""
        if self._digest is not None:
            return self._digest.hexdigest()
        salt = self._salt
        inner = sha256(salt.translate(_INNER) + _INNER_REST + self._first).digest()
        return sha256(salt.translate(_OUTER) + _OUTER_REST + inner).hexdigest()
