"""The secret of a service: from the environment or a file, never from the policy, never in a message."""

from __future__ import annotations

import os
from pathlib import Path

from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.services import Credential
from clyra_proxy.services.failure import Cause, ServiceFailure

LONGEST = 16 << 10


class Secret:
    """A header with a secret. Raises PolicyError when it cannot be had at load, so that no call goes without it."""

    def __init__(self, settings: Credential, base_dir: Path, owner: str) -> None:
        self._settings = settings
        self._file = base_dir / settings.file if settings.file else None
        try:
            self._value = self._read()
        except (OSError, ValueError) as error:
            place = f"file {settings.file}" if settings.file else f"environment variable {settings.env}"
            raise PolicyError(
                f"{owner} has no credential: {place} gives no usable secret.",
                str(error) if isinstance(error, ValueError) else f"The system says: {error.strerror}.",
                "Put the secret there; it must be one line of printable characters.",
            ) from error

    @property
    def header(self) -> tuple[str, str]:
        return self._settings.header, self._settings.prefix + self._value

    def read_again(self) -> bool:
        """Take the file's present content; true when it changed. Blocks. Raises ServiceFailure (SECRET)."""
        if self._file is None:
            return False
        try:
            value = self._read()
        except (OSError, ValueError) as error:
            raise ServiceFailure(Cause.SECRET) from error
        changed, self._value = value != self._value, value
        return changed

    def _read(self) -> str:
        if self._file is not None:
            with self._file.open("rb") as file:
                value = file.read(LONGEST + 1).decode("ascii", "replace").strip()
        else:
            value = os.environ.get(self._settings.env or "", "").strip()
        if not value:
            raise ValueError("It is empty or not set.")
        if len(value) > LONGEST or not value.isascii() or not value.isprintable():
            raise ValueError("It has more than one line, or characters a header cannot carry.")
        return value
