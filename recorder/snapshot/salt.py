"""The secret behind a table's row commitments: 32 bytes in a 0600 file of the recorder, one for each table."""

from __future__ import annotations

import secrets
from pathlib import Path

from recorder.anchoring.placed import place_name
from recorder.errors import KeyFileError
from recorder.keys import read_private
from recorder.keys.secret_files import write_new
from recorder.snapshot.row import SALT_BYTES


def salt_path(folder: Path, table: str) -> Path:
    """Where the salt of a table is. folder: the recorder's. table: `platform:dataset/schema.table` or the like."""
    return folder / "rows" / f"{place_name(table)}.salt"


def read_salt(path: Path) -> bytes:
    """Raises KeyFileError."""
    try:
        salt = bytes.fromhex(read_private(path).decode("ascii").strip())
    except ValueError:
        salt = b""
    if len(salt) != SALT_BYTES:
        raise KeyFileError(f"{path} is not a table salt.", "It must hold 32 bytes as 64 hex digits.")
    return salt


def create_salt(path: Path) -> bytes:
    """The salt, made new when there is none. Raises KeyFileError."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(path, f"{secrets.token_hex(SALT_BYTES)}\n".encode())
    return read_salt(path)
