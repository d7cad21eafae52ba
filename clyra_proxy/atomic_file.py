"""Write a file so that a reader sees the old content or the new one, never a half of it.

The new content goes to a temporary file in the same folder (created with the final mode, so that a secret is never
readable for a moment), is flushed to disk, and takes the old file's place by rename(2); the folder is flushed too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from clyra_proxy.errors import StartupError

_CAUSES = {
    errno.ENOSPC: ("The disk is full.", "Free some space, or choose another folder with --home or CLYRA_HOME."),
    errno.EDQUOT: (
        "The disk quota is used up.",
        "Free some space, or choose another folder with --home or CLYRA_HOME.",
    ),
    errno.EROFS: ("The file system is read-only.", "Choose a writable folder with --home or CLYRA_HOME."),
    errno.EACCES: ("Permission denied.", "Fix the folder's permissions, or choose another with --home or CLYRA_HOME."),
}


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `content`. Raises StartupError that names the file, the cause and what to do."""
    write_chunks(path, (content,), mode)


def write_chunks(path: Path, chunks: Iterable[bytes], mode: int = 0o600) -> None:
    """As `write_atomically`, for content that comes in pieces; what the pieces raise leaves the old file in place."""
    try:
        _replace(path, chunks, mode)
    except OSError as error:
        why, todo = _CAUSES.get(
            error.errno or 0, (f"The system says: {error.strerror}.", "Check the folder, then try again.")
        )
        raise StartupError(f"Cannot write {path}.", why, todo) from error


def _replace(path: Path, chunks: Iterable[bytes], mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            os.fchmod(descriptor, mode)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
