"""Opens or makes the key a reference means: the one place that knows all the stores there are."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from recorder.errors import KeyFileError
from recorder.keys import pkcs8, secret_files
from recorder.keys.interface import SigningKey
from recorder.keys.local import LocalKey
from recorder.keys.passphrase import find_passphrase
from recorder.keys.reference import FileReference, KeyReference, Pkcs11Reference, TransitReference


def open_key(reference: KeyReference, folder: Path) -> SigningKey:
    """The key a reference means. folder: where relative paths start. Raises KeyFileError, KeyUnavailableError."""
    if isinstance(reference, FileReference):
        return open_file(folder / reference.path)
    if isinstance(reference, Pkcs11Reference):
        from recorder.keys import pkcs11_key

        return pkcs11_key.open_key(reference)
    from recorder.keys import transit_key

    return transit_key.open_key(reference)


def open_file(path: Path, passphrase: bytes | None = None) -> LocalKey:
    """A private key file. passphrase: default is the one configured. Raises KeyFileError."""
    pem = secret_files.read_private(path)
    given = passphrase or (find_passphrase() if pkcs8.is_encrypted(pem) else None)
    return pkcs8.read_pem(pem, given, str(path))


def create_file(path: Path, key: LocalKey, passphrase: bytes | None) -> bool:
    """Write a private key file; False when there is one already."""
    return secret_files.write_new(path, pkcs8.write_pem(key.private, passphrase))


def make_successor(reference: KeyReference, folder: Path, role: str) -> tuple[KeyReference, SigningKey]:
    """A new key in the store of the one it is to replace: durable there when this returns. Raises KeyFileError."""
    if isinstance(reference, FileReference):
        key = LocalKey.generate()
        return new_file(folder, role, key), key
    if isinstance(reference, Pkcs11Reference):
        from recorder.keys import pkcs11_key

        successor = replace(reference, label=_next_label(reference.label))
        return successor, pkcs11_key.generate_key(successor)
    from recorder.keys import transit_key

    made = transit_key.generate_key(reference)
    return made.reference, made


def new_file(folder: Path, role: str, key: LocalKey) -> FileReference:
    """A key file named after the key, encrypted when a passphrase is configured. Raises KeyFileError."""
    name = f"{role}-{key.key_id[:16]}.key"
    create_file(folder / name, key, find_passphrase())
    return FileReference(name)


def make_key(reference: KeyReference, folder: Path) -> SigningKey:
    """The key meant, made when it is not there yet."""
    try:
        return open_key(reference, folder)
    except KeyFileError:
        if isinstance(reference, Pkcs11Reference):
            from recorder.keys import pkcs11_key

            return pkcs11_key.generate_key(reference)
        if isinstance(reference, TransitReference):
            from recorder.keys import transit_key

            return transit_key.generate_key(reference)
        raise


def _next_label(label: str) -> str:
    """clyra-seal, clyra-seal-2, clyra-seal-3 ..."""
    found = re.fullmatch(r"(.*)-([0-9]{1,6})", label)
    return f"{found[1]}-{int(found[2]) + 1}" if found else f"{label}-2"
