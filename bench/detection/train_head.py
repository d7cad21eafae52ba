"""Train the head of the embedding layer: `python -m bench.detection.train_head [--seed N] [--out FILE]`.

Reproducible: the same rows, seed and library versions give the same file. Rows and weights are those of the
classifier: the corpus without its unverified sources, and the synthetic rows. A linear head finds half as much on
held-out sources; a wider network or more passes over the rows know their sources better and the field less.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from bench.detection.corpus import Row, read_rows, trainable
from bench.detection.folds import Fold
from bench.detection.material import fingerprint, synthetic_rows, weigh
from bench.detection.measuring import Scored
from bench.detection.train import SEED
from bench.detection.vectors import Library, version
from clyra_proxy.genai.classifier import Classifier
from clyra_proxy.genai.embedding.encoder import load_encoder
from clyra_proxy.genai.embedding.head import SHIPPED, Head
from clyra_proxy.genai.embedding.layer import FAINT, Layer
from clyra_proxy.genai.injection.weighing import THRESHOLD

_HIDDEN = 64
_PENALTY = 0.1
_PASSES = 12
_BATCH = 512
_RATE = 0.002


def train(corpus: Sequence[Row], library: Library, *, seed: int = SEED) -> Head:
    """A head fitted to these rows and the synthetic ones. library: holds the vectors of all of them."""
    rows = [*corpus, *synthetic_rows(seed)]
    vectors, labels, weights = [], [], []
    for row, weight in zip(rows, weigh(rows), strict=True):
        found = list(library.of(row))
        vectors += found
        labels += [row.label] * len(found)
        weights += [weight / (1 if row.label else len(found) ** 0.5)] * len(found)
    scale = np.array(weights)
    model = MLPClassifier(
        (_HIDDEN,), alpha=_PENALTY, max_iter=_PASSES, batch_size=_BATCH, learning_rate_init=_RATE, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is part of the regularisation
        model.fit(np.stack(vectors).astype(np.float32), np.array(labels), sample_weight=scale / scale.mean())
    into, out = (np.asarray(part, np.float16).astype(np.float32) for part in model.coefs_)
    shift = np.asarray(model.intercepts_[0], np.float16).astype(np.float32)
    return Head(into, shift, out[:, 0], round(float(model.intercepts_[1][0]), 6), _about(rows, seed))


def train_for(folds: Sequence[Fold], rows: Sequence[Row], *, seed: int = SEED) -> list[Head]:
    """One head a fold, fitted to its training rows. rows: the whole corpus, encoded once for all of them."""
    library = Library([*trainable(rows), *synthetic_rows(seed)])
    return [train(fold.train, library, seed=seed) for fold in folds]


def with_layer(
    scored: Sequence[Scored], folds: Sequence[Fold], heads: Sequence[Head], rankers: Sequence[Classifier]
) -> list[Scored]:
    """What rules and classifier scored, with the points of the layer where the proxy would ask it.

    Each row by the head of the fold that tests it; texts of unknown origin, at the default threshold.
    """
    layers = {
        id(row): Layer(load_encoder(), head, ranker)
        for fold, head, ranker in zip(folds, heads, rankers, strict=True)
        for row in fold.test
    }
    return [_looked_at_again(one, layers[id(one.row)]) for one in scored]


def _looked_at_again(one: Scored, layer: Layer) -> Scored:
    if one.flagged or one.score < FAINT:
        return one
    score = one.score + layer.points(one.row.text)
    return Scored(one.row, score, score >= THRESHOLD)


def _about(rows: Sequence[Row], seed: int) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "attacks": sum(row.label for row in rows),
        "rows_sha256": fingerprint(rows),
        "seed": seed,
        "versions": {"numpy": np.__version__, "scikit-learn": sklearn.__version__, "encoder": version()},
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on everything that may be trained on, and write the head."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection.train_head", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    corpus = trainable(read_rows())
    head = train(corpus, Library([*corpus, *synthetic_rows(options.seed)]), seed=options.seed)
    head.save(options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes, {head.about}")


if __name__ == "__main__":
    main()
