"""What stands in the place of a value that must not leave.

Rule: a placeholder names the kind and nothing of the value. When policy wants it reversible, the same value has the
same placeholder throughout a session, the mapping is kept encrypted (AES-256-GCM, NIST SP 800-38D; key derived by
HKDF, RFC 5869) and bound to that session, and only answers to the same session are restored. A store that fails costs
the way back, never the redaction.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clyra_proxy.genai.byte_patterns import Pattern
from clyra_proxy.genai.inspection import Inspection, Workshop
from clyra_proxy.genai.leaks.leak import Leak
from clyra_proxy.state.store import StateError

PLACEHOLDER = Pattern(r"\[\[[A-Z][A-Z_]{1,20}_[0-9]{1,9}_[a-z2-7]{6}\]\]")
_NONCE = 12


class PlainRedaction:
    """Placeholders that nobody can undo: `[REDACTED:card]`."""

    def replacement(self, leak: Leak, value: str) -> str:
        return f"[REDACTED:{leak.pattern if leak.kind == 'secret' else leak.kind}]"

    def restored(self, placeholder: str) -> str | None:
        """The value a placeholder stands for; never any here."""
        return None


class Vault:
    """The reversible redactions of a data folder. ttl_s: how long they can be undone."""

    def __init__(self, workshop: Workshop, ttl_s: int) -> None:
        self._state = workshop.state
        self._ttl_s = ttl_s
        keys = HKDF(SHA256(), 64, b"clyra", b"reversible redaction").derive(workshop.secret)
        self._cipher = AESGCM(keys[:32])
        self._salt = keys[32:]

    def session(self, inspection: Inspection) -> SessionRedaction:
        """Redactions of the session of this exchange: the named one, else the run, else the agent."""
        caller = inspection.caller
        scope = "\0".join((caller.tenant, caller.proven, caller.session or caller.run))
        return SessionRedaction(self, scope, inspection.now)

    def fingerprint(self, *parts: str) -> str:
        message = b"".join(len(part).to_bytes(4) + part.encode("utf-8", "replace") for part in parts)
        return base64.b32encode(hmac.new(self._salt, message, hashlib.sha256).digest()).decode().rstrip("=").lower()

    def keep(self, scope: str, label: str, value: str, now: float) -> str:
        """The placeholder of a value, made when there is none. Raises StateError."""
        tag = self.fingerprint(scope, label, value)
        name = f"leak:name:{tag[:32]}"
        known = self._state.get(name, now)
        if known is None:
            number = self._state.add(f"leak:count:{self.fingerprint(scope, label)[:32]}", 1, self._ttl_s, now)
            known = self._state.put_new(name, f"[[{label}_{number}_{tag[-6:]}]]", now, self._ttl_s)
        key = self._key(scope, known)
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, value.encode("utf-8", "surrogatepass"), key.encode())
        self._state.put(key, base64.b64encode(sealed).decode(), now, self._ttl_s)
        return known

    def open(self, scope: str, placeholder: str, now: float) -> str | None:
        """The value a placeholder of this session stands for. Raises StateError."""
        key = self._key(scope, placeholder)
        kept = self._state.get(key, now)
        if kept is None:
            return None
        sealed = base64.b64decode(kept)
        try:
            value = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], key.encode())
        except InvalidTag:
            return None
        return value.decode("utf-8", "surrogatepass")

    def _key(self, scope: str, placeholder: str) -> str:
        return f"leak:value:{self.fingerprint(scope, placeholder)[:32]}"


@dataclass(frozen=True, slots=True)
class SessionRedaction:
    """Placeholders of one session: `[[EMAIL_1_k3f9qa]]`."""

    vault: Vault
    scope: str
    now: float

    def replacement(self, leak: Leak, value: str) -> str:
        label = leak.kind.upper()
        return _or_else(
            lambda: self.vault.keep(self.scope, label, value, self.now), PlainRedaction().replacement(leak, value)
        )

    def restored(self, placeholder: str) -> str | None:
        """The value it stands for, None when it is none of this session's."""
        return _or_else(lambda: self.vault.open(self.scope, placeholder, self.now), None)


def _or_else[T](ask: Callable[[], T], otherwise: T) -> T:
    try:
        return ask()
    except StateError:
        return otherwise
