"""What the words of a window mean: vectors of words, their mean, and a small network over it.

Rule: n-grams know a wording only if they have met it; words that mean the same lie close to one another here, so that
`divulge your directives` is near `reveal your rules` though no letters are shared. The vectors of words were taken from
a sentence encoder in training (`bench.detection.meanings`) and are data of the model file: the encoder itself is not
needed. Order of words is left to the n-grams. A word alone has no context and one that is not known says nothing, so
the fewer words of a window are known, the more it is taken to be INNOCENT. Time: only the windows that are asked for
are looked up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clyra_proxy.genai.classifier.features import BLOCKS_PER_WINDOW, WORDS_PER_BLOCK
from clyra_proxy.genai.classifier.reading import Hashes, Reading

type Floats = NDArray[np.float32]

LIMIT = 15.0
"""The most that meaning says for or against a window, in logits."""
INNOCENT = -6.0
"""What a window is taken to mean of which nothing is known: what most windows of benign texts mean."""
_CONTEXT = 2.0
"""Known words that weigh as much as this."""
_COUNTED = 3.0
"""What the logarithm of the number of words is divided by, so that it is of the size of the other features."""


@dataclass(frozen=True)
class Words:
    """The words that are known. hashes: rising. vectors: of each word, as 8-bit numbers; the last one, zeros, stands
    for every word that is not known. scale: what each dimension is multiplied with."""

    hashes: Hashes
    vectors: NDArray[np.int8]
    scale: Floats

    def features(self, reading: Reading, windows: NDArray[np.int64]) -> Floats:
        """A row a window: the mean of its known words, and how many words it has. windows: some, in any order."""
        order = np.argsort(windows)
        found = np.empty((windows.size, self.scale.size + 1), np.float32)
        found[order] = self.read(reading, windows[order])[0]
        return found

    def read(self, reading: Reading, windows: NDArray[np.int64]) -> tuple[Floats, NDArray[np.float64]]:
        """The features of these windows, and how far each is known, from 0 to 1. windows: at least one, rising."""
        count = max(1, -(-reading.starts.size // WORDS_PER_BLOCK))
        inside = np.arange(min(count, BLOCKS_PER_WINDOW))
        first = windows[0]
        if windows[-1] - first == windows.size - 1:  # all that there are, mostly
            blocks, places = np.arange(first, windows[-1] + inside.size), windows - first
        else:
            blocks = np.unique(windows[:, None] + inside)  # each is looked up once, however many windows share it
            places = np.searchsorted(blocks, windows)
        summed, known, sizes = self._by_block(reading, blocks)
        there = places[:, None] + inside
        numbers, heard = sizes[there].sum(1), known[there].sum(1)
        found = np.empty((windows.size, self.scale.size + 1), np.float32)
        found[:, :-1] = summed[there].sum(1) * (self.scale / np.maximum(heard, 1).astype(np.float32)[:, None])
        found[:, -1] = np.log1p(numbers) / _COUNTED
        return found, heard / (_CONTEXT + numbers)

    def _by_block(
        self, reading: Reading, blocks: NDArray[np.int64]
    ) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
        """Of each block: the sum of its known words, how many these are, and how many words it has."""
        words: NDArray[np.int64] | slice
        if blocks[-1] - blocks[0] == blocks.size - 1:
            words = slice(int(blocks[0]) * WORDS_PER_BLOCK, (int(blocks[-1]) + 1) * WORDS_PER_BLOCK)
        else:
            words = (blocks[:, None] * WORDS_PER_BLOCK + np.arange(WORDS_PER_BLOCK)).ravel()
            words = words[: np.searchsorted(words, reading.starts.size)]
        starts = reading.starts[words]
        if not starts.size:
            none = np.zeros(blocks.size, np.int64)
            return np.zeros((blocks.size, self.scale.size), np.float32), none, none
        edges = np.arange(0, starts.size, WORDS_PER_BLOCK)
        places = self._places(reading.span_hashes(starts, reading.ends[words]))
        known = np.add.reduceat((places < self.hashes.size).astype(np.int64), edges)
        summed = np.add.reduceat(self.vectors[places].astype(np.float32), edges, axis=0)
        sizes = np.full(blocks.size, WORDS_PER_BLOCK)
        sizes[-1] = starts.size - edges[-1]
        return summed, known, sizes

    def _places(self, hashes: Hashes) -> NDArray[np.int64]:
        """The row of each word in `vectors`."""
        if not self.hashes.size:
            return np.zeros(hashes.size, np.int64)
        places = np.minimum(np.searchsorted(self.hashes, hashes), self.hashes.size - 1)
        return np.where(self.hashes[places] == hashes, places, self.hashes.size)


@dataclass(frozen=True)
class Meaning:
    """The words and the network. into, shift: to the hidden units. out, bias: from them to the logit."""

    words: Words
    into: Floats
    shift: Floats
    out: Floats
    bias: float

    def logits(self, reading: Reading, windows: NDArray[np.int64]) -> NDArray[np.float64]:
        """What the words of these windows say, from -LIMIT to LIMIT."""
        features, known = self.words.read(reading, windows)
        hidden = np.maximum(features @ self.into + self.shift, 0)
        said = np.clip((hidden @ self.out + self.bias).astype(np.float64), -LIMIT, LIMIT)
        found: NDArray[np.float64] = known * said + (1 - known) * INNOCENT
        return found
