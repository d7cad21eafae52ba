"""Text to numbers, without a loop over its characters: folded code points, words, and their hashes.

Guarantees: time and memory linear in the text, whatever it holds; the same text gives the same numbers on every
machine (64-bit modular arithmetic, a folding table that is part of the model file). Folding takes case, accents,
width, mathematical and look-alike letters away and drops invisible characters, so that `Ｉｇｎóre` reads `ignore`.
Scripts without blanks (Han, kana, Thai, ...) give one word a character; their n-grams are n-grams of words.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clyra_proxy.genai.normal_forms import normal_form

type Hashes = NDArray[np.uint64]

TABLE_SIZE = 0x20000
"""Code points from here on (private use, tags, rare Han) are read as the last one of the table."""
_SPACE, _LETTER, _MARK, _IDEOGRAM = 0, 1, 2, 3
_PRIME = 0x9E3779B97F4A7C15
_INVERSE = pow(_PRIME, -1, 1 << 64)
_HALF = np.uint64(33)
_MIX_A = np.uint64(0xFF51AFD7ED558CCD)
_MIX_B = np.uint64(0xC4CEB9FE1A85EC53)
# Look-alikes that no Unicode normalisation folds, and that stand for Latin letters in mixed words.
_DROPPED = "'’‘ʼ`´\u00ad\u200b\u200c\u200d\u2060\ufeff\u180e"
_SCRIPTS_WITHOUT_BLANKS = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
)  # fmt: skip


def folding_tables() -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """The tables that a model file carries: folded code point (0: dropped) and class of each folded code point."""
    fold = np.zeros(TABLE_SIZE, np.uint32)
    kinds = np.zeros(TABLE_SIZE, np.uint8)
    for code in range(TABLE_SIZE):
        fold[code] = _folded(chr(code))
    for code in range(TABLE_SIZE):
        kinds[code] = _kind(chr(code))
    return fold, kinds


def _folded(character: str) -> int:
    category = unicodedata.category(character)
    if character in _DROPPED or (category in {"Mn", "Me", "Cf"} and not _in_blankless(ord(character))):
        return 0
    if character.isspace() or category in {"Cc", "Zs", "Zl", "Zp"}:
        return 32
    if character.isdecimal():
        return 48
    lowered = character.lower()
    parts = [part for part in normal_form("NFKD", lowered) if not unicodedata.combining(part)]
    if 0xAC00 <= ord(character) <= 0xD7A3 or not parts:  # Hangul syllables stay whole
        return ord(character)
    if len(parts) != 1:
        return ord(lowered[0])
    return 32 if parts[0].isspace() else ord(parts[0].lower()[0]) % TABLE_SIZE


def _kind(character: str) -> int:
    if _in_blankless(ord(character)):
        return _IDEOGRAM
    category = unicodedata.category(character)
    if category[0] in "LN" or category in {"Mc", "Mn"} or character == "_":
        return _LETTER
    return _SPACE if character.isspace() or category[0] == "C" else _MARK


def _in_blankless(code: int) -> bool:
    return any(low <= code <= high for low, high in _SCRIPTS_WITHOUT_BLANKS)


@dataclass(frozen=True, slots=True)
class Reading:
    """One text. points: folded code points, runs of blanks as one. kinds: class of each.

    starts, ends: of each word in `points`. sums: what precedes each code point, and all, as one hash each.
    """

    points: NDArray[np.uint32]
    kinds: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    sums: Hashes

    @property
    def words(self) -> Hashes:
        """Hash of each word."""
        return self.span_hashes(self.starts, self.ends)

    def span_hashes(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Hashes:
        """Hash of each span of code points; equal spans give equal hashes wherever they stand."""
        _, inverses = powers_of(self.points.size + 1)
        return mix((self.sums[ends] - self.sums[starts]) * inverses[starts])


def read(text: str, fold: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> Reading:
    """Fold a text and find its words."""
    points = _folded_points(text, fold)
    kind = kinds[points]
    letter, ideogram = kind == _LETTER, kind == _IDEOGRAM
    padded = np.concatenate(([False], letter, [False]))
    starts = np.flatnonzero((padded[1:-1] & ~padded[:-2]) | ideogram)
    ends = np.flatnonzero((padded[1:-1] & ~padded[2:]) | ideogram) + 1
    return Reading(points, kind, starts, ends, sums_of(points))


def sums_of(points: NDArray[np.uint32]) -> Hashes:
    """The hash of what precedes each code point, and of all: that of a span is the difference of two."""
    powers, _ = powers_of(points.size + 1)
    sums = np.zeros(points.size + 1, np.uint64)
    np.cumsum((points.astype(np.uint64) + 1) * powers[:-1], out=sums[1:])
    return sums


def _folded_points(text: str, fold: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The folded code points, without what is dropped and without blanks after blanks."""
    if text.isascii():
        points = fold[np.frombuffer(text.encode("ascii"), np.uint8)]
    else:
        raw = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        points = fold[np.minimum(raw, TABLE_SIZE - 1)]
    points = points[points > 0]
    blank = points == 32
    kept = ~blank
    kept[1:] |= ~blank[:-1]
    found: NDArray[np.uint32] = points[kept]
    return found


def mix(values: Hashes) -> Hashes:
    """Spread the entropy of a 64-bit hash over all its bits (the finaliser of MurmurHash3)."""
    mixed = values.copy()
    mix_in_place(mixed)
    return mixed


def mix_in_place(values: Hashes) -> None:
    """`mix`, written over what it mixes: memory is most of the cost of a long text."""
    shifted = np.empty_like(values)
    for factor in (_MIX_A, _MIX_B, None):
        np.right_shift(values, _HALF, out=shifted)
        np.bitwise_xor(values, shifted, out=values)
        if factor is not None:
            np.multiply(values, factor, out=values)


def hash_word(word: str, fold: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> int:
    """The hash that `read` gives this word, or a prefix of it, in a text."""
    reading = read(word, fold, kinds)
    return int(reading.span_hashes(np.array([0]), np.array([reading.points.size]))[0])


_cached: tuple[Hashes, Hashes] = (np.ones(0, np.uint64), np.ones(0, np.uint64))


def powers_of(count: int) -> tuple[Hashes, Hashes]:
    """The first powers of the base of all hashes, and their inverses."""
    global _cached
    powers, inverses = _cached
    if powers.size < count:
        size = max(16384, count)
        powers = _geometric(_PRIME, size)
        inverses = _geometric(_INVERSE, size)
        if size <= 1 << 20:  # longer texts are rare, their tables are not kept
            _cached = powers, inverses
    return powers[:count], inverses[:count]


def _geometric(ratio: int, count: int) -> Hashes:
    series = np.full(count, ratio, np.uint64)
    series[0] = 1
    return np.cumprod(series, dtype=np.uint64)
