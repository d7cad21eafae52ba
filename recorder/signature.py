"""HTTP Message Signatures (RFC 9421) in one fixed profile, with Content-Digest (RFC 9530), for handing in records.

Label `clyra`; components `"@method" "@path" "content-digest" "content-type"`; parameters created, expires, nonce,
keyid, alg="hmac-sha256", in this order. A fixed profile leaves nothing to negotiate and nothing to confuse. The
symmetric tag proves to the recorder which source speaks; to third parties it proves nothing.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

WINDOW_S = 300
LIFETIME_S = 30
MAX_NONCES = 1 << 20
_COMPONENTS = '("@method" "@path" "content-digest" "content-type")'
_INPUT = re.compile(
    r'clyra=(\("@method" "@path" "content-digest" "content-type"\);created=([0-9]{1,12});expires=([0-9]{1,12})'
    r';nonce="([A-Za-z0-9_-]{16,64})";keyid="([A-Za-z0-9-]{1,64})";alg="hmac-sha256")'
)
_SIGNATURE = re.compile(r"clyra=:([A-Za-z0-9+/]{43}=):")


class SignatureRefused(Exception):  # noqa: N818 - an answer to a caller, not a fault
    """The request is not signed, wrongly signed, stale or a replay. The message never repeats what was sent."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed, with which tag (hex)."""

    key_name: str
    tag: str


def content_digest(body: bytes) -> str:
    """The value of `Content-Digest` (RFC 9530), SHA-256."""
    return f"sha-256=:{base64.b64encode(sha256(body).digest()).decode()}:"


def sign(method: str, path: str, media: str, body: bytes, key_name: str, key: bytes, now: float | None = None) -> str:
    """Header lines (CRLF after each) that sign a request: content-type, content-digest, signature-input, signature."""
    created = int(time.time() if now is None else now)
    digest = content_digest(body)
    params = (
        f"{_COMPONENTS};created={created};expires={created + LIFETIME_S}"
        f';nonce="{secrets.token_urlsafe(16)}";keyid="{key_name}";alg="hmac-sha256"'
    )
    tag = base64.b64encode(hmac.digest(key, _base(method, path, digest, media, params), "sha256")).decode()
    return (
        f"content-type: {media}\r\ncontent-digest: {digest}\r\n"
        f"signature-input: clyra={params}\r\nsignature: clyra=:{tag}:\r\n"
    )


def _base(method: str, path: str, digest: str, media: str, params: str) -> bytes:
    return (
        f'"@method": {method}\n"@path": {path}\n"content-digest": {digest}\n"content-type": {media}\n'
        f'"@signature-params": {params}'
    ).encode()


@dataclass(slots=True)
class Replays:
    """Nonces seen and not yet expired. Bounded: when full, everything is refused rather than forgotten."""

    seen: set[str] = field(default_factory=set)
    _order: deque[tuple[int, str]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, nonce: str, expires: int, now: float) -> None:
        """Remember a nonce; of two threads with the same one, one is refused. Raises SignatureRefused."""
        with self._lock:
            self._admit(nonce, expires, now)

    def _admit(self, nonce: str, expires: int, now: float) -> None:
        order = self._order
        while order and order[0][0] < now:
            self.seen.discard(order.popleft()[1])
        if nonce in self.seen:
            raise SignatureRefused("this request was already made")
        if len(self.seen) >= MAX_NONCES:
            raise SignatureRefused("too many requests to remember")
        self.seen.add(nonce)
        # never earlier than its forerunner's, so that the queue stays ordered by expiry
        order.append((max(expires, order[-1][0]) if order else expires, nonce))


def verify(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    key: bytes | None,
    replays: Replays,
    now: float | None = None,
) -> Signed:
    """Check a request completely; `key` is the secret of the key it names (see `key_name`). Raises SignatureRefused."""
    moment = time.time() if now is None else now
    found = _INPUT.fullmatch(headers.get("signature-input", ""))
    given = _SIGNATURE.fullmatch(headers.get("signature", ""))
    if found is None or given is None:
        raise SignatureRefused("the request is not signed in the expected profile")
    params, nonce, name = found.group(1, 4, 5)
    created, expires = int(found.group(2)), int(found.group(3))
    if key is None:
        raise SignatureRefused("unknown key")
    digest = headers.get("content-digest", "")
    if not hmac.compare_digest(digest, content_digest(body)):
        raise SignatureRefused("the body does not match its digest")
    tag = hmac.digest(key, _base(method, path, digest, headers.get("content-type", ""), params), "sha256")
    if not hmac.compare_digest(base64.b64encode(tag).decode(), given.group(1)):
        raise SignatureRefused("the signature is wrong")
    if abs(moment - created) > WINDOW_S or not created <= expires <= created + WINDOW_S or expires < moment:
        raise SignatureRefused("the signature has expired, or the clocks disagree")
    replays.admit(f"{name}:{nonce}", expires, moment)
    return Signed(name, tag.hex())


def key_name(headers: Mapping[str, str]) -> str:
    """The key a request says it is signed with, or "" ."""
    found = _INPUT.fullmatch(headers.get("signature-input", ""))
    return found.group(5) if found else ""
