"""What a model is trained on: corpus rows and synthetic rows, as windows of hashed n-grams.

Rule: no source dominates. A row weighs by the root of its family's size, attacks and benign rows weigh the same in
total, and a long text counts by a few of its windows.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bench.detection.corpus import Row
from bench.detection.phrasebook import phrased_rows
from bench.detection.synthesis.__main__ import generate
from clyra_proxy.genai.classifier.features import BUCKET_BITS, grams_of, window_buckets
from clyra_proxy.genai.classifier.reading import Reading, folding_tables, read

_MOST_WINDOWS = 8
# Encoded attacks are decoded before they are scored; what is left of them here would teach noise.
_SKIPPED = frozenset({"synth_encoded"})
_EMPHASIS = {"near_misses": 5.0}
"""What the rows of a family weigh more than by their number: few, and like what is read most."""


@cache
def tables() -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """The folding tables, made once."""
    return folding_tables()


@cache
def synthetic_rows(seed: int) -> tuple[Row, ...]:
    """The synthetic rows of this seed. Always for training, never measured beside real ones."""
    rows = (Row(row.text, row.label, f"synth_{row.family}", row.kind, row.lang) for row in generate(seed))
    return (*(row for row in rows if row.source not in _SKIPPED), *phrased_rows(seed))


def fingerprint(rows: Sequence[Row]) -> str:
    """SHA-256 over labels and texts, in order."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.label}\0{row.source}\0{row.text}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@dataclass(frozen=True)
class Windows:
    """Windows of some rows: counts of buckets over the root of their sum, label and weight of each.

    places: number of the row, and of the window in it.
    """

    matrix: sparse.csr_matrix
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    places: NDArray[np.int64]


@cache
def reading_of(text: str) -> Reading:
    """A text as the classifier reads it."""
    return read(text, *tables())


@cache
def _buckets(text: str) -> list[NDArray[np.int32]]:
    windows = window_buckets(grams_of(reading_of(text)))
    return [window.astype(np.int32) for window in windows]


def windows_of(rows: Sequence[Row], rng: np.random.Generator) -> Windows:
    """The windows that train: the first of an attack, at most `_MOST_WINDOWS` of a benign text."""
    row_weights = weigh(rows)
    picked: list[NDArray[np.int32]] = []
    labels: list[int] = []
    weights: list[float] = []
    places: list[tuple[int, int]] = []
    for number, (row, weight) in enumerate(zip(rows, row_weights, strict=True)):
        found = _buckets(row.text)
        if row.label:
            chosen = list(range(len(found))) if len(found) <= 3 else sorted(rng.choice(len(found), 3, replace=False))
        elif len(found) <= _MOST_WINDOWS:
            chosen = list(range(len(found)))
        else:
            chosen = sorted(rng.choice(len(found), _MOST_WINDOWS, replace=False))
        picked += [found[index] for index in chosen]
        places += [(number, index) for index in chosen]
        labels += [row.label] * len(chosen)
        weights += [weight / (1 if row.label else len(chosen) ** 0.5)] * len(chosen)
    scale = np.array(weights)
    return Windows(matrix_of(picked), np.array(labels), scale / scale.mean(), np.array(places, np.int64))


def matrix_of(windows: Sequence[NDArray[np.int32]]) -> sparse.csr_matrix:
    """A row a window: counts of its buckets, over the root of how many n-grams it has."""
    sizes = np.array([window.size for window in windows])
    rows = np.repeat(np.arange(len(windows)), sizes)
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes).astype(np.float32)
    shape = (len(windows), 1 << BUCKET_BITS)
    return sparse.csr_matrix((values, (rows, np.concatenate(windows))), shape=shape)


def weigh(rows: Sequence[Row]) -> NDArray[np.float64]:
    """The weight of each row: its family's size to the power of -1/2, then both labels alike."""
    sizes = Counter((row.family, row.label) for row in rows)
    weights = np.array([_EMPHASIS.get(row.family, 1.0) * sizes[row.family, row.label] ** -0.5 for row in rows])
    labels = np.array([row.label for row in rows])
    for label in (0, 1):
        weights[labels == label] *= len(rows) / 2 / weights[labels == label].sum()
    return weights
