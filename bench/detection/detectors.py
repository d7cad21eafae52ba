"""What is measured: the rules alone, the classifier alone, or both as they ship, all as `score` and `flagged`.

Rule: the trained part is trained anew for every fold on that fold's training rows, by the very code that makes the
shipped model; the shipped model file itself is only measured when asked for by name, because it has seen the corpus.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from bench.detection.corpus import Row
from bench.detection.folds import Fold
from bench.detection.measuring import Scored
from clyra_proxy.genai.classifier import Classifier
from clyra_proxy.genai.model import Provenance

type Placement = Callable[[Row], Provenance]


def in_place(row: Row) -> Provenance:
    """Results of tools, for what may come out of one: indirect and exfiltration attacks, and every benign text."""
    return Provenance.TOOL_RESULT if not row.label or row.kind in {"indirect", "exfil"} else Provenance.UNKNOWN


def placed_at(provenance: Provenance) -> Placement:
    """Every text at the same place."""
    return partial(_always, provenance)


def _always(provenance: Provenance, _row: Row) -> Provenance:
    return provenance


def run_rules(rows: Sequence[Row], place: Placement, level: int) -> list[Scored]:
    """The rule packs without the trained part."""
    return _run(rows, place, level, None)


def run_classifier(folds: Sequence[Fold], trained: Sequence[Classifier]) -> list[Scored]:
    """The classifier alone. Flagged: at the logit that would be enough alone."""
    scored: list[Scored] = []
    for fold, classifier in zip(folds, trained, strict=True):
        scores = classifier.score([row.text for row in fold.test])
        scored += [
            Scored(row, float(score), bool(score >= classifier.threshold))
            for row, score in zip(fold.test, scores, strict=True)
        ]
    return scored


def run_trained(folds: Sequence[Fold], trained: Sequence[Classifier], place: Placement, level: int) -> list[Scored]:
    """Rules and classifier together, as the proxy combines them."""
    pairs = zip(folds, trained, strict=True)
    return [one for fold, classifier in pairs for one in _run(fold.test, place, level, classifier)]


def classifiers_for(folds: Sequence[Fold], seed: int) -> list[Classifier]:
    """A classifier for each fold that has seen nothing of its test rows. One fold alone is calibrated within."""
    from bench.detection.train import train, train_for

    return train_for(folds, seed=seed) if len(folds) > 1 else [train(folds[0].train, seed=seed)]


def run_shipped(rows: Sequence[Row], place: Placement, level: int) -> list[Scored]:
    """Rules and the shipped model file. Honest only on rows that no training may use."""
    return _run(rows, place, level, Classifier.load())


def _run(rows: Sequence[Row], place: Placement, level: int, classifier: Classifier | None) -> list[Scored]:
    workers = min(2, os.cpu_count() or 1)
    size = max(1, len(rows) // (workers * 8))
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    judge = partial(_assess, place=place, level=level, classifier=classifier)
    with ProcessPoolExecutor(workers) as pool:
        return [one for part in pool.map(judge, parts) for one in part]


def _assess(rows: Sequence[Row], place: Placement, level: int, classifier: Classifier | None) -> list[Scored]:
    from clyra_proxy.genai.injection.detector import Detector

    detector = Detector.load(level=level, classifier=classifier)
    assessed = [detector.assess(row.text, place(row)) for row in rows]
    return [
        Scored(row, float(one.score), one.score >= detector.threshold) for row, one in zip(rows, assessed, strict=True)
    ]
