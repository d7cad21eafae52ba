"""Train the shipped classifier: `python -m bench.detection.train [--seed N] [--out FILE]`.

Reproducible: the same rows, seed and library versions give the same file. Rows: the corpus without its unverified
sources, and the synthetic rows of `bench.detection.synthesis`. Points are calibrated on benign rows of families that
the model which scores them has not seen (inner folds), because a threshold set on known sources is ten times too low
in the field.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench.detection.corpus import Row, read_rows, trainable
from bench.detection.folds import grouped_folds
from bench.detection.material import fingerprint, synthetic_rows, tables, windows_of
from bench.detection.measuring import Scored, threshold_at
from clyra_proxy.genai.classifier.features import BUCKET_BITS
from clyra_proxy.genai.classifier.model import SHIPPED, Classifier

SEED = 20251
_STRENGTH = 10.0  # inverse of the L2 penalty
_INNER_FOLDS = 4
_RATES = ((0.01, 2.0), (0.003, 3.0), (0.001, 4.0), (0.0003, 5.0))
"""Share of foreign ordinary benign texts that may reach a step, and the points of that step."""
_CALIBRATED_ON = frozenset({"ordinary", "multilingual"})


def train(rows: Sequence[Row], *, seed: int = SEED) -> Classifier:
    """A calibrated classifier from corpus rows and the synthetic rows of the seed."""
    scored: list[Scored] = []
    for fold in grouped_folds(rows, _INNER_FOLDS):
        inner = _fit(fold.train, seed)
        foreign = [row for row in fold.test if not row.label]
        scores = inner.score([row.text for row in foreign])
        scored += [Scored(row, float(score), False) for row, score in zip(foreign, scores, strict=True)]
    fitted = _fit(rows, seed)
    steps = tuple((threshold_at(scored, rate, _CALIBRATED_ON), points) for rate, points in _RATES)
    about = {**fitted.about, "calibrated_on": len(scored)}
    return Classifier(fitted.weights, fitted.bias, steps, fitted.fold, fitted.kinds, about)


def _fit(corpus: Sequence[Row], seed: int) -> Classifier:
    rows = [*corpus, *synthetic_rows(seed)]
    windows = windows_of(rows, np.random.default_rng(seed))
    model = LogisticRegression(C=_STRENGTH, max_iter=60, tol=1e-3)
    model.fit(windows.matrix, windows.labels, sample_weight=windows.weights)
    fold, kinds = tables()
    weights: NDArray[np.float32] = np.asarray(model.coef_[0], np.float16).astype(np.float32)
    return Classifier(weights, round(float(model.intercept_[0]), 6), ((0.0, 0.0),), fold, kinds, _about(rows, seed))


def _about(rows: Sequence[Row], seed: int) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "attacks": sum(row.label for row in rows),
        "sources": sorted({row.source for row in rows}),
        "rows_sha256": fingerprint(rows),
        "seed": seed,
        "bucket_bits": BUCKET_BITS,
        "versions": {"numpy": np.__version__, "scikit-learn": sklearn.__version__, "scipy": scipy.__version__},
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on everything that may be trained on, and write the model file."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection.train", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    classifier = train(trainable(read_rows()), seed=options.seed)
    classifier.save(options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes, steps {classifier.steps}, {classifier.about}")


if __name__ == "__main__":
    main()
