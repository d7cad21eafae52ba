"""Lines that are nearly DEF-JSON: sound ones, some with one thing wrong, soups of tokens; one seed gives one list."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import orjson

_TOKENS = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b'"a"', b'"a":', b'"b":', b'"ab_9"', b'"A":1', b"null", b"true", b"false",
    b"nul", b"0", b"-0", b"-", b"1", b"01", b"1.0", b"1e5", b"1.", b"-1.5E+3", b"1e", b"9007199254740991",
    b"9007199254740992", b"-9007199254740991", b"-9007199254740992", b"123456789012345678901", b"NaN", b"Infinity",
    b"-Infinity", b" ", b"\t", b"\r", b"\\", b'\\"', b"\\u0000", b"\\u001f", b"\\u001F", b"\\u0041", b"\\ud800",
    b"\\ud83d\\ude00", b"\\udc00\\ud800", b"\\u12", b"\\n", b"\\/", b"\\b", b"\\x", b"\x00", b"\x1f", b"\x7f",
    "é".encode(), "\u2028".encode(), "😀".encode(), b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
]  # fmt: skip


def hostile_lines(seed: int, count: int) -> Iterator[bytes]:
    """Lines without newlines."""
    chance = random.Random(seed)
    makers = (_sound, _altered, _altered, _altered, _soup, _soup, _nested, _keys, _long)
    weights = (2, 6, 6, 6, 6, 4, 2, 2, 0.02)
    for maker in chance.choices(makers, weights, k=count):
        yield maker(chance).replace(b"\n", b" ")


def _value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(9 if depth < 5 else 6)
    if kind == 0:
        return chance.choice([0, 1, -1, 7, 2**53 - 1, -(2**53) + 1, chance.randrange(-(10**16), 10**16) % (2**53)])
    if kind == 1:
        return chance.choice([True, False, None])
    if kind < 6:
        letters = 'abc"\\/\b\f\n\r\t\x00\x01\x1f\x7f é\u2028\ufeff😀{}[]:,1.5e'
        return "".join(chance.choice(letters) for _ in range(chance.randrange(9)))
    if kind == 6:
        return [_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {_key(chance): _value(chance, depth + 1) for _ in range(chance.randrange(5))}


def _key(chance: random.Random) -> str:
    return "".join(chance.choice("abcdefghijklmnopqrstuvwxyz0123456789_") for _ in range(chance.randrange(1, 5)))


def _sound(chance: random.Random) -> bytes:
    return orjson.dumps(_value(chance), option=orjson.OPT_SORT_KEYS)


def _altered(chance: random.Random) -> bytes:
    """A sound line with one to three changes anywhere."""
    line = bytearray(_sound(chance))
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(line) + 1)
        match chance.randrange(5):
            case 0:
                line[at:at] = chance.choice(_TOKENS)
            case 1:
                del line[at : at + chance.randrange(1, 4)]
            case 2:
                line[at : at + 1] = chance.choice(_TOKENS)
            case 3:
                line[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                other = chance.randrange(len(line) + 1)
                line[at:at] = line[min(at, other) : max(at, other)]
    return bytes(line)


def _soup(chance: random.Random) -> bytes:
    return b"".join(chance.choices(_TOKENS, k=chance.randrange(12)))


def _nested(chance: random.Random) -> bytes:
    """Depths around the limit, closed or not, also inside strings."""
    depth = chance.randrange(13, 20)
    openers = [chance.choice([b"[", b'{"a":']) for _ in range(depth)]
    closers = [b"]" if opener == b"[" else b"}" for opener in reversed(openers)]
    if chance.random() < 0.3:
        del closers[chance.randrange(depth) :]
    middle = chance.choice([b"1", b'""', b'"[[[["', b"", b'"\\"[["', b"]"])
    return b"".join([*openers, middle, *closers])


def _keys(chance: random.Random) -> bytes:
    """Objects whose keys are doubled, out of order, spelled with escapes, too long, or empty."""
    names = [
        b"a",
        b"b",
        b"a_",
        b"_",
        b"0",
        b"",
        b"A",
        b"\\u0061",
        b"a" * 64,
        b"a" * 65,
        b"\\ud800",
        "é".encode(),
        b"a b",
    ]
    members = [b'"%b":%b' % (chance.choice(names), chance.choice(_TOKENS)) for _ in range(chance.randrange(1, 5))]
    return b"{" + b",".join(members) + b"}"


def _long(chance: random.Random) -> bytes:
    """Around the size limit."""
    size = chance.choice([65_533, 65_534, 65_535, 65_536, 70_000])
    return b'"' + b"x" * (size - 2) + b'"'
