"""Which names carry secrets: of header fields, query parameters, form fields and JSON members.

Rule: a name is cut into words (`X-Api-Key`, `apiKey` and `api_key` are the same), and one telling word is enough;
names that only look like it (a page token, an idempotency key) are listed, not guessed. Names are short: whatever is
longer than 128 characters is judged by its beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

LONGEST = 128
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_TELLING = frozenset(
    {
        "authorization", "cookie", "cookies", "token", "tokens", "secret", "secrets", "signature", "sig", "hmac",
        "password", "passwd", "passphrase", "pwd", "credential", "credentials", "jwt", "apikey", "accesskey", "bearer",
        "assertion", "sessionid", "csrf", "xsrf", "otp", "dpop",
    }
)  # fmt: skip
_TELLING_IN_HEADS = frozenset({"auth", "authentication", "session", "sid", "nonce", "digest", "pin", "cert", "code"})
"""Words that tell in header fields and addresses, and stand for anything in data."""
_HARMLESS_KEYS = frozenset({"idempotency", "partition", "sort", "surrogate", "cache", "primary", "foreign", "record"})
"""Words before `key` with which it is no secret."""
_SECRET_KEYS = frozenset({"api", "access", "private", "secret", "auth", "signing", "encryption", "shared", "service"})
"""Words before `key` with which it is one, in data."""
_POSITIONS = frozenset({"page", "next", "previous", "prev", "cursor", "continuation", "sync", "max", "start", "end"})
"""Words beside `token` or `tokens` with which it is a place in a list, or a number."""
_RUN_TOGETHER = ("token", "secret", "password", "signature", "apikey", "accesskey", "credential", "authkey")


@lru_cache(maxsize=4096)
def is_secret_field(name: str) -> bool:
    """Whether a header field or a parameter of an address of this name must not leave."""
    words = _words(name)
    if words == ["key"] or name.lower().startswith("x-amz-content"):
        return True
    if len(words) > 1 and words[-1] == "key":
        return words[-2] not in _HARMLESS_KEYS
    return is_secret_member(name) or not _TELLING_IN_HEADS.isdisjoint(words)


@lru_cache(maxsize=4096)
def is_secret_member(name: str) -> bool:
    """Whether the value under this name in data (JSON, a form) must not leave."""
    words = _words(name)
    if len(words) > 1 and words[-1] == "key":
        return words[-2] in _SECRET_KEYS
    if not {"token", "tokens"}.isdisjoint(words) and not _POSITIONS.isdisjoint(words):
        return False
    return name.lower() in _TELLING or any(word in _TELLING or word.endswith(_RUN_TOGETHER) for word in words)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name[:LONGEST])]


class SecretNames:
    """The names of the house with those of a policy. extra: in any letter case."""

    __slots__ = ("_extra",)

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self._extra = frozenset(name.lower() for name in extra)

    def field(self, name: str) -> bool:
        """Of a header field or a parameter of an address."""
        return is_secret_field(name) or name.lower() in self._extra

    def member(self, name: str) -> bool:
        """Of a value in data."""
        return is_secret_member(name) or name.lower() in self._extra
