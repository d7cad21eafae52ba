"""What a match must satisfy beyond its shape: checksums, and structure that decodes.

Rule: a check that fails voids a match; a checksum that fails only makes it less sure, because a token with one wrong
character is still nearly the token.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable

from clyra_proxy.genai.leaks.chance import entropy, is_filler, kinds, wordiness
from clyra_proxy.genai.leaks.templates import crc62


def decoded_base64(text: str) -> bytes | None:
    """The bytes of base64 or base64url text, padding or not; None when it is neither."""
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    if len(text) % 4 == 1:
        return None
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def is_jwt(text: str) -> bool:
    """The head of a JSON Web Token is a JSON object that names its algorithm; or it and the claims at least begin as
    objects do, and the rest was drawn by chance."""
    if text.count(".") == 2 and text.partition(".")[2].startswith("eyJ") and entropy(text) >= 4.5:
        return True
    head = decoded_base64(text.partition(".")[0])
    try:
        parsed = json.loads(head) if head else None
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict) and ("alg" in parsed or "typ" in parsed or "enc" in parsed)


def is_discord(text: str) -> bool:
    """A bot token begins with its user id in base64: digits."""
    raw = decoded_base64(text.partition(".")[0])
    digits = bool(raw) and raw is not None and raw[:12].isdigit()
    return digits or (kinds(text) == 4 and entropy(text) >= 4.2 and wordiness(text) < 0.45)


def is_basic(text: str) -> bool:
    """Base64 of `user:password` in printable characters."""
    raw = decoded_base64(text.rpartition('"')[0].rpartition('"')[2] or text)
    if raw is None or b":" not in raw:
        return False
    words = raw.decode("latin-1")
    password = words.partition(":")[2]
    return words.isprintable() and words.isascii() and len(password) >= 3 and password.lower() not in _PUBLIC


def is_password_in_url(text: str) -> bool:
    """Not a variable, a filler, or the port of an address."""
    return (
        not is_filler(text)
        and not text.isdigit()
        and "{" not in text
        and ":" not in text
        and text.lower() not in _PUBLIC
    )


def is_connection_password(text: str) -> bool:
    """Whether the password of a connection string is a real one, not an example, a default or a template."""
    return not is_filler(text) and text.lower() not in _PUBLIC and "(" not in text


def is_command_password(text: str) -> bool:
    """An argument that is a value: not another option, a variable or a file."""
    if text[0] in "-$<{/@(" or "=" in text[:1] or text.lower() in _PUBLIC or is_filler(text):
        return False
    if any(c in "`[]" for c in text) or not any(c.isdigit() or c.islower() for c in text):
        return False
    return kinds(text) >= 2 and not text.endswith((".txt", ".json", ".yaml", ".yml", ".pem", ".key", ",", ")"))


def is_opaque(text: str) -> bool:
    """A value for machines: long, mixed, not words."""
    return not is_filler(text) and entropy(text) >= 3.3 and any(c.isdigit() for c in text) and wordiness(text) < 0.5


def ends_with_crc62(text: str) -> bool:
    """The last six characters are the CRC-32, in base 62, of what stands between the prefix and them."""
    body = text.partition("_")[2]
    return len(body) == 36 and crc62(body[:30], 6) == body[30:]


# Words that stand in an address without being anyone's password.
_PUBLIC_WORDS = (
    "password pass passwd pwd secret user username root admin test guest token none null true false postgres mysql "
    "string str required optional key value "
)
_PUBLIC = frozenset(f"{_PUBLIC_WORDS} repo branch".split())

CHECKS: dict[str, Callable[[str], bool]] = {
    "jwt": is_jwt,
    "discord": is_discord,
    "basic_base64": is_basic,
    "password_url": is_password_in_url,
    "connection_password": is_connection_password,
    "command_password": is_command_password,
    "opaque": is_opaque,
}
CHECKSUMS: dict[str, Callable[[str], bool]] = {"crc62": ends_with_crc62}
