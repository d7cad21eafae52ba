"""What the classifier looks at: n-grams of code points, counted in overlapping windows of words.

Rule: a text is as bad as its worst window, so an attack in a long document is not diluted and a long document does not
add up to an attack. Windows are BLOCKS_PER_WINDOW blocks of WORDS_PER_BLOCK words and move by one block; every n-gram
is hashed once and its block's sum is shared by the windows above it, so the cost does not grow with the overlap. A text
is hashed in parts that fit into the processor's cache. Training and scoring use the same functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clyra_proxy.genai.classifier.reading import Reading, mix_in_place, powers_of, sums_of

BUCKET_BITS = 18
LENGTHS = (3, 4, 5)
WORDS_PER_BLOCK = 20
BLOCKS_PER_WINDOW = 3
_PART = 8192
_SHIFT = np.uint64(64 - BUCKET_BITS)
_LENGTHS = np.array(LENGTHS, np.uint64)[:, None]


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-grams of a text. buckets: of each n-gram. blocks: the block each begins in. count: how many blocks."""

    buckets: NDArray[np.int64]
    blocks: NDArray[np.int64]
    count: int


def grams_of(reading: Reading) -> Grams:
    """All n-grams of a text with their blocks. A text without words is one block."""
    parts = list(parts_of(reading))
    buckets = [np.zeros(0, np.int64), *(part.buckets for part in parts)]
    blocks = [np.zeros(0, np.int64), *(part.blocks for part in parts)]
    return Grams(np.concatenate(buckets), np.concatenate(blocks), count_of(reading))


def count_of(reading: Reading) -> int:
    """How many blocks a text has."""
    return max(1, -(-reading.starts.size // WORDS_PER_BLOCK))


def parts_of(reading: Reading) -> Iterator[Grams]:
    """The n-grams of a text, part after part. count: how many blocks there are up to the end of the part."""
    _, inverses = powers_of(_PART + max(LENGTHS))
    edges = reading.starts[WORDS_PER_BLOCK::WORDS_PER_BLOCK]
    for begin in range(0, reading.points.size, _PART):
        points = reading.points[begin : begin + _PART + max(LENGTHS) - 1]
        blocks = _blocks(edges, begin, min(_PART, points.size))
        sums = sums_of(points) if begin else reading.sums[: points.size + 1]
        numbers = [max(0, min(blocks.size, points.size - length + 1)) for length in LENGTHS]
        spans = np.zeros((len(LENGTHS), blocks.size), np.uint64)
        for row, length, number in zip(spans, LENGTHS, numbers, strict=True):
            np.subtract(sums[length : length + number], sums[:number], out=row[:number])
        spans *= inverses[: blocks.size]
        mix_in_place(spans)
        spans += _LENGTHS
        mix_in_place(spans)
        spans >>= _SHIFT
        placed = np.concatenate([blocks[:number] for number in numbers])
        buckets = [row[:number].view(np.int64) for row, number in zip(spans, numbers, strict=True)]
        yield Grams(np.concatenate(buckets), placed, int(blocks[-1]) + 1)


def _blocks(edges: NDArray[np.int64], begin: int, size: int) -> NDArray[np.int64]:
    """The block of each code point from `begin` on: the one of the last word that begins at or before it.

    edges: where the blocks after the first one begin.
    """
    first, last = np.searchsorted(edges, [begin, begin + size])
    begins = np.zeros(size, np.int64)
    begins[edges[first:last] - begin] = 1
    blocks = np.cumsum(begins)
    blocks += first
    return blocks


def over_windows(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over each window, of values given by block. Fewer blocks than a window's make one window."""
    if blocks.size <= BLOCKS_PER_WINDOW:
        return blocks.sum(keepdims=True)
    return np.convolve(blocks, np.ones(BLOCKS_PER_WINDOW), "valid")


def window_buckets(grams: Grams) -> list[NDArray[np.int64]]:
    """The buckets of each window, for training. The same windows in the same order as `over_windows`."""
    order = np.argsort(grams.blocks, kind="stable")
    buckets, blocks = grams.buckets[order], grams.blocks[order]
    last = max(1, grams.count - BLOCKS_PER_WINDOW + 1)
    wide = grams.count if last == 1 else BLOCKS_PER_WINDOW
    edges = np.searchsorted(blocks, [(first, first + wide) for first in range(last)])
    return [buckets[low:high] for low, high in edges]
