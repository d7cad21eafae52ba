"""What the classifier looks at: n-grams of code points, counted in overlapping windows of words.

Rule: a text is as bad as its worst window, so an attack in a long document is not diluted and a long document does not
add up to an attack. Windows are BLOCKS_PER_WINDOW blocks of WORDS_PER_BLOCK words and move by one block; every n-gram
is hashed once and its block's sum is shared by the windows above it, so the cost does not grow with the overlap.
Training and scoring use the same functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clyra_proxy.genai.classifier.reading import Reading, mix

BUCKET_BITS = 18
LENGTHS = (3, 4, 5)
WORDS_PER_BLOCK = 20
BLOCKS_PER_WINDOW = 3
_SHIFT = np.uint64(64 - BUCKET_BITS)


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-grams of a text. buckets: of each n-gram. blocks: the block each begins in. count: how many blocks."""

    buckets: NDArray[np.int64]
    blocks: NDArray[np.int64]
    count: int


def grams_of(reading: Reading) -> Grams:
    """All n-grams of a text with their blocks. A text without words is one block."""
    size = reading.points.size
    count = max(1, -(-reading.words.size // WORDS_PER_BLOCK))
    buckets, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for length in LENGTHS:
        if size >= length:
            spans = (reading.sums[length:] - reading.sums[:-length]) * reading.inverses[: size - length + 1]
            buckets.append((mix(mix(spans) + np.uint64(length)) >> _SHIFT).astype(np.int64))
            places.append(_block_of_point(reading)[: size - length + 1])
    return Grams(np.concatenate(buckets), np.concatenate(places), count)


def _block_of_point(reading: Reading) -> NDArray[np.int64]:
    """The block of each code point: the one of the last word that begins at or before it."""
    begins = np.zeros(reading.points.size, np.int64)
    begins[reading.starts] = 1
    return np.maximum(np.cumsum(begins) - 1, 0) // WORDS_PER_BLOCK


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
