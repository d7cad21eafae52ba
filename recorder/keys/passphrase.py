"""Where the passphrase of encrypted key files comes from; it is never an argument and never logged.

In this order: a file descriptor (`CLYRA_KEY_PASSPHRASE_FD`, read once), a file (`CLYRA_KEY_PASSPHRASE_FILE`, 0600), a
systemd credential (`$CREDENTIALS_DIRECTORY/clyra-key-passphrase`, which systemd-creds seals with the machine's TPM or
host key), the environment (`CLYRA_KEY_PASSPHRASE`). Nothing set means: keys are kept in the clear, 0600.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from recorder.errors import KeyFileError
from recorder.keys.secret_files import read_private

VARIABLE = "CLYRA_KEY_PASSPHRASE"
FILE_VARIABLE = "CLYRA_KEY_PASSPHRASE_FILE"
DESCRIPTOR_VARIABLE = "CLYRA_KEY_PASSPHRASE_FD"
CREDENTIAL = "clyra-key-passphrase"
SECRETS = frozenset({VARIABLE, "CLYRA_PKCS11_PIN", "CLYRA_TRANSIT_TOKEN", "CLYRA_ROOT_PASSPHRASE"})
"""Variables that hold a secret themselves; only a recorder needs them."""
_LIMIT = 4096
_read_descriptors: dict[str, bytes] = {}


def find_passphrase(environment: Mapping[str, str] | None = None) -> bytes | None:
    """The passphrase, or None when none is configured. Raises KeyFileError when its source cannot be used."""
    given = os.environ if environment is None else environment
    if descriptor := given.get(DESCRIPTOR_VARIABLE):
        return _checked(_from_descriptor(descriptor), f"the file descriptor {descriptor}")
    if name := given.get(FILE_VARIABLE):
        return _checked(read_private(Path(name)), name)
    if folder := given.get("CREDENTIALS_DIRECTORY"):
        path = Path(folder) / CREDENTIAL
        if path.exists():
            return _checked(read_private(path), str(path))
    if text := given.get(VARIABLE):
        return _checked(text.encode(), VARIABLE)
    return None


def find_secret(name: str, environment: Mapping[str, str] | None = None) -> bytes | None:
    """Another secret from a systemd credential `clyra-<name>`, or the variable `CLYRA_<NAME>`; None when not set."""
    given = os.environ if environment is None else environment
    if folder := given.get("CREDENTIALS_DIRECTORY"):
        path = Path(folder) / f"clyra-{name}"
        if path.exists():
            return _checked(read_private(path), str(path))
    text = given.get("CLYRA_" + name.replace("-", "_").upper())
    return text.encode() if text else None


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a process that has no business with keys."""
    return {name: value for name, value in environment.items() if name not in SECRETS}


@contextmanager
def for_child() -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """Environment and descriptors with which a child process finds the same passphrase.

    A descriptor can be read once only, so the child gets a fresh one.
    """
    name = os.environ.get(DESCRIPTOR_VARIABLE)
    if not name:
        yield dict(os.environ), ()
        return
    content = _from_descriptor(name)
    reading, writing = os.pipe()
    try:
        os.write(writing, content)  # at most 4 KiB: a pipe takes it without a reader
        os.close(writing)
        yield {**os.environ, DESCRIPTOR_VARIABLE: str(reading)}, (reading,)
    finally:
        os.close(reading)


def _from_descriptor(text: str) -> bytes:
    if text not in _read_descriptors:
        try:
            with os.fdopen(int(text), "rb") as file:
                _read_descriptors[text] = file.read(_LIMIT)
        except (ValueError, OSError) as error:
            raise KeyFileError(
                f"Cannot read the passphrase from {DESCRIPTOR_VARIABLE}={text}.",
                str(error),
                "It names an open file descriptor, for example: CLYRA_KEY_PASSPHRASE_FD=3 clyra ... 3<file",
            ) from None
    return _read_descriptors[text]


def _checked(raw: bytes, source: str) -> bytes:
    """Without its final line end; never empty."""
    found = raw.removesuffix(b"\n").removesuffix(b"\r")
    if not found:
        raise KeyFileError(f"The passphrase from {source} is empty.", "", "Put a long random passphrase there.")
    return found
