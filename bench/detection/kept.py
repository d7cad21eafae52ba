"""Results of the long steps of the measurement, kept so that a run that was cut off goes on where it was.

Rule: what is kept (`bench/results/`, never committed) holds only for the very files it was computed from: the folder's
name is a hash over the code and the data of detection, over the corpus and over the seed. A changed rule or line
means a new folder and a new measurement.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.detection.corpus import CORPUS, Row
from bench.detection.folds import Fold
from bench.detection.measuring import Scored
from clyra_proxy.genai.classifier import Classifier

_ROOT = Path(__file__).resolve().parents[2]
_ROOMS = tuple(f"clyra_proxy/genai/{room}" for room in ("injection", "classifier", "ascii_art", "embedding"))
_SOURCES = (
    *_ROOMS,
    "policies/rules/injection",
    "bench/detection/synthesis",
    "bench/detection/phrases",
    "bench/detection/near_misses",
)
_CODE = (
    "corpus", "detectors", "folds", "material", "meanings", "measuring", "near_misses", "phrasebook", "train",
    "train_head", "vectors",
)  # fmt: skip


def state(seed: int) -> str:
    """A hash over everything that the scores depend on."""
    files = [path for folder in _SOURCES for path in sorted((_ROOT / folder).rglob("*.*")) if path.suffix != ".pyc"]
    files += [_ROOT / "bench" / "detection" / f"{name}.py" for name in _CODE]
    digest = hashlib.sha256(str(seed).encode())
    for path in (*files, CORPUS):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Keeper:
    """Computes what is not in the folder yet."""

    folder: Path

    @classmethod
    def open(cls, seed: int) -> Keeper:
        """The folder of the files as they are now."""
        folder = _ROOT / "bench" / "results" / f"detection-{state(seed)}"
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder)

    def scored(self, name: str, rows: Iterable[Row], compute: Callable[[], Sequence[Scored]]) -> list[Scored]:
        """The scores of a step. rows: in the order that `compute` gives them."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            print(f"{name} ...", flush=True)
            _write(path, json.dumps([(one.score, one.flagged) for one in compute()]).encode())
        pairs = json.loads(path.read_bytes())
        return [Scored(row, score, flagged) for row, (score, flagged) in zip(rows, pairs, strict=True)]

    def classifiers(self, folds: Sequence[Fold], compute: Callable[[], Sequence[Classifier]]) -> list[Classifier]:
        """The classifier of each fold."""
        paths = [self.folder / f"classifier-{number}.npz" for number in range(len(folds))]
        if not all(path.exists() for path in paths):
            print("classifiers ...", flush=True)
            for path, classifier in zip(paths, compute(), strict=True):
                part = path.with_suffix(".part")
                classifier.save(part)
                part.replace(path)
        return [Classifier.load(path) for path in paths]


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)
