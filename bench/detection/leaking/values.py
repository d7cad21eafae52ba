"""Values that nobody owns: keys in vendors' shapes, passwords as people choose them, keys as machines make them.

Rule: seeded; nothing here is read from anywhere. Passwords are made as people make them, by habit, not by chance alone.
"""

from __future__ import annotations

import base64
import random
import string
import uuid

_WORD_LIST = (
    "summer winter dragon monkey coffee garden silver purple tiger rocket mango falcon harbor velvet castle "
    "anchor breeze copper dakota ember forest guitar hammer island jacket kitten lemon marble nectar orchid "
    "pepper quartz "
)
_WORDS = _WORD_LIST.split()
_MARKS = "!@#$%&*?-_"


def password(chance: random.Random) -> str:
    """As people choose them."""
    word, other = chance.sample(_WORDS, 2)
    year = chance.randint(1960, 2029)
    shapes = (
        f"{word.title()}{year}{chance.choice(_MARKS)}",
        f"{word}{chance.randint(10, 9999)}",
        f"{word.title()}{other.title()}{chance.randint(1, 99)}",
        f"{word.translate(str.maketrans('aeio', '@310'))}{chance.choice(_MARKS)}{chance.randint(1, 999)}",
        f"{chance.choice(_MARKS)}{word.title()}{chance.randint(10, 99)}{chance.choice(_MARKS)}",
        "".join(chance.choices(string.ascii_letters + string.digits + "!@#$%^*", k=chance.randint(9, 18))) + "7",
        f"{word}-{other}-{chance.randint(10, 999)}",
        f"{''.join(chance.choices(string.ascii_lowercase, k=4))}{chance.randint(1000, 9999)}{word[:3].upper()}",
    )
    return chance.choice(shapes)


def machine_key(chance: random.Random) -> str:
    """As machines make them."""
    size = chance.choice((16, 20, 24, 32, 40, 48, 64))
    raw = chance.randbytes(size)
    shapes = (
        raw.hex(),
        raw.hex()[:32],
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        "".join(chance.choices(string.ascii_letters + string.digits, k=size)),
        "".join(chance.choices(string.ascii_lowercase + string.digits, k=size)),
        "".join(chance.choices(string.ascii_uppercase + string.digits, k=size)),
        str(uuid.UUID(bytes=raw[:16], version=4)),
        f"{chance.choice(('prod', 'live', 'svc', 'app', 'tk', 'ak'))}_{raw.hex()[:28]}",
        f"{''.join(chance.choices(string.ascii_letters + string.digits, k=12))}.{raw.hex()[:24]}",
    )
    return chance.choice(shapes)
