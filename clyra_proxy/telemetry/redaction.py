"""What may be written down: of a URL its path without query, secrets masked; of a fault its type and place.

A query string never reaches a log. Paths can hold secrets too: bot tokens (`/bot123:AA.../send`), webhook keys,
e-mail addresses, phone numbers. A segment is masked when it looks like one of them; words, UUIDs, hex digests and
plain numbers stay, because a path without them explains nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST_PATH = 2048
"""Characters of a path kept; the rest is replaced by one ellipsis."""

MASK = "***"

_PHONE = re.compile(r"(?:\+|%2[bB])\d{6,15}")
_EMAIL = re.compile(r"[^/@]+(?:@|%40)[^/@]+\.[A-Za-z]{2,}")
_TOKEN = re.compile(r"(?=[^/]*[a-z])(?=[^/]*[A-Z])(?=[^/]*\d)[A-Za-z0-9_\-+=%:~]{20,}")
_JWT = re.compile(r"eyJ[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*")
_CREDENTIAL = re.compile(r"(?:sk|pk|rk|xox[abpr]|gh[opsu]|github_pat|glpat|AKIA)[-_]?[A-Za-z0-9_\-]{16,}")
_SECRETS = (_PHONE, _EMAIL, _TOKEN, _JWT, _CREDENTIAL)


@lru_cache(maxsize=4096)
def loggable_path(target: str) -> str:
    """The path of a request target (origin form or absolute form) as it may appear in a log."""
    path = target.partition("?")[0].partition("#")[0]
    if "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    if len(path) > 7:
        path = "/".join(map(_mask, path.split("/")))
    if len(path) > LONGEST_PATH:
        path = path[:LONGEST_PATH] + "…"
    return printable(path)


def _mask(segment: str) -> str:
    if len(segment) > 6 and any(secret.fullmatch(segment) for secret in _SECRETS):
        return MASK
    return segment


def printable(text: str) -> str:
    """`text` without control characters and lone surrogates: safe in JSON and on a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def describe_fault(error: BaseException) -> tuple[str, str]:
    """Type and place of a fault, for a log line. Never its text, which may quote a body."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f" at {frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame is not None else ""
    return type(error).__name__, place
