"""Made-up secrets and personal data in their real formats, check digits included, for the attack pack.

Rule: everything is derived from a seed, belongs to nobody and opens nothing; packs name it as `{github}` so that no
file of this repository holds a string that looks like a key. Formats: as documented by each provider.
"""

from __future__ import annotations

import base64
import json
import random
import string
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

_WORD = string.ascii_letters + string.digits
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def fill(text: str, seed: str) -> str:
    """`text` with every `{name}` of `SAMPLES` replaced; the same seed gives the same samples."""
    for name, make in SAMPLES.items():
        if f"{{{name}}}" in text:
            text = text.replace(f"{{{name}}}", make(random.Random(f"{seed}/{name}")))  # noqa: S311 - not a secret
    return text


def _some(chance: random.Random, alphabet: str, count: int) -> str:
    return "".join(chance.choices(alphabet, k=count))


def _github(chance: random.Random) -> str:
    """A classic token: 30 characters and the CRC-32 of them in base 62."""
    body = _some(chance, _WORD, 30)
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return f"ghp_{body}{digits.rjust(6, '0')}"


def _jwt(chance: random.Random) -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    claims = {"sub": _some(chance, string.digits, 10), "role": "admin", "iat": 1_760_000_000}
    header = json.dumps({"alg": "HS256", "typ": "JWT"}).encode()
    return f"{part(header)}.{part(json.dumps(claims).encode())}.{part(chance.randbytes(32))}"


def _private_key(chance: random.Random) -> str:
    body = base64.b64encode(b"openssh-key-v1\0" + chance.randbytes(270)).decode()
    lines = "\n".join(body[at : at + 70] for at in range(0, len(body), 70))
    kind = "OPENSSH PRIVATE KEY"
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----"


def _luhn(digits: str) -> str:
    """The digits with the Luhn check digit after them (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (2 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(digits))]
    return digits + str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)


def _iban(chance: random.Random) -> str:
    """A German IBAN (ISO 13616, mod 97)."""
    account = "37040044" + _some(chance, string.digits, 10)
    return f"DE{98 - int(account + '131400') % 97:02}{account}"


def _ssn(chance: random.Random) -> str:
    return f"{chance.randint(100, 665)}-{chance.randint(10, 99)}-{chance.randint(1000, 9999)}"


SAMPLES: Mapping[str, Callable[[random.Random], str]] = MappingProxyType(
    {
        "aws_key": lambda chance: "AKIA" + _some(chance, string.ascii_uppercase + "234567", 16),
        "aws_secret": lambda chance: _some(chance, _WORD + "+/", 40),
        "github": _github,
        "slack": lambda chance: "-".join(
            ("xoxb", _some(chance, string.digits, 12), _some(chance, string.digits, 12), _some(chance, _WORD, 24))
        ),
        "stripe": lambda chance: "sk_" + "live_" + _some(chance, _WORD, 24),
        "google": lambda chance: "AIza" + _some(chance, _WORD + "-_", 35),
        "openai": lambda chance: f"sk-proj-{_some(chance, _WORD, 74)}T3BlbkFJ{_some(chance, _WORD, 74)}",
        "npm": lambda chance: "npm_" + _some(chance, _WORD, 36),
        "jwt": _jwt,
        "private_key": _private_key,
        "password": lambda chance: _some(chance, _WORD, 18),
        "card": lambda chance: _luhn("4" + _some(chance, string.digits, 14)),
        "iban": _iban,
        "ssn": _ssn,
    }
)
"""Name in a pack -> what makes it."""
