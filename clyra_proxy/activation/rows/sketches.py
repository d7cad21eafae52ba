"""What the values of a field look like, without any value: counts of how often they are empty, of what kind, how long,
how large, and which of a few salted buckets they fall into.

Guarantees: a sketch tells at most six bits of a value, and only where a batch has few different ones; sketches of
several workers and runs add up; size is bounded whatever is sent. Numbers are counted by quarter octaves of their
size, texts by length.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import filterfalse
from math import frexp, isfinite
from typing import Any

BUCKETS = 61
FEW = 32
"""A batch with more different texts than this says nothing about which they are: they are names or ids."""

_MOST_CELLS = 400
_BEYOND = 99_999  # numbers that no double holds
_ALL_TEXTS = {str}
_NEVER_EMPTY = frozenset({int, float, bool})

type Cells = dict[str, int]


@dataclass(slots=True)
class FieldSketch:
    """One field. rows: how often it was there; empties: with nothing in it. cells: bucket -> how often.

    A cell's first letter is its family: `t` kind of value, `n` size of a number, `l` length, `h` salted hash.
    """

    rows: int = 0
    empties: int = 0
    cells: Counter[str] = field(default_factory=Counter)

    def add(self, values: tuple[Any, ...], seed: int) -> None:
        """Count a sample of values that are not empty. seed: salt of the hashes."""
        texts = [value for value in values if type(value) is str]
        numbers = [value for value in values if type(value) is int or type(value) is float]
        others = len(values) - len(texts) - len(numbers)
        cells = self.cells
        if texts:
            cells["ts"] += len(texts)
            for length, count in Counter(map(len, texts)).items():
                cells[f"l{_length(length)}"] += count
            if len(different := Counter(texts)) <= FEW:
                for text, count in different.items():
                    cells[f"h{zlib.crc32(text.encode('utf-8', 'replace'), seed) % BUCKETS}"] += count
        if numbers:
            cells["tn"] += len(numbers)
            for size, count in Counter(map(_size, numbers)).items():
                cells[f"n{size}"] += count
        if others:
            self._add_others(value for value in values if type(value) not in (str, int, float))

    def _add_others(self, values: Iterable[Any]) -> None:
        for value in values:
            kind = "b" if isinstance(value, bool) else "o" if isinstance(value, Mapping) else "a"
            self.cells[f"t{kind}"] += 1
            if kind == "b":
                self.cells[f"h{int(value)}"] += 1

    def merge(self, other: FieldSketch) -> None:
        self.rows += other.rows
        self.empties += other.empties
        self.cells.update(other.cells)
        if len(self.cells) > _MOST_CELLS:
            self.cells = Counter(dict(self.cells.most_common(_MOST_CELLS)))

    def family(self, name: str) -> Cells:
        """The cells of one family. `t` also counts what was empty."""
        cells = {cell: count for cell, count in self.cells.items() if cell[0] == name}
        if name == "t" and self.empties:
            cells["t-"] = round(self.empties * sum(cells.values()) / max(1, self.rows - self.empties)) or self.empties
        return cells

    def as_json(self) -> list[Any]:
        return [self.rows, self.empties, dict(self.cells)]

    @classmethod
    def from_json(cls, value: Any) -> FieldSketch:
        """Raises ValueError, TypeError for what is none."""
        rows, empties, cells = value
        return cls(int(rows), int(empties), Counter({str(cell): int(count) for cell, count in cells.items()}))


def count_empty(values: tuple[Any, ...], kinds: set[type]) -> int:
    """How many values are nothing: null, blanks, or an empty list or object. Zero and false are something.

    kinds: the types of the values.
    """
    if kinds <= _NEVER_EMPTY:
        return 0
    empty = 0 if all(values) else len(values) - sum(map(bool, values)) - _zeros(values)
    if str not in kinds:
        return empty
    texts = values if kinds == _ALL_TEXTS else [value for value in values if type(value) is str]
    return empty + sum(map(str.isspace, texts)) if any(map(str.isspace, texts)) else empty


def is_empty(value: Any) -> bool:
    """Whether one value is nothing; see `count_empty`."""
    if value is None or type(value) is str:
        return not value or value.isspace()
    return isinstance(value, list | dict) and not value


def _zeros(values: tuple[Any, ...]) -> int:
    """Numbers that are zero, and false."""
    return sum(1 for value in filterfalse(bool, values) if type(value) in (int, float, bool))


def _length(length: int) -> int:
    """Half octave of a text's length, so that ids that grow by a digit stay where they are."""
    bits = length.bit_length()
    return 2 * bits + (length >> (bits - 2) & 1 if bits > 1 else 0)


def _size(number: int | float) -> int:
    """Quarter octave of a number's size; negative ones apart."""
    try:
        fraction, exponent = frexp(number)
    except OverflowError:
        return _BEYOND
    if not fraction:
        return 0
    if not isfinite(fraction):
        return _BEYOND
    size = 4 * (exponent + 1100) + int((abs(fraction) - 0.5) * 8)
    return size if fraction > 0 else -size
