"""The recorder's keys: one interface, several stores (files, PKCS#11 tokens, OpenBao or Vault transit).

Which key speaks in which role is said by `keys.json` in the key folder (`reference`); without it each key is its own
0600 file. A source key is a shared secret with which a source signs what it hands in, and is always a file.
"""

from __future__ import annotations

from recorder.keys.folder import KeyFolder
from recorder.keys.interface import ROLES, KeyProvider, SigningKey
from recorder.keys.local import LocalKey
from recorder.keys.secret_files import SOURCE_KEY_BYTES, read_private, read_source_key

FileKeys = KeyFolder

__all__ = [
    "ROLES",
    "SOURCE_KEY_BYTES",
    "FileKeys",
    "KeyFolder",
    "KeyProvider",
    "LocalKey",
    "SigningKey",
    "read_private",
    "read_source_key",
]
