"""A copy of the newest signed checkpoint outside the database: it shows when an older copy of the log came back."""

from __future__ import annotations

import os
from pathlib import Path

_LIMIT = 4096


class Tip:
    """An open tip file. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._bytes = os.fstat(self._descriptor).st_size

    def read(self) -> bytes:
        """What was written last, b"" for a new file."""
        return os.pread(self._descriptor, _LIMIT, 0).rstrip(b"\x00")

    def write(self, signed: bytes) -> None:
        """In one write; nothing of a longer checkpoint stays behind a shorter one."""
        os.pwrite(self._descriptor, signed.ljust(self._bytes, b"\x00"), 0)
        self._bytes = max(self._bytes, len(signed))

    def close(self) -> None:
        os.close(self._descriptor)
