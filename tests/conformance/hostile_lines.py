"""Lines that three readers of DEF-JSON must judge alike: sound records, sound records spoilt a little, and odd JSON.

Endless and the same for the same seed. No line has a newline in it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from vectors.generator.log import Log

NUMBERS = [
    *("0", "-0", "00", "01", "-1", "-01", "+1", "1.", ".5", "1.0", "0.0", "-0.0", "1e0", "1E5", "1e", "1e+", "1e999"),
    *("9007199254740991", "-9007199254740991", "9007199254740992", "-9007199254740992", "9007199254740993"),
    *("18446744073709551615", "18446744073709551616", "9223372036854775807", "-9223372036854775808", "9" * 400),
    *("NaN", "Infinity", "-Infinity", "0x10", "1_000", "1e-400", "123456789012345678", "-", "\u0661", "true", "nul"),
]
ESCAPES = [
    *("\\u0000", "\\u001f", "\\u001F", "\\u0020", "\\u007f", "\\u0080", "\\u2028", "\\ud800", "\\udc00", "\\ud83d"),
    *(
        "\\ud83d\\ude00",
        "\\ude00\\ud83d",
        "\\uD83D\\uDE00",
        "\\ud83d\\u0041",
        "\\/",
        "\\'",
        "\\x41",
        "\\u12",
        "\\",
        "\\\\",
    ),
    *(
        "\\b",
        "\\f",
        "\\n",
        "\\r",
        "\\t",
        '\\"',
        "\\u0008",
        "\\u000c",
        "\\u000a",
        "\\u0022",
        "\\u005c",
        "\\u00e9",
        "\\v",
    ),
]
BYTES = [
    *(
        b"\x00",
        b"\x01",
        b"\x1f",
        b"\x7f",
        b"\x80",
        b"\xbf",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xc2\x80",
        b"\xc3",
        b"\xe0\x80\x80",
    ),
    *(
        b"\xe2\x82",
        b"\xe2\x82\xac",
        b"\xed\x9f\xbf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xee\x80\x80",
        b"\xef\xbb\xbf",
    ),
    *(
        b"\xef\xbf\xbf",
        b"\xf0\x80\x80\x80",
        b"\xf0\x90\x80\x80",
        b"\xf4\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf5",
        b"\xff",
    ),
    *(
        b" ",
        b"\t",
        b"\r",
        b"\x0b",
        b"\x0c",
        b"\xc2\xa0",
        b"\xe2\x80\xa8",
        b",",
        b":",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
    ),
]
KEYS = [
    "a",
    "b",
    "z",
    "_",
    "0",
    "a1",
    "k" * 64,
    "k" * 65,
    "A",
    "",
    "a-b",
    "a.b",
    "\u00e9",
    "\u0430",
    " a",
    "a\\u0062",
    "__proto__",
]


def hostile_lines(seed: int) -> Iterator[bytes]:
    """Lines without end."""
    chance = random.Random(seed)
    log = Log().begin().calls(6)
    sound = [bytes(line) for line in log.lines]
    makers: list[Callable[[], bytes]] = [
        lambda: chance.choice(sound),
        lambda: _mutated(chance, chance.choice(sound)),
        lambda: _mutated(chance, orjson.dumps(_value(chance, 3), option=orjson.OPT_SORT_KEYS)),
        lambda: orjson.dumps(_value(chance, chance.randint(0, 5)), option=orjson.OPT_SORT_KEYS),
        lambda: _loose(chance),
        lambda: _edge(chance),
        lambda: _nested(chance),
    ]
    weights = [1, 6, 5, 3, 3, 6, 1]
    while True:
        made = chance.choices(makers, weights)[0]()
        yield made.replace(b"\n", b" ") if chance.random() < 0.999 else _long(chance, made).replace(b"\n", b" ")


def _mutated(chance: random.Random, line: bytes) -> bytes:
    """One to three small changes."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = chance.randrange(len(line) + 1)
        end = min(len(line), at + chance.choice((0, 0, 1, 1, 2, 5)))
        kind = chance.randrange(6)
        if kind == 0:
            new = bytes([chance.randrange(256)])
        elif kind == 1:
            new = chance.choice(BYTES)
        elif kind == 2:
            new = chance.choice(NUMBERS).encode()
        elif kind == 3:
            new = chance.choice(ESCAPES).encode()
        elif kind == 4:
            other = chance.randrange(len(line) + 1)
            new = line[other : other + chance.randrange(12)]
        else:
            new = b""
        line = line[:at] + new + line[end:]
    return line


def _value(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(8 if depth else 5)
    if kind == 0:
        return chance.choice((0, 1, -1, 2**53 - 1, -(2**53) + 1, chance.randrange(-(10**6), 10**6)))
    if kind == 1:
        return chance.choice((True, False, None))
    if kind < 5:
        return "".join(
            chr(chance.choice((chance.randrange(0x20), chance.randrange(0x20, 0x7F), 0xE9, 0x2028, 0x1F600)))
            for _ in range(chance.randrange(6))
        )
    if kind == 5:
        return [_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(KEYS[:7]): _value(chance, depth - 1) for _ in range(chance.randrange(5))}


def _loose(chance: random.Random) -> bytes:
    """A value as somebody else's library would write it."""
    value = _value(chance, 4)
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5, separators=chance.choice(((",", ":"), (", ", ": "))))
    return (
        chance.choice(("", "", "", "\ufeff", " ")).encode()
        + text.encode()
        + chance.choice((b"", b"", b"", b" ", b"\r", b"{}"))
    )


def _edge(chance: random.Random) -> bytes:
    """A small object of one or two keys with one odd thing in it."""
    number, escape = chance.choice(NUMBERS), chance.choice(ESCAPES)
    keys = [chance.choice(KEYS) for _ in range(chance.choice((1, 2, 2)))]
    if chance.random() < 0.6:
        keys.sort()
    values = [
        chance.choice((number, f'"{escape}"', f'"x{escape}y"', "0", "[]", "{}", '"s"', f"[{number}]")) for _ in keys
    ]
    text = "{" + ",".join(f'"{key}":{value}' for key, value in zip(keys, values, strict=True)) + "}"
    raw = text.encode("utf-8", "surrogatepass")
    if chance.random() < 0.3:
        at = chance.randrange(len(raw) + 1)
        raw = raw[:at] + chance.choice(BYTES) + raw[at:]
    return raw


def _nested(chance: random.Random) -> bytes:
    """Brackets around the limit of sixteen levels, whole or not, in strings too."""
    levels = chance.choice((1, 14, 15, 16, 17, 18, 40, 3000))
    opening = "".join(chance.choice(("[", '{"a":')) for _ in range(levels))
    closing = "".join("]" if mark == "[" else "}" for mark in reversed(opening.replace('{"a":', "{")))
    text = opening + chance.choice(("", "0", '"[[[[[[[[[[[[[[[[["', '"\\"["', "1.5")) + closing
    if chance.random() < 0.3:
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(("]", "}", "[", '"', "")) + text[at + chance.randrange(2) :]
    return text.encode()


def _long(chance: random.Random, line: bytes) -> bytes:
    """A line around the greatest length."""
    length = chance.choice((65_534, 65_535, 65_536, 65_537, 70_000))
    shape = chance.randrange(3)
    if shape == 0:
        return line + b" " * (length - len(line))
    if shape == 1:
        return b'"' + b"x" * (length - 2) + b'"'
    return b"\xff" * length
