"""DEF-JSON in TypeScript: the same answer as the reference for every line, hostile ones too."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from recorder import canonical
from recorder.canonical import CanonicalError
from tests.support.ts_verifier import lines_of

_PIECES = [
    *(rb"{ } [ ] , : \" 0 1 9 - -0 1.0 1e5 9007199254740991 9007199254740992 true false null NaN Infinity".split(b" ")),
    rb'"a":1',
    rb'"b":[]',
    rb'"a":{"b":"c"}',
    rb'"A"',
    rb'"\u0041"',
    rb'"\u001f\b\n"',
    rb'"\u001F"',
    rb'"\ud800"',
    rb'"\ud83d\ude00"',
    rb'"\/"',
    b'"\xc3\xa9"',
    b'"\xed\xa0\x80"',
    b"\xff",
    b"\xef\xbb\xbf",
    b" ",
    b"\t",
    b'"\x7f\xe2\x80\xa8"',
    b'"' + b"k" * 65 + b'":1',
    b"[" * 16,
    b"]" * 16,
    b"[" * 17,
    b'"__proto__":1',
    b'"10":1,"9":1',
    b'{"b":0,"b":0}',
    rb'{"b":0,"\u0062":0,"B":0}',
]


def hostile_lines(count: int, seed: int) -> Iterator[bytes]:
    """Pieces at random, and sound documents with a piece put in, taken out or changed."""
    chance = random.Random(seed)
    values: list[Any] = [
        {"a": [1, -2, {"b": "é\u2028😀"}], "c": None, "d": True, "e_1": '\u0000\u001f"\\'},
        {"typ": "sys.gap", "data": {"count": 2**53 - 1, "first": 0}, "z": ["", "x" * 40]},
        {"a": {"b": {"c": {"d": {"e": {"f": [[[[[]]]]]}}}}}},
    ]
    sound = [canonical.encode(value) for value in values]
    for _ in range(count):
        kind = chance.random()
        if kind < 0.3:
            line = b"".join(chance.choice(_PIECES) for _ in range(chance.randrange(1, 9)))
        else:
            changed = bytearray(chance.choice(sound))
            for _ in range(chance.choice((1, 1, 1, 2, 3))):
                at = chance.randrange(len(changed) + 1)
                end = at + chance.choice((0, 0, 1, 1, 2, 8))
                changed[at:end] = chance.choice(_PIECES) if kind < 0.8 else bytes([chance.randrange(256)])
            line = bytes(changed)
        yield line.replace(b"\n", b" ")


def _code(line: bytes) -> str:
    try:
        canonical.check(line)
    except CanonicalError as error:
        return error.code
    return "ok"


def _compare(count: int, seed: int) -> set[str]:
    lines = list(hostile_lines(count, seed))
    wanted = [_code(line) for line in lines]
    differences = [one for one in zip(lines, wanted, lines_of("canon", lines), strict=True) if one[1] != one[2]]
    assert differences[:5] == []
    return set(wanted)


def test_hostile_lines_get_the_reference_s_code() -> None:
    seen = _compare(20_000, seed=1)
    assert seen == {"ok", "E_UTF8", "E_CANON", "E_NUM", "E_KEYNAME", "E_DEPTH", "E_DUP_KEY"}


@pytest.mark.comprehensive
@pytest.mark.timeout(1200)
def test_a_million_hostile_lines() -> None:
    for seed in range(20):
        _compare(50_000, seed=100 + seed)


@pytest.mark.parametrize("size", [65_534, 65_535, 65_536, 70_000])
def test_the_size_limit(size: int) -> None:
    line = json.dumps("x" * (size - 2)).encode()
    assert lines_of("canon", [line]) == [_code(line)]
