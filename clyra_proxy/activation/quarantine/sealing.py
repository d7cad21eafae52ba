"""The file of one entry: a label that can be read and a content that cannot.

Format: a magic line, the label as one line of JSON, 12 bytes of nonce, AES-256-GCM of the compressed content with both
lines as associated data (NIST SP 800-38D). Guarantees: without the key beside the data folder's others nobody reads a
value; a label or content that was changed, cut or moved to another entry does not open; what is decompressed is
bounded.
"""

from __future__ import annotations

import os
import zlib
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clyra_proxy.activation.quarantine.entry import Content, DamagedError, Label

MAGIC = b"clyra-quarantine-1\n"
LONGEST_LABEL = 64 << 10
LARGEST_CONTENT = 256 << 20
_NONCE = 12


def seal(key: bytes, label: Label, content: Content) -> bytes:
    """The file's bytes. key: 32 bytes."""
    head = MAGIC + orjson.dumps(label.as_json()) + b"\n"
    nonce = os.urandom(_NONCE)
    plain = zlib.compress(orjson.dumps(content.as_json(), default=str), 3)
    return head + nonce + AESGCM(key).encrypt(nonce, plain, head)


def read_label(data: bytes) -> Label:
    """The label of a file, from its beginning; whether it is genuine only `open_sealed` tells. Raises DamagedError."""
    return Label.from_json(_parse(_head(data)[len(MAGIC) :]))


def open_sealed(key: bytes, data: bytes) -> tuple[Label, Content]:
    """Label and content. Raises DamagedError."""
    head = _head(data)
    sealed = data[len(head) :]
    try:
        plain = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], head)
    except (InvalidTag, ValueError) as error:
        raise DamagedError("seal") from error
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(plain, LARGEST_CONTENT)
    if unpacker.unconsumed_tail:
        raise DamagedError("size")
    return read_label(head), Content.from_json(_parse(text))


def _head(data: bytes) -> bytes:
    end = data.find(b"\n", len(MAGIC), len(MAGIC) + LONGEST_LABEL)
    if not data.startswith(MAGIC) or end < 0:
        raise DamagedError("format")
    return data[: end + 1]


def _parse(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DamagedError("format") from error
