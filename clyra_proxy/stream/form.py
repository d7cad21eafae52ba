"""Reading an application/x-www-form-urlencoded body (WHATWG URL section 5), strictly: broken escapes are refused."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class FormError(Exception):
    """Not a form-encoded body in UTF-8. The text says why, without content."""


def read_form(body: bytes) -> list[tuple[str, str]]:
    """Names and values in order. Raises FormError."""
    if _BROKEN.search(body):
        raise FormError("percent encoding")
    pairs: list[tuple[str, str]] = []
    for piece in body.split(b"&"):
        if not piece:
            continue
        name, _, value = piece.partition(b"=")
        try:
            pairs.append((_decode(name), _decode(value)))
        except UnicodeDecodeError:
            raise FormError("not UTF-8") from None
    return pairs


def _decode(part: bytes) -> str:
    return unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")
