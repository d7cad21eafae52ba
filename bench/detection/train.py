"""Train the shipped classifier: `python -m bench.detection.train [--seed N] [--out FILE]`.

Reproducible: the same rows, seed and library versions give the same file (arithmetic is kept to one thread). Rows:
the corpus without its unverified sources, the synthetic rows of `bench.detection.synthesis`, and the near misses that
may train. Points are calibrated on benign rows of families that the model which scores them has not seen, because a
threshold set on known sources is ten times too low in the field.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from bench.detection import meanings
from bench.detection.corpus import Row, read_rows, trainable
from bench.detection.folds import Fold, grouped_folds
from bench.detection.material import fingerprint, synthetic_rows, tables, windows_of
from bench.detection.meanings import WordLibrary
from bench.detection.measuring import Scored, threshold_at
from bench.detection.near_misses import filled_near_misses, near_misses
from bench.detection.vectors import version
from clyra_proxy.genai.classifier.features import BUCKET_BITS
from clyra_proxy.genai.classifier.model import SHIPPED, Classifier

SEED = 20251
FOLDS = 6
_STRENGTH = 30.0  # inverse of the L2 penalty
_ITERATIONS = 60
_RATES = ((0.3, 0.5), (0.1, 1.0), (0.017, 2.0), (0.003, 3.0), (0.001, 4.0), (0.0003, 5.0))
"""Share of foreign ordinary benign texts that may reach a step, and the points of that step."""
_CALIBRATED_ON = frozenset({"ordinary", "multilingual"})


def train(rows: Sequence[Row], *, seed: int = SEED, folds: int = FOLDS) -> Classifier:
    """A classifier fitted to the rows that may train, calibrated on benign rows that other fits have not seen.

    The folds are those of the measurement (all families, the unverified ones too), so that both see the same fits.
    """
    library = _library(rows, seed)
    foreign = [
        one for fold in grouped_folds(rows, folds) for one in _score_benign(fold, _fit(fold.train, library, seed))
    ]
    fitted = _fit(trainable(rows), library, seed)
    return replace(fitted, steps=_steps(foreign), about={**fitted.about, "calibrated_on": len(foreign)})


def train_for(folds: Sequence[Fold], *, seed: int = SEED) -> list[Classifier]:
    """One classifier a fold, fitted to its training rows and calibrated on the benign rows of the other folds.

    Each of these was scored by the fit that had not seen it, and none is of the fold that is to be measured.
    """
    library = _library([row for fold in folds for row in (*fold.train, *fold.test)], seed)
    fitted = [_fit(fold.train, library, seed) for fold in folds]
    foreign = [_score_benign(fold, classifier) for fold, classifier in zip(folds, fitted, strict=True)]
    return [
        replace(classifier, steps=_steps([one for k, part in enumerate(foreign) if k != place for one in part]))
        for place, classifier in enumerate(fitted)
    ]


def _score_benign(fold: Fold, classifier: Classifier) -> list[Scored]:
    benign = [row for row in trainable(fold.test) if not row.label]
    scores = classifier.score([row.text for row in benign])
    return [Scored(row, float(score), False) for row, score in zip(benign, scores, strict=True)]


def _steps(foreign: Sequence[Scored]) -> tuple[tuple[float, float], ...]:
    return tuple((round(threshold_at(foreign, rate, _CALIBRATED_ON), 4), points) for rate, points in _RATES)


def _library(rows: Sequence[Row], seed: int) -> WordLibrary:
    return WordLibrary([*trainable(rows), *made_rows(seed)])


def made_rows(seed: int) -> list[Row]:
    """The rows that were written or generated for this repository."""
    return [*synthetic_rows(seed), *near_misses("training"), *filled_near_misses(seed)]


def _fit(corpus: Sequence[Row], library: WordLibrary, seed: int) -> Classifier:
    rows = [*corpus, *made_rows(seed)]
    windows = windows_of(rows, np.random.default_rng(seed))
    model = LogisticRegression(C=_STRENGTH, max_iter=_ITERATIONS, tol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is part of the regularisation
        model.fit(windows.matrix, windows.labels, sample_weight=windows.weights)
    fold, kinds = tables()
    weights: NDArray[np.float32] = np.asarray(model.coef_[0], np.float16).astype(np.float32)
    with threadpool_limits(1):  # sums in another order are other sums
        meaning = meanings.fit(library.words_of(rows), rows, windows, seed)
    bias = round(float(model.intercept_[0]), 6)
    return Classifier(weights, bias, ((0.0, 0.0),), fold, kinds, meaning, _about(rows, seed))


def _about(rows: Sequence[Row], seed: int) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "attacks": sum(row.label for row in rows),
        "sources": sorted({row.source for row in rows}),
        "rows_sha256": fingerprint(rows),
        "seed": seed,
        "bucket_bits": BUCKET_BITS,
        "versions": {
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "scipy": scipy.__version__,
            "encoder": version(),
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on everything that may be trained on, and write the model file."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection.train", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    classifier = train(read_rows(), seed=options.seed)
    classifier.save(options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes, steps {classifier.steps}, {classifier.about}")


if __name__ == "__main__":
    main()
