"""Drawn letters read out: where a text holds a banner, what the banner says.

Guarantees: linear time (a drawing is read up to MOST_COLUMNS columns, all drawings of a text together); a text without
drawings comes back as it is; only what reads as words that somebody would write replaces a drawing, so tables, rules
and diagrams stay. The segmentation into letters is the one that the model likes best, over all of them at once
(Viterbi), because letters of a banner may touch; words are then brought to words of the model's list where that is
nearly as likely.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from clyra_proxy.genai.ascii_art.model import Model
from clyra_proxy.genai.ascii_art.raster import image_of, letters_of
from clyra_proxy.genai.ascii_art.templates import read_by

MOST_COLUMNS = 800
"""Columns of a text that are read, all attempts counted."""
_WIDEST_LINE = 400
_TALLEST = 44
_LONGEST = 400
"""Lines of rows that follow one another without a blank line; letters of a drawing."""
_LOWEST, _HIGHEST = 3, 14
"""Lines of a row of letters."""
_WIDTHS = 2.4
"""Most columns of a letter, in lines of its height; and _MORE."""
_MORE = 4
_MOST_KINDS, _MOST_LETTERS = 16, 8
"""Different characters, and letters and digits among them, of a row of drawn letters; code and data use more."""
_MIXED = (0.05, 0.6)
"""Share of letters and digits in the ink that means code: fonts draw with them nearly alone, or hardly at all."""
_RULE = re.compile(r"(\S)\1{19}")
"""A line of one character: a frame, a table, something to fill in."""
_LEAST_INK, _LEAST_EACH, _NARROWEST = 24, 3, 10
"""Ink of a row, times that each of its characters stands there on average, columns of its widest line."""
_WORD = re.compile(r"[^\W\d_]{3,}")
_WORDY = 0.3
_UNREAD = -3.0
"""Log-probability a column for ink that belongs to no letter."""

_EACH = 2.0
"""Log-probability that each further letter costs: few wide letters are likelier than many strokes."""
_LIKELY = -0.6
"""Mean log-probability a column below which a reading by the network is noise."""


@dataclass(frozen=True, slots=True)
class Reading:
    """text: letters and blanks. likely: mean log-probability a column of ink."""

    text: str
    likely: float


class _Budget:
    """How many columns may still be read, over all attempts at a text."""

    def __init__(self) -> None:
        self._left = MOST_COLUMNS

    def takes(self, rows: Sequence[Sequence[str]]) -> bool:
        """Whether these rows may be read; then they are paid for."""
        self._left -= sum(max(map(len, row)) for row in rows)
        return self._left >= 0


def read_drawings(text: str) -> str:
    """The text with each drawing that reads as words written out in their place."""
    lines = text.split("\n")
    budget = _Budget()
    written: list[str] = []
    done = 0
    for start, end in blocks_of(lines):
        said = " ".join(_said(row, budget) for row in rows_of(lines[start:end]) if looks_drawn(row))
        if found := Model.load().listing.worded(said[:_LONGEST]):
            written += [*lines[done:start], found, *[""] * (end - start - 1)]
            done = end
    return "\n".join([*written, *lines[done:]]) if done else text


def looks_drawn(row: Sequence[str]) -> bool:
    """Whether a row may be letters at all: much ink of few kinds. Cheap, because it is asked of code and tables too."""
    if not _LOWEST <= len(row) <= _TALLEST or max(map(len, row)) < _NARROWEST:
        return False
    ink = "".join("".join(row).split())
    kinds = set(ink)
    letters = [kind for kind in kinds if kind.isalnum()]
    if len(kinds) > _MOST_KINDS or len(letters) > _MOST_LETTERS or len(ink) < max(_LEAST_INK, _LEAST_EACH * len(kinds)):
        return False
    share = sum(map(ink.count, letters)) / len(ink)
    return not _MIXED[0] < share < _MIXED[1] and not any(map(_RULE.search, row))


def _said(row: list[str], budget: _Budget) -> str:
    """What a row of letters says, or several rows that follow one another: their height is that of the best first."""
    sizes = [size for size in (len(row), *_sizes(len(row))) if _LOWEST <= size <= _HIGHEST]
    firsts = [(_read(row[:size]), size) for size in sizes if budget.takes([row[:size]])]
    best, size = max(firsts, key=lambda first: first[0].likely, default=(Reading("", _UNREAD), 0))
    rest = [row[at : at + size] for at in range(size, len(row), size)] if size else []
    if best.likely < _LIKELY or not budget.takes(rest):
        return ""
    return " ".join([best.text, *(_read(part).text for part in rest)])


def _read(row: list[str]) -> Reading:
    """A row by the fonts whose very characters are known, else by the network."""
    model = Model.load()
    known = read_by(row, model.fonts)
    return Reading(known, 0.0) if known else read_row(row, model)


def _sizes(height: int) -> list[int]:
    """How high each may be of several rows of letters without a blank line between them."""
    return [size for size in range(4, 12) if height >= 2 * size - 1 and height % size in (0, size - 1)]


def blocks_of(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where drawings may be: runs of at least _LOWEST lines without words, blank ones not counted."""
    start, inked = 0, 0
    for number, (line, plain) in enumerate(zip([*lines, ""], [*_plainly_wordy(lines), True], strict=True)):
        ink = bool(line.strip())
        if plain or (ink and is_wordy(line)):
            if inked >= _LOWEST:
                yield start, number
            start, inked = number + 1, 0
        elif ink:
            inked += 1


