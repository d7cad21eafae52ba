"""A small deflater (RFC 1951, fixed Huffman codes), because a library's output may differ between its versions."""

from __future__ import annotations

from functools import cache

_LENGTHS = [
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    13,
    15,
    17,
    19,
    23,
    27,
    31,
    35,
    43,
    51,
    59,
    67,
    83,
    99,
    115,
    131,
    163,
    195,
    227,
    258,
]
_LENGTH_BITS = [0] * 8 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4 + [0]
_DISTANCES = [1, 2, 3, 4, *(base + 1 for bits in range(2, 15) for base in (1 << bits, 3 << (bits - 1)))]
_DISTANCE_BITS = [0] * 4 + [bits for bits in range(1, 14) for _ in range(2)]
_WINDOW, _SHORTEST, _LONGEST = 32_768, 3, 258


@cache
def deflate(data: bytes) -> bytes:
    """`data` as one final block; each place takes the nearest match of its first three bytes."""
    out = _Bits()
    out.put(0b011, 3)
    newest: dict[bytes, int] = {}
    at = 0
    while at < len(data):
        start = data[at : at + _SHORTEST]
        before = newest.get(start)
        length = _match(data, before, at) if before is not None and at - before <= _WINDOW else 0
        if before is not None and length >= _SHORTEST:
            _copy(out, length, at - before)
        else:
            _symbol(out, data[at])
            length = 1
        for place in range(at, at + length):
            newest[data[place : place + _SHORTEST]] = place
        at += length
    _symbol(out, 256)
    return out.to_bytes()


class _Bits:
    """Bits from the least significant of each byte on."""

    def __init__(self) -> None:
        self._value = self._count = 0
        self._done = bytearray()

    def put(self, value: int, count: int) -> None:
        self._value |= value << self._count
        self._count += count
        while self._count >= 8:
            self._done.append(self._value & 0xFF)
            self._value >>= 8
            self._count -= 8

    def code(self, value: int, count: int) -> None:
        """A Huffman code: its bits in the other order."""
        self.put(int(f"{value:0{count}b}"[::-1], 2), count)

    def to_bytes(self) -> bytes:
        return bytes(self._done) + (bytes([self._value]) if self._count else b"")


def _match(data: bytes, before: int, at: int) -> int:
    end = min(_LONGEST, len(data) - at)
    length = 0
    while length < end and data[before + length] == data[at + length]:
        length += 1
    return length


def _copy(out: _Bits, length: int, distance: int) -> None:
    place = max(place for place, base in enumerate(_LENGTHS) if base <= length)
    _symbol(out, 257 + place)
    out.put(length - _LENGTHS[place], _LENGTH_BITS[place])
    place = max(place for place, base in enumerate(_DISTANCES) if base <= distance)
    out.code(place, 5)
    out.put(distance - _DISTANCES[place], _DISTANCE_BITS[place])


def _symbol(out: _Bits, value: int) -> None:
    if value < 144:
        out.code(0x30 + value, 8)
    elif value < 256:
        out.code(0x190 + value - 144, 9)
    elif value < 280:
        out.code(value - 256, 7)
    else:
        out.code(0xC0 + value - 280, 8)
