"""The trained head: how much a span reads like an attack, from its vector. A network with one hidden layer, as data.

Guarantees: needs numpy and nothing else; no code in the file (`allow_pickle=False`). The file is made by
`python -m bench.detection.train_head` from the same rows as the classifier, reproducible from a seed, and says from
what (`about`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

SHIPPED = Path(__file__).parent / "head.npz"


@dataclass(frozen=True)
class Head:
    """into: (vector, hidden). out: (hidden). shift, bias: of the hidden layer and of the answer."""

    into: NDArray[np.float32]
    shift: NDArray[np.float32]
    out: NDArray[np.float32]
    bias: float
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Self:
        """The head in a file. Raises OSError, ValueError or KeyError if damaged."""
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(bytes(file["about"]))
            into, shift, out = (file[name].astype(np.float32) for name in ("into", "shift", "out"))
            return cls(into, shift, out, float(about["bias"]), about)

    def save(self, path: Path) -> None:
        """Write the file, with 16-bit weights."""
        raw = np.frombuffer(json.dumps({**self.about, "bias": self.bias}, sort_keys=True).encode(), np.uint8)
        parts = {name: getattr(self, name).astype(np.float16) for name in ("into", "shift", "out")}
        with path.open("wb") as file:
            np.savez_compressed(file, **parts, about=raw)

    def logits(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """One logit a vector."""
        hidden = np.maximum(vectors @ self.into + self.shift, 0)
        return np.asarray(hidden @ self.out + np.float32(self.bias), np.float32)
