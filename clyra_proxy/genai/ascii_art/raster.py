"""A drawing as an image: each character is a cell of 3 by 4 points that it inks in part.

Rule: what matters of a character is where in its cell it leaves ink, so that letters made of `#`, of `8`, of lines
(`_ / \\ |`) or of block elements become images of one kind. Characters that are not known ink their whole cell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

type Image = NDArray[np.float32]

WIDE, HIGH = 3, 4
"""Points of a cell."""
COLUMNS, ROWS = 12, 14
"""Points of the image of one letter, whatever its size."""
_EMPTY, _FULL = "............", "############"
# Rows of three points from top to bottom; "+" is half inked.
_CELLS = {
    "_": "...|...|...|###", "-": "...|###|...|...", "=": "###|...|###|...", "~": "...|###|...|...",
    "|": ".#.|.#.|.#.|.#.", "!": ".#.|.#.|...|.#.", "/": "..#|..#|#..|#..", "\\": "#..|#..|..#|..#",
    "(": "..#|.#.|.#.|..#", ")": "#..|.#.|.#.|#..", "[": ".##|.#.|.#.|.##", "]": "##.|.#.|.#.|##.",
    "{": "..#|.#.|.#.|..#", "}": "#..|.#.|.#.|#..", "<": "..#|##.|##.|..#", ">": "#..|.##|.##|#..",
    ".": "...|...|...|.#.", ",": "...|...|...|.#.", "'": ".#.|...|...|...", "`": ".#.|...|...|...",
    '"': "###|...|...|...", "^": ".#.|#.#|...|...", ":": "...|.#.|...|.#.", ";": "...|.#.|...|.#.",
    "*": "...|###|###|...", "+": "...|.#.|###|.#.", "o": "...|###|###|###", "v": "...|#.#|#.#|.#.",
    "V": "#.#|#.#|#.#|.#.", "Y": "#.#|.#.|.#.|.#.", "\u2580": "###|###|...|...", "\u2584": "...|...|###|###",
    "\u258c": "##.|##.|##.|##.", "\u2590": ".##|.##|.##|.##", "\u2502": ".#.|.#.|.#.|.#.", "\u2503": ".#.|.#.|.#.|.#.",
    "\u2500": "...|###|...|...", "\u2501": "...|###|...|...", "\u00b4": ".#.|...|...|...", "\u00af": "###|...|...|...",
    "\u00b7": "...|.#.|...|...",
}  # fmt: skip
_WEAK = 0.3
"""Ink of lines around blocks, which are their shadow."""


def _cell(character: str) -> NDArray[np.float32]:
    if character.isspace():
        return np.zeros((HIGH, WIDE), np.float32)
    if "\u2550" <= character <= "\u256c" or character == "\u2591":
        return np.full((HIGH, WIDE), _WEAK, np.float32)
    drawn = _CELLS.get(character, _FULL).replace("|", "") if character != "|" else _CELLS["|"].replace("|", "")
    return np.array([mark == "#" for mark in drawn], np.float32).reshape(HIGH, WIDE)


def image_of(lines: Sequence[str]) -> Image:
    """The points of some lines, ROWS high; WIDE points a character. lines: at least one, of any lengths."""
    width = max(map(len, lines))
    cells: dict[str, NDArray[np.float32]] = {}
    rows = []
    for line in lines:
        for character in set(line):
            if character not in cells:
                cells[character] = _cell(character)
        blank = np.zeros((HIGH, WIDE), np.float32)
        rows.append(np.hstack([*(cells[character] for character in line), *([blank] * (width - len(line)))]))
    return _resized(np.vstack(rows).T, ROWS).T


def _resized(image: Image, size: int) -> Image:
    """The image with its last axis brought to a size, by area."""
    sums = np.concatenate([np.zeros((*image.shape[:-1], 1), np.float32), np.cumsum(image, -1)], -1)
    edges = np.linspace(0, image.shape[-1], size + 1)
    low = np.minimum(edges.astype(int), image.shape[-1] - 1)
    part = (edges - low).astype(np.float32)
    at = sums[..., low] * (1 - part) + sums[..., low + 1] * part
    resized: Image = np.diff(at, axis=-1) * np.float32(size / image.shape[-1])
    return resized


def letters_of(image: Image, starts: NDArray[np.int64], ends: NDArray[np.int64], height: int) -> Image:
    """What stands between columns of characters, each as COLUMNS by ROWS points and its shape.

    image: as `image_of` gives it. starts, ends: in characters. height: of the lines. One row a piece.
    """
    sums = np.concatenate([np.zeros((image.shape[0], 1), np.float32), np.cumsum(image, 1)], 1)
    steps = np.linspace(0.0, 1.0, COLUMNS + 1)
    edges = WIDE * (starts[:, None] + (ends - starts)[:, None] * steps)
    low = np.minimum(edges.astype(int), image.shape[1] - 1)
    part = (edges - low).astype(np.float32)
    at = sums[:, low] * (1 - part) + sums[:, low + 1] * part
    wide = (WIDE * (ends - starts) / COLUMNS).astype(np.float32)
    points = np.diff(at, axis=-1) / wide[None, :, None]
    flat = points.transpose(1, 0, 2).reshape(len(starts), -1)
    shape = np.stack([(ends - starts) / height, np.full(len(starts), 1 / height)], 1)
    return np.hstack([flat, 2 * shape.astype(np.float32)])
