"""The secret of a data folder that salts what state keeps: hashes of prompts, tools and payloads, placeholders.

Guarantees: 32 random bytes, made once, the same for every worker whoever came first, readable by the owner only. Who
has the state file without it cannot test guesses against the hashes.
"""

from __future__ import annotations

import os
from pathlib import Path

from clyra_proxy.errors import StartupError
from recorder.durable import create

SECRET_BYTES = 32
SECRET_FILE = "state.key"  # noqa: S105 - the name of a file
"""Name of the file in the data folder."""


def shared_secret(path: Path) -> bytes:
    """The secret at `path`, made when there is none. Raises StartupError."""
    try:
        create(path, os.urandom(SECRET_BYTES), 0o600)
        secret = path.read_bytes()
    except OSError as error:
        raise StartupError(
            f"The secret {path} cannot be read.",
            f"The system says: {error.strerror}.",
            "Fix the folder's permissions, or choose another with --home or CLYRA_HOME.",
        ) from error
    if len(secret) != SECRET_BYTES:
        raise StartupError(
            f"The secret {path} is damaged.",
            f"It has {len(secret)} bytes, not {SECRET_BYTES}.",
            "Restore it from a backup; or remove it and accept that pins, budgets and drift start anew.",
        )
    return secret
