"""The trained classifier: a linear model over hashed n-grams, and what the words mean, as data in one file.

Guarantees: needs numpy and nothing else, no network, no code in the file (`allow_pickle=False`); scores depend on the
text and the file alone; time is linear in the text. The file is made by `python -m bench.detection.train` and says
from what (`about`): seed, versions, hash of the training rows. It says how much a text resembles attacks; what that is
worth beside the rules is `points`, from thresholds calibrated on benign texts of sources held out in training.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from clyra_proxy.genai.classifier.features import Grams, count_of, over_windows, parts_of
from clyra_proxy.genai.classifier.meaning import INNOCENT, Meaning, Words
from clyra_proxy.genai.classifier.reading import read

SHIPPED = Path(__file__).parent / "model.npz"
_SUSPECTS = 24
"""Windows of a text whose words are looked up: those that look worst by their n-grams."""


@dataclass(frozen=True)
class Classifier:
    """weights: of each bucket. steps: (logit, points) in rising order: from that logit on, that many points.

    meaning: what the words of a window add to its n-grams. about: how the model was made. fold, kinds: the tables of
    `reading`.
    """

    weights: NDArray[np.float32]
    bias: float
    steps: tuple[tuple[float, float], ...]
    fold: NDArray[np.uint32]
    kinds: NDArray[np.uint8]
    meaning: Meaning
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Self:
        """The model in a file; the shipped one is read once. Raises OSError, ValueError or KeyError if damaged."""
        return cls._shipped() if path == SHIPPED else cls._read(path)

    @classmethod
    @cache
    def _shipped(cls) -> Self:
        return cls._read(SHIPPED)

    @classmethod
    def _read(cls, path: Path) -> Self:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(bytes(file["about"]))
            return cls(
                file["weights"].astype(np.float32),
                about["bias"],
                tuple((logit, points) for logit, points in about["steps"]),
                file["fold"],
                file["kinds"],
                _meaning(file, about["meaning_bias"]),
                about,
            )

    def save(self, path: Path) -> None:
        """Write the model file, with 16-bit weights."""
        meaning, words = self.meaning, self.meaning.words
        about = {**self.about, "bias": self.bias, "steps": self.steps, "meaning_bias": meaning.bias}
        raw = np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8)
        weights = self.weights.astype(np.float16)
        with path.open("wb") as file:
            np.savez_compressed(
                file, weights=weights, fold=self.fold, kinds=self.kinds, about=raw, hashes=words.hashes,
                vectors=words.vectors, scale=words.scale, into=meaning.into, shift=meaning.shift, out=meaning.out,
            )  # fmt: skip

    @property
    def threshold(self) -> float:
        """The logit that is enough alone."""
        return self.steps[-1][0]

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The logit of each text: of its worst window."""
        return np.array([self.windows(text).max() for text in texts])

    def points(self, logit: float) -> float:
        """What a logit is worth beside the rules: 0 (says nothing) to 5 (enough alone)."""
        return max((points for least, points in self.steps if logit >= least), default=0.0)

    def windows(self, text: str) -> NDArray[np.float64]:
        """The logit of each window of a text. The words of a window that its n-grams do not make suspicious, beside
        others of the text, count as innocent."""
        reading = read(text, self.fold, self.kinds)
        logits = self.logits(parts_of(reading), count_of(reading))
        suspects = np.arange(logits.size)
        if logits.size > _SUSPECTS:
            suspects = np.sort(np.argpartition(logits, -_SUSPECTS)[-_SUSPECTS:])
        meant = np.full(logits.size, INNOCENT)
        meant[suspects] = self.meaning.logits(reading, suspects)
        logits += meant
        return logits

    def logits(self, parts: Iterable[Grams], count: int) -> NDArray[np.float64]:
        """What the n-grams of each window say: their weights' sum over the root of their number.

        parts: the n-grams of a text. count: how many blocks it has.
        """
        sums, numbers = np.zeros(count), np.zeros(count)
        for part in parts:
            first = int(part.blocks[0]) if part.blocks.size else 0
            inside, blocks = slice(first, part.count), part.blocks - first
            sums[inside] += np.bincount(blocks, self.weights[part.buckets], part.count - first)
            numbers[inside] += np.bincount(blocks, minlength=part.count - first)
        return over_windows(sums) / np.sqrt(np.maximum(over_windows(numbers), 1.0)) + self.bias


def _meaning(file: Mapping[str, NDArray[Any]], bias: float) -> Meaning:
    words = Words(file["hashes"], file["vectors"], file["scale"])
    return Meaning(words, file["into"], file["shift"], file["out"], bias)
