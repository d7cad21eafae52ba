"""How many different records a run touched, told from a few thousand bytes: HyperLogLog.

Guarantees: adding a record twice changes nothing; sketches of several workers merge without counting twice; the
standard error is 1.04 / sqrt(2048) = 2.3 %; a sketch holds no key, only how rare the rarest of their salted hashes
were. Flajolet, Fusy, Gandouet, Meunier 2007, with linear counting for small numbers.

The hash is fast and not cryptographic: its seed is a secret, and who writes records cannot choose their keys freely.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from itertools import repeat

from xxhash import xxh3_64_intdigest

_BITS = 11
_PLACES = 1 << _BITS
_LAST = _PLACES - 1
_MOST_RANK = 64 - _BITS + 1
_HASHES = 1 << 64
_ALPHA = 0.7213 / (1 + 1.079 / _PLACES)


class Distinct:
    """A sketch of different texts."""

    __slots__ = ("_least", "_ranks")

    def __init__(self, ranks: bytes = b"") -> None:
        self._ranks = bytearray(ranks if len(ranks) == _PLACES else _PLACES)
        self._least = 0  # no place holds a lower rank

    @classmethod
    def read(cls, text: str) -> Distinct:
        """From `text`. A damaged one counts as empty."""
        try:
            return cls(base64.b64decode(text))
        except ValueError:
            return cls()

    @property
    def text(self) -> str:
        return base64.b64encode(self._ranks).decode()

    def add(self, keys: Sequence[str], seed: int) -> None:
        """Count keys. seed: 64 bits that nobody outside knows."""
        ranks, least = self._ranks, self._least
        while least < _MOST_RANK and least not in ranks:
            least += 1
        self._least = least
        rarer = (_HASHES >> least).__gt__  # what ranks no higher than every place does changes nothing
        for found in filter(rarer, map(xxh3_64_intdigest, _encoded(keys), repeat(seed))):
            place = found & _LAST
            rank = _MOST_RANK - (found >> _BITS).bit_length()
            if rank > ranks[place]:
                ranks[place] = rank

    def merge(self, other: Distinct) -> None:
        self._ranks = bytearray(map(max, self._ranks, other._ranks))

    def estimate(self) -> int:
        """How many different texts were added."""
        total = math.fsum(2.0**-rank for rank in self._ranks)
        estimate = _ALPHA * _PLACES * _PLACES / total
        empty = self._ranks.count(0)
        if empty and estimate <= 2.5 * _PLACES:
            estimate = _PLACES * math.log(_PLACES / empty)
        return round(estimate)


def _encoded(keys: Sequence[str]) -> list[bytes]:
    try:
        return list(map(str.encode, keys))
    except UnicodeEncodeError:  # a lone surrogate; naming how errors are met costs as much again as encoding
        return [key.encode(errors="surrogatepass") for key in keys]