def is_wordy(line: str) -> bool:
    """Whether words make up a good part of a line: runs of letters that are not one or two letters over and over."""
    letters = sum(len(word) for word in _WORD.findall(line[:_WIDEST_LINE]) if len(set(word.lower())) > 2)
    return letters > _WORDY * len(line[:_WIDEST_LINE].replace(" ", ""))


def _plainly_wordy(lines: Sequence[str]) -> list[bool]:
    """Lines that are wordy by so much that it shows at a glance at all of them: each three different letters in a row
    begin at a letter of a word."""
    data = np.frombuffer("\n".join([*lines, ""]).encode("latin-1", "replace"), np.uint8)
    small = data | 32
    letter = (small >= 97) & (small <= 122)
    after, last = small[1:-1], small[2:]
    three = letter[:-2] & letter[1:-1] & letter[2:] & (small[:-2] != after) & (after != last) & (small[:-2] != last)
    begun = np.concatenate([[0], np.cumsum(three), [three.sum()] * 2])
    inked = np.concatenate([[0], np.cumsum(data != 32)])
    ends = np.flatnonzero(data == 10)
    starts = np.concatenate([[0], ends + 1])[:-1]
    ends = np.minimum(ends, starts + _WIDEST_LINE)
    inside = begun[np.maximum(ends - 2, starts)] - begun[starts]
    wordy: list[bool] = (inside > _WORDY * (inked[ends] - inked[starts])).tolist()
    return wordy


def read_row(lines: Sequence[str], model: Model) -> Reading:
    """One row of drawn letters. lines: 3 to 14, with ink."""
    image = image_of(lines)
    height, width = len(lines), max(map(len, lines))
    inked = np.array([any(column < len(line) and line[column] != " " for line in lines) for column in range(width)])
    starts, ends = _spans(inked, int(height * _WIDTHS) + _MORE)
    if not starts.size:
        return Reading("", _UNREAD)
    chances = model.chances(letters_of(image, starts, ends, height))
    fined = chances - _EACH / (ends - starts)[:, None].astype(np.float32)
    return _worded(_best(inked, starts, ends, fined), starts, ends, chances, model, int(inked.sum()))


def _spans(inked: NDArray[np.bool_], widest: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All spans that begin and end with ink and hold at most one blank column in a row."""
    columns = np.flatnonzero(inked)
    starts, ends = np.meshgrid(columns, columns + 1, indexing="ij")
    fits = (ends > starts) & (ends - starts <= widest)
    return starts[fits], ends[fits]


def _best(
    inked: NDArray[np.bool_], starts: NDArray[np.int64], ends: NDArray[np.int64], chances: NDArray[np.float32]
) -> tuple[list[int], float]:
    """The spans that together explain the row best, as indices, and the score."""
    worth = chances.max(1) * (ends - starts)
    order = np.argsort(ends, kind="stable")
    edges = np.searchsorted(ends[order], np.arange(inked.size + 2))
    score = np.zeros(inked.size + 1)
    chosen = np.full(inked.size + 1, -1)
    for end in range(1, inked.size + 1):
        score[end] = score[end - 1] + (_UNREAD if inked[end - 1] else 0.0)
        spans = order[edges[end] : edges[end + 1]]
        if spans.size:
            totals = score[starts[spans]] + worth[spans]
            place = int(totals.argmax())
            if totals[place] > score[end]:
                score[end], chosen[end] = totals[place], spans[place]
    path, end = [], inked.size
    while end > 0:
        if chosen[end] >= 0:
            path.append(int(chosen[end]))
            end = int(starts[chosen[end]])
        else:
            end -= 1
    return path[::-1], float(score[-1])


def _worded(
    best: tuple[list[int], float],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    chances: NDArray[np.float32],
    model: Model,
    ink: int,
) -> Reading:
    """The letters as words: parted where the gap is wide, each brought to the list."""
    path, score = best
    if not path:
        return Reading("", _UNREAD)
    gaps = np.array([starts[b] - ends[a] for a, b in pairwise(path)], int)
    widths = np.array([ends[span] - starts[span] for span in path])
    wide = max(3.0, np.median(gaps) + 0.35 * np.median(widths)) if gaps.size else 0
    words: list[list[int]] = [[path[0]]]
    for gap, span in zip(gaps, path[1:], strict=True):
        if gap >= wide:
            words.append([])
        words[-1].append(span)
    return Reading(" ".join(model.word(chances[word]) for word in words), score / max(1, ink))


def rows_of(block: Sequence[str]) -> Iterator[list[str]]:
    """The rows of letters of a block: parted by blank lines."""
    row: list[str] = []
    for line in [*block, ""]:
        if line.strip():
            row.append(line[:_WIDEST_LINE])
        elif row:
            yield row
            row = []
