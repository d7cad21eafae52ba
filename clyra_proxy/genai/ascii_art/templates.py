"""Letters of fonts whose lines touch and overlap, found by their very characters.

Rule: of FIGlet's common line fonts (`standard`, `slant`, `big`, ...) the cells of each letter are known. A letter
stands where nearly all of its cells do; a few may have been replaced by a neighbour. The chain of letters that
explains most ink is the reading. Time is linear in the width of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_ALIKE = 0.68
"""Share of a letter's cells that must be there."""
_LETTER = 1.0
"""Cells that a letter must explain before it counts."""
_OVERLAP = 2
"""Columns that neighbours may share, and _REACH columns by which slanted letters reach over one another."""
_REACH = 4
_SHARED = 0.42
"""Ink of a shared column, of its height: counted twice otherwise."""
_SHIFTS = (0, -1, -2)
"""Blank lines of the font above a row whose highest letters are missing."""
_EXPLAINED = 0.62
"""Share of the ink that a reading must explain."""


@dataclass(frozen=True)
class Font:
    """cells: (letter number, line, column, character) of each inked cell, in order of letters. spells: of each letter.
    widths: columns of each. slanted: letters reach over one another."""

    cells: NDArray[np.int64]
    spells: str
    widths: NDArray[np.int64]
    slanted: bool = False

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each letter's cells begin."""
        return np.searchsorted(self.cells[:, 0], np.arange(len(self.spells)))

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """How many cells each letter has."""
        return np.diff([*self.starts, len(self.cells)])


def read_by(lines: Sequence[str], fonts: Sequence[Font]) -> str:
    """What a row says in the font that explains it best; "" when none does. Letters and blanks."""
    codes = _codes(lines)
    best, reading = _EXPLAINED * int((codes != 32).sum()), ""
    for font in fonts:
        for shift in _SHIFTS:
            score, text = _read(codes, font, shift)
            if score > best:
                best, reading = score, text
    return reading


def _codes(lines: Sequence[str]) -> NDArray[np.int64]:
    width = max(map(len, lines))
    return np.array([[ord(character) for character in line.ljust(width)] for line in lines], np.int64)


def _read(codes: NDArray[np.int64], font: Font, shift: int) -> tuple[float, str]:
    """How much ink the best chain of letters explains, and what it spells."""
    height, width = codes.shape
    room = int(font.widths.max()) + 1
    sheet = np.full((height + 24, width + room), -1, np.int64)
    sheet[3 : height + 3, :width] = codes
    rows = font.cells[:, 1] + shift + 3
    inside = rows[:, None], font.cells[:, 2][:, None] + np.arange(width)
    there = np.add.reduceat((sheet[inside] == font.cells[:, 3][:, None]).astype(np.int64), font.starts)
    sizes = font.sizes
    worth = np.where(there >= np.ceil(_ALIKE * sizes)[:, None], there - 1.2 * (sizes[:, None] - there) - _LETTER, -1.0)
    letters, places = np.nonzero(worth > 0)
    return _chain(letters, places, worth, font, (height, width))


def _chain(
    letters: NDArray[np.int64], places: NDArray[np.int64], worth: NDArray[np.float64], font: Font, size: tuple[int, int]
) -> tuple[float, str]:
    height, width = size
    best = np.zeros(width + 1)
    came: list[tuple[int, int] | None] = [None] * (width + 1)
    found: dict[int, list[int]] = {}
    for letter, place in zip(letters.tolist(), places.tolist(), strict=True):
        found.setdefault(place, []).append(letter)
    for place in range(width):
        if place and best[place - 1] > best[place]:
            best[place], came[place] = best[place - 1], None
        for letter in found.get(place, ()):
            wide = int(font.widths[letter])
            most, cost = (_REACH, 0.0) if font.slanted else (_OVERLAP, _SHARED * height)
            for shared in range(min(most, wide // 2) + 1):
                end = min(width, place + max(1, wide - shared))
                total = best[place] + worth[letter, place] - shared * cost
                if total > best[end]:
                    best[end], came[end] = total, (letter, place)
    if width and best[width - 1] > best[width]:
        best[width], came[width] = best[width - 1], None
    return float(best[width]), _spelled(came, font, width)


def _spelled(came: Sequence[tuple[int, int] | None], font: Font, width: int) -> str:
    """The letters, parted where the gap is wider than gaps between letters are."""
    steps: list[tuple[int, int]] = []
    end = width
    while end > 0:
        step = came[end]
        if step is None:
            end -= 1
        else:
            steps.append(step)
            end = step[1]
    steps.reverse()
    ends = [place + int(font.widths[letter]) for letter, place in steps]
    gaps = [after[1] - before for before, after in zip(ends, steps[1:], strict=False)]
    usual = sorted(gaps)[len(gaps) // 2] if gaps else 0
    parts = [" " * (gap >= usual + 2) + font.spells[step[0]] for gap, step in zip([usual, *gaps], steps, strict=False)]
    return "".join(parts)
