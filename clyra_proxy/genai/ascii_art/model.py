"""The trained reader of drawn letters: a small network and a list of words, as data in one file of this package.

Guarantees: needs numpy and nothing else, no code in the file. Made by `python -m bench.detection.train_drawings` from
FIGlet fonts; a quarter of the font families is held back there and measures it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from clyra_proxy.genai.ascii_art.listing import Listing
from clyra_proxy.genai.ascii_art.templates import Font

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SHIPPED = Path(__file__).parent / "model.npz"
_NEAR = 1.6
"""Mean log-probability a letter that a word of the list may be less likely than the letters as they were read."""


@dataclass(frozen=True)
class Model:
    """hidden, out: weights and biases of the two layers. words: by length, as numbers of letters. listing: the same.
    fonts: whose letters are known by their characters."""

    hidden: tuple[NDArray[np.float32], NDArray[np.float32]]
    out: tuple[NDArray[np.float32], NDArray[np.float32]]
    words: dict[int, NDArray[np.int64]]
    listing: Listing
    fonts: tuple[Font, ...]

    @classmethod
    @cache
    def load(cls, path: Path = SHIPPED) -> Self:
        """The shipped model. Raises OSError, ValueError or KeyError if it is damaged."""
        with np.load(path, allow_pickle=False) as file:
            layers = [file[name].astype(np.float32) for name in ("w0", "b0", "w1", "b1")]
            listed = bytes(file["words"]).decode("ascii").split()
            fonts = tuple(_fonts(file["cells"], bytes(file["spells"]).decode("ascii").split(), file["slanted"]))
        return cls((layers[0], layers[1]), (layers[2], layers[3]), by_length(listed), Listing.of(listed), fonts)

    def chances(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-probability of each letter for each image (rows)."""
        inner = np.maximum(images @ self.hidden[0] + self.hidden[1], 0)
        logits = inner @ self.out[0] + self.out[1]
        logits -= logits.max(1, keepdims=True)
        logs: NDArray[np.float32] = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        return logs[:, : len(LETTERS)]

    def word(self, chances: NDArray[np.float32]) -> str:
        """The word that these letters spell, one of the list if one is nearly as likely."""
        read = chances.argmax(1)
        known = self.words.get(len(read))
        if known is not None and len(read) > 2:
            likely = chances[np.arange(len(read)), known].mean(1)
            best = int(likely.argmax())
            if likely[best] >= chances.max(1).mean() - _NEAR:
                read = known[best]
        return "".join(LETTERS[letter] for letter in read)


def _fonts(cells: NDArray[np.uint16], spells: list[str], slanted: NDArray[np.bool_]) -> Iterator[Font]:
    """cells: (font, letter, line, column, character)."""
    for number, spelled in enumerate(spells):
        own = cells[cells[:, 0] == number][:, 1:].astype(np.int64)
        starts = np.searchsorted(own[:, 0], np.arange(len(spelled)))
        yield Font(own, spelled, np.maximum.reduceat(own[:, 2], starts) + 1, bool(slanted[number]))


def by_length(words: list[str]) -> dict[int, NDArray[np.int64]]:
    """The words as rows of letters, one table a length."""
    return {
        length: np.array([[ord(letter) - 97 for letter in word] for word in words if len(word) == length])
        for length in sorted({len(word) for word in words})
    }
