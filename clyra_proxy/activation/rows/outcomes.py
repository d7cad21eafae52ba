"""What became of a write, kept so that the same write can be answered again: status, digest, and the answer encrypted.

Guarantees: who has the state file without the data folder's secret reads no answer (AES-256-GCM, a fresh nonce each,
bound to its key; NIST SP 800-38D); a record that was tampered with or cut is none at all.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clyra_proxy.activation.model import Answer

_NONCE = 12
_PURPOSE = b"clyra stored outcome"


@dataclass(frozen=True, slots=True)
class Outcome:
    """exchange: the one that did it. payload: hash of what was written. status: 0 while it is not known yet.

    digest: SHA-256 of the answer's body, in hex. body: None when it was too large to be kept.
    """

    exchange: str
    payload: str
    status: int = 0
    digest: str = ""
    body: bytes | None = None

    @property
    def pending(self) -> bool:
        return self.status == 0

    @property
    def answer(self) -> Answer | None:
        """What the sender is told again; None when the answer was not kept."""
        if self.body is None:
            return None
        kind = "application/json" if self.body[:1] in (b"{", b"[") else "text/plain; charset=utf-8"
        headers = {"clyra-duplicate-of": self.exchange, **({"content-type": kind} if self.body else {})}
        return Answer(self.status, self.body, headers)


class OutcomeVault:
    """Writes and reads outcomes. secret: the data folder's."""

    def __init__(self, secret: bytes, largest: int) -> None:
        self._cipher = AESGCM(hashlib.blake2b(_PURPOSE, key=secret[:64], digest_size=32).digest())
        self._largest = largest

    def pending(self, exchange: str, payload: str) -> str:
        """The record of a write that is under way."""
        return orjson.dumps([exchange, payload]).decode()

    def finished(self, key: str, exchange: str, payload: str, status: int, body: bytes) -> str:
        """The record of a write that was answered. key: where it is stored."""
        digest = hashlib.sha256(body).hexdigest()
        record: list[str | int] = [exchange, payload, status, digest]
        if len(body) <= self._largest:
            nonce = os.urandom(_NONCE)
            record.append(base64.b64encode(nonce + self._cipher.encrypt(nonce, body, key.encode())).decode())
        return orjson.dumps(record).decode()

    def read(self, key: str, text: str) -> Outcome | None:
        """The outcome stored under `key`; None when the record is damaged."""
        try:
            record = orjson.loads(text)
            exchange, payload, *rest = record
            if not rest:
                return Outcome(str(exchange), str(payload))
            status, digest, *kept = rest
            return Outcome(str(exchange), str(payload), int(status), str(digest), self._body(key, kept))
        except (ValueError, TypeError, InvalidTag):
            return None

    def _body(self, key: str, kept: list[str]) -> bytes | None:
        if not kept:
            return None
        sealed = base64.b64decode(kept[0])
        return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], key.encode())
