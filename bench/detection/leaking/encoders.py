"""How secrets are hidden on the wire: one function an encoding."""

from __future__ import annotations

import base64
import codecs
import gzip
import random
import urllib.parse
import zlib
from collections.abc import Callable

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"


def _between(text: str, chance: random.Random) -> str:
    return "".join(c + (chance.choice(_INVISIBLE) if chance.random() < 0.5 else "") for c in text[:-1]) + text[-1]


def _split(text: str, chance: random.Random, joint: str, quote: str = '"') -> str:
    first, second = sorted(chance.sample(range(3, max(6, len(text) - 2)), 2))
    return quote + (quote + joint + quote).join((text[:first], text[first:second], text[second:])) + quote


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


type Encode = Callable[[str, random.Random], str]
ENCODERS: dict[str, Encode] = {
    "base64": lambda t, _: base64.b64encode(t.encode()).decode(),
    "base64url": lambda t, _: base64.urlsafe_b64encode(t.encode()).decode().rstrip("="),
    "base64 twice": lambda t, _: base64.b64encode(base64.b64encode(t.encode())).decode(),
    "hex": lambda t, _: t.encode().hex(),
    "hex upper": lambda t, _: t.encode().hex().upper(),
    "hex spaced": lambda t, _: t.encode().hex(" "),
    "hex escapes": lambda t, _: "".join(f"\\x{b:02x}" for b in t.encode()),
    "url": lambda t, _: urllib.parse.quote(t, safe=""),
    "url all": lambda t, _: "".join(f"%{b:02x}" for b in t.encode()),
    "unicode escapes": lambda t, _: "".join(f"\\u{ord(c):04x}" for c in t),
    "html entities": lambda t, _: "".join(f"&#{ord(c)};" for c in t),
    "gzip base64": lambda t, _: base64.b64encode(gzip.compress(t.encode(), mtime=0)).decode(),
    "zlib base64": lambda t, _: base64.b64encode(zlib.compress(t.encode())).decode(),
    "base32": lambda t, _: base64.b32encode(t.encode()).decode(),
    "zero-width": _between,
    "one invisible": lambda t, c: t[: (k := c.randint(1, len(t) - 1))] + c.choice(_INVISIBLE) + t[k:],
    "spaced": lambda t, _: " ".join(t),
    "dashed": lambda t, _: "-".join(t),
    "dotted": lambda t, _: ".".join(t),
    "reversed": lambda t, _: t[::-1],
    "rot13": lambda t, _: codecs.encode(t, "rot13"),
    "full width": lambda t, _: _wide(t),
    "concatenated +": lambda t, c: _split(t, c, " + "),
    "concatenated": lambda t, c: _split(t, c, " ", "'"),
    "concatenated lines": lambda t, c: _split(t, c, "\n    "),
    "decimal codes": lambda t, _: " ".join(str(ord(x)) for x in t),
    "characters": lambda t, _: str(list(t)),
    "json in json": lambda t, _: '{\\"v\\": \\"' + t + '\\"}',
    "hex in base64": lambda t, _: base64.b64encode(t.encode().hex().encode()).decode(),
}
