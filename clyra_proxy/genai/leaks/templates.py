"""The shape of a token in one short word: `ghp_{alnum:36}`.

Rule: a shape is literal text and parts `{class:count}` or `{class:least-most}`; from it come the RE2 pattern that finds
such tokens, the literal text that every one of them begins with (the prefilter), and made-up tokens for the tests of
the pack, so that no text that looks like a live secret ever stands in a file.
"""

from __future__ import annotations

import base64
import random
import re
import string
import zlib
from dataclasses import dataclass

_DIGITS, _LOWER, _UPPER = string.digits, string.ascii_lowercase, string.ascii_uppercase
_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MANY = 200  # from here on a count has no upper bound: RE2 would spell out every one
BASE62 = _DIGITS + _UPPER + _LOWER

# class -> (RE2 class, characters to make tokens from)
CLASSES: dict[str, tuple[str, str]] = {
    "alnum": ("[A-Za-z0-9]", BASE62),
    "word": ("[A-Za-z0-9_]", BASE62 + "_"),
    "b64url": ("[A-Za-z0-9_-]", BASE62 + "_-"),
    "b64": ("[A-Za-z0-9+/]", BASE62 + "+/"),
    "b58": ("[1-9A-HJ-NP-Za-km-z]", _B58),
    "b32": ("[A-Z2-7]", _UPPER + "234567"),
    "hex": ("[0-9a-f]", _DIGITS + "abcdef"),
    "HEX": ("[0-9A-F]", _DIGITS + "ABCDEF"),
    "xhex": ("[0-9a-fA-F]", _DIGITS + "abcdef"),
    "digits": ("[0-9]", _DIGITS),
    "lower": ("[a-z]", _LOWER),
    "upper": ("[A-Z]", _UPPER),
    "letters": ("[A-Za-z]", _LOWER + _UPPER),
    "lnum": ("[a-z0-9]", _LOWER + _DIGITS),
    "unum": ("[A-Z0-9]", _UPPER + _DIGITS),
    "dotted": ("[A-Za-z0-9._-]", BASE62 + "_-"),
    "visible": (r"[A-Za-z0-9!#$%&()*+,./:;<=>?@^_{|}~-]", BASE62 + "!#$%*+-_^~"),
    "bech32": ("[ac-hj-np-z02-9]", "acdefghjklmnpqrstuvwxyz023456789"),
    "BECH32": ("[AC-HJ-NP-Z02-9]", "ACDEFGHJKLMNPQRSTUVWXYZ023456789"),
    "crc62": ("[A-Za-z0-9]", BASE62),
}
_UUID = "{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}"
# One part: `{`, a class, `:`, a number, perhaps `-` and another, `}`. Read from our own files, never from traffic.
_PART = re.compile(r"\{([A-Za-z0-9]+):(\d+)(?:-(\d+))?\}")


@dataclass(frozen=True, slots=True)
class Part:
    """`count` to `most` characters of one class, or literal text when `group` is empty."""

    group: str
    literal: str = ""
    count: int = 0
    most: int = 0


@dataclass(frozen=True, slots=True)
class Template:
    """One shape. parts: in order. Raises ValueError for an unknown class."""

    parts: tuple[Part, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        text = text.replace("{uuid}", _UUID)
        parts: list[Part] = []
        at = 0
        for match in _PART.finditer(text):
            if match.start() > at:
                parts.append(Part("", text[at : match.start()]))
            group, least, most = match.groups()
            if group not in CLASSES:
                raise ValueError(f"unknown class `{group}` in `{text}`")
            parts.append(Part(group, count=int(least), most=int(most or least)))
            at = match.end()
        if at < len(text):
            parts.append(Part("", text[at:]))
        return cls(tuple(parts))

    @property
    def anchor(self) -> str:
        """The literal text that every token begins with; "" when it begins with chance."""
        first = self.parts[0]
        return "" if first.group else first.literal

    def pattern(self, least: int = 0) -> str:
        """RE2 pattern of the token. least: shortest last part, when not as said."""
        *first, last = self.parts
        if least and last.group:
            last = Part(last.group, count=min(least, last.count), most=max(2 * last.most, last.most))
        return "".join(map(_pattern, (*first, last)))

    def make(self, chance: random.Random) -> str:
        """A token of this shape that belongs to nobody; a `crc62` part is the checksum of the part before it."""
        made: list[str] = []
        for part in self.parts:
            if part.group == "crc62":
                made.append(crc62(made[-1], part.count))
            elif part.group:
                letters = CLASSES[part.group][1]
                made.append(
                    "".join(chance.choices(letters, k=chance.randint(part.count, max(part.count, min(part.most, 120)))))
                )
            else:
                made.append(part.literal)
        return "".join(made)


def _pattern(part: Part) -> str:
    if not part.group:
        return re.escape(part.literal)
    most = "" if part.most >= _MANY else part.most
    count = f"{{{part.count}}}" if part.most == part.count else f"{{{part.count},{most}}}"
    return CLASSES[part.group][0] + count


def crc62(text: str, length: int) -> str:
    """CRC-32 of `text` in base 62 (digits, capitals, small letters), as GitHub and npm end their tokens."""
    value = zlib.crc32(text.encode("latin-1", "replace"))
    digits = ""
    while value:
        value, digit = divmod(value, 62)
        digits = BASE62[digit] + digits
    return digits.rjust(length, "0")


def made_jwt(chance: random.Random) -> str:
    """A JSON Web Token of the right shape that nobody signed."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = f'{{"sub":"{chance.randint(10**8, 10**9)}","iat":{chance.randint(1_600_000_000, 1_700_000_000)}}}'
    claims = base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")
    return f"{head}.{claims}.{base64.urlsafe_b64encode(chance.randbytes(32)).decode().rstrip('=')}"


def made_basic(chance: random.Random) -> str:
    """`user:password` in base64."""
    return base64.b64encode(f"robot:{chance.randbytes(9).hex()}".encode()).decode()
