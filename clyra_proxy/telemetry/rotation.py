"""An append-only file that many processes share and that rotates by size.

Guarantees: a block handed to `append` lands whole and unmixed with other processes' blocks (one O_APPEND write);
after a rotation no process writes to a rotated file, so a reader that has drained it has seen all of it; files and
lock are 0600. How: writers hold a shared flock on `<name>.lock` while they look up and write, the one that rotates
holds it exclusively (flock(2), open(2) O_APPEND). Rotated files are `<name>.1` (newest) to `<name>.<keep>`.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MODE = 0o600


def lock_path(path: Path) -> Path:
    """The file that writers lock while they rotate; it stays."""
    return path.with_name(path.name + ".lock")


def rotated_path(path: Path, number: int) -> Path:
    """Where the log of `number` rotations ago is."""
    return path.with_name(f"{path.name}.{number}")


@contextmanager
def locked(descriptor: int, operation: int) -> Iterator[None]:
    """Hold a lock on an open file. operation: of `fcntl.flock`."""
    fcntl.flock(descriptor, operation)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class RotatingFile:
    """One process's handle on the shared file. Not thread-safe: one thread appends.

    max_bytes: the file is rotated before the append that would make it larger. keep: rotated files kept (>= 1).
    Raises OSError when the place cannot be opened or written.
    """

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = max(1, keep)
        self._lock = os.open(lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        self._file = -1
        self._inode = -1
        self._torn = False

    def append(self, block: bytes) -> int:
        """Write one or more whole lines; return how many bytes of `block` were written.

        Fewer than all means the device is full; the next append then starts on a new line, so that the torn line stays
        the only damaged one. Raises OSError when nothing could be written.
        """
        with locked(self._lock, fcntl.LOCK_SH):
            self._reopen_if_moved()
            size = os.fstat(self._file).st_size
            if size + len(block) <= self._max_bytes or size == 0:
                return self._write(block)
        with locked(self._lock, fcntl.LOCK_EX):
            self._reopen_if_moved()  # another process may have rotated while we waited
            size = os.fstat(self._file).st_size
            if size > 0 and size + len(block) > self._max_bytes:
                self._rotate()
            return self._write(block)

    def close(self) -> None:
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def _write(self, block: bytes) -> int:
        if self._torn:
            os.write(self._file, b"\n")
            self._torn = False
        written = os.write(self._file, block)
        while 0 < written < len(block):
            try:
                written += os.write(self._file, memoryview(block)[written:])
            except OSError:
                self._torn = True
                break
        return written

    def _reopen_if_moved(self) -> None:
        try:
            inode = self._path.stat().st_ino
        except FileNotFoundError:
            inode = -2
        if inode != self._inode or self._file < 0:
            self._open()

    def _open(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        status = os.fstat(self._file)
        if stat.S_IMODE(status.st_mode) & 0o077:  # made by someone else, for instance by logrotate
            os.fchmod(self._file, _MODE)
        self._inode = status.st_ino
        self._torn = False

    def _rotate(self) -> None:
        for number in range(self._keep, 1, -1):
            older = rotated_path(self._path, number - 1)
            if older.exists():
                older.replace(rotated_path(self._path, number))
        self._path.replace(rotated_path(self._path, 1))
        self._open()
