"""A second look at what the rules and the classifier find suspicious but not enough.

Rule: the layer only adds, and only to texts that have a sign of their own (FAINT points) and are not flagged already:
it decides nothing alone, and ordinary traffic, most of which has no sign, never pays for it. What it adds is the logit
of the text's worst span, less for texts of many spans, where chance has more room. At most MOST spans of a text are
encoded, those that the classifier finds worst, so the cost of one text is bounded whatever its length. Words of the
operator and of the model itself are not looked at: both quote and give orders all day.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from clyra_proxy.genai.classifier import Classifier
from clyra_proxy.genai.embedding.encoder import Encoder, load_encoder
from clyra_proxy.genai.embedding.head import Head
from clyra_proxy.genai.embedding.spans import cut
from clyra_proxy.genai.injection.assessment import Assessment, Judge
from clyra_proxy.genai.injection.memory import LIMIT, Memory
from clyra_proxy.genai.model import Provenance

EMBEDDING = "embedding"
"""The id that stands for the layer among the patterns."""
FAINT = 1.0
MOST = 24
_WORTH = 0.75
"""Points of a logit of one. This and _ROOM were chosen once over the held-out sources of the measurement."""
_ROOM = 0.6
"""Logits taken off each time the number of encoded spans doubles; so padding a text takes off little."""
_LARGEST = 6.0
_NOT_ASKED = frozenset({Provenance.SYSTEM, Provenance.ASSISTANT})


class Ranker(Protocol):
    """Says which spans are worst: one number a text."""

    def score(self, texts: Sequence[str]) -> Any: ...


@dataclass(frozen=True)
class Layer:
    """The encoder, the head, and what ranks the spans of long texts."""

    encoder: Encoder
    head: Head
    ranker: Ranker

    @classmethod
    def load(cls) -> Layer:
        """The shipped head on the installed encoder. Raises StartupError without the extra."""
        return cls(load_encoder(), Head.load(), Classifier.load())

    def logit(self, text: str) -> float:
        """How much the worst span of a text reads like an attack, less its room for chance."""
        spans = cut(text)
        room = _ROOM * math.log2(min(len(spans), MOST))
        if len(spans) > MOST:
            ranked = self.ranker.score(spans)
            spans = [spans[place] for place in sorted(range(len(spans)), key=lambda place: -ranked[place])[:MOST]]
        return float(self.head.logits(self.encoder.encode(spans)).max()) - room

    def points(self, text: str) -> float:
        """What the layer adds to the score of a text: 0 to _LARGEST."""
        return worth(self.logit(text))


def worth(logit: float) -> float:
    """Points of a logit."""
    return round(min(max(0.0, _WORTH * logit), _LARGEST), 2)


class LayeredDetector:
    """A detector with the layer behind it. Safe to call from several threads, as both are."""

    def __init__(self, first: Judge, layer: Layer, *, remember: int = LIMIT) -> None:
        """remember: how many answers are kept."""
        self.threshold = first.threshold
        self._first, self._layer = first, layer
        self._memory: Memory[float] = Memory(remember)

    def assess(self, text: str, provenance: Provenance = Provenance.UNKNOWN) -> Assessment:
        """Judge a text: as the first detector does, and with the layer's points where it is asked."""
        begun = time.perf_counter()
        judged = self._first.assess(text, provenance)
        if provenance in _NOT_ASKED or not FAINT <= judged.score < self.threshold:
            return judged
        added = self._points(text)
        if not added:
            return judged
        score = round(judged.score + added, 2)
        return replace(
            judged,
            score=score,
            flagged=score >= self.threshold,
            patterns=(*judged.patterns, EMBEDDING),
            ms=(time.perf_counter() - begun) * 1000,
        )

    def _points(self, text: str) -> float:
        key = self._memory.key(text, EMBEDDING)
        known = self._memory.get(key)
        if known is None:
            known = self._layer.points(text)
            self._memory.put(key, known)
        return known
