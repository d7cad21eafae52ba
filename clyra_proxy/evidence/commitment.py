"""Salts of body commitments: each body gets its own, and forgetting one key forgets them all.

A commitment is HMAC-SHA-256(salt, body). The salt is derived (HKDF-Expand, RFC 5869) from a subject key, the exchange
id and the name of the field, so it need not be stored: who holds the subject key can disclose one body, and deleting
the subject key erases every link between records and bodies while the log's proofs stay whole. Bare hashes of short
values can be guessed; salted ones cannot. A subject here is one tenant in one month.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from clyra_proxy.errors import EvidenceError
from recorder import durable

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

KEY_BYTES = 32
REREAD_S = 60.0
"""How long a worker goes on with the keys it has read: after that no commitment is made under an erased one."""
_LABEL = b"def/0 salt\x00"


@lru_cache(maxsize=256)
def _prepared(secret: bytes) -> tuple[HASH, HASH]:
    """The two hashes of HMAC (RFC 2104) with the key already in them; setting them up costs more than the rest."""
    padded = secret.ljust(64, b"\x00")
    return sha256(bytes(byte ^ 0x36 for byte in padded)), sha256(bytes(byte ^ 0x5C for byte in padded))


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """id: 32 hex digits that name the key in records without telling it."""

    secret: bytes
    id: str

    @classmethod
    def of(cls, secret: bytes) -> SubjectKey:
        return cls(secret, sha256(b"def/0 subject\x00" + secret).hexdigest()[:32])

    def salt(self, exchange_id: str, field_name: str) -> bytes:
        """The 32-byte salt of one body (`req`, `res`) of one exchange."""
        inner, outer = _prepared(self.secret)
        first, last = inner.copy(), outer.copy()
        first.update(_LABEL + exchange_id.encode() + b"\x00" + field_name.encode() + b"\x01")
        last.update(first.digest())
        return last.digest()

    def commitment(self, exchange_id: str, field_name: str, value: bytes) -> str:
        """Hex commitment to `value`."""
        return hmac.digest(self.salt(exchange_id, field_name), value, "sha256").hex()


@dataclass(slots=True)
class SubjectKeys:
    """The subject keys of this machine, one 0600 file each, shared by all workers."""

    folder: Path
    _known: dict[tuple[str, int], SubjectKey] = field(default_factory=dict)
    _month: int = -1
    _month_until: float = 0.0

    def current(self, tenant: str) -> SubjectKey:
        """The key of a tenant for this month; made when it is first needed. Raises EvidenceError."""
        now = time.time()
        if now >= self._month_until:
            self._turn(now)
        found = self._known.get((tenant, self._month))
        if found is None:
            found = self._known[tenant, self._month] = self._load(tenant)
        return found

    def _turn(self, now: float) -> None:
        moment = time.gmtime(now)
        self._month = moment.tm_year * 100 + moment.tm_mon
        self._month_until = now + REREAD_S
        self._known.clear()

    def _load(self, tenant: str) -> SubjectKey:
        name = sha256(tenant.encode("utf-8", "backslashreplace")).hexdigest()[:16] if tenant else "default"
        path = self.folder / f"{name}-{self._month}.key"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                # when another worker is first, its key counts
                durable.create(path, secrets.token_hex(KEY_BYTES).encode())
            secret = bytes.fromhex(path.read_text("ascii").strip())
        except (OSError, ValueError) as error:
            raise EvidenceError(f"Cannot use the subject key {path}.", f"{type(error).__name__}: {error}.") from None
        if len(secret) != KEY_BYTES:
            raise EvidenceError(f"{path} is not a subject key.", "It must hold 32 bytes as hex.")
        return SubjectKey.of(secret)
