"""From what a detector said to signals: thresholds of policy decide, and only ever towards stricter.

Rule: a score below every threshold makes no signal; nothing here can lower what another check found. What should be
redacted and cannot be (no spans, or a text that is not one string of the body) is blocked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clyra_proxy.genai.detectors.question import Answer, Item
from clyra_proxy.genai.inspection import Edit, Signal, TextEdit
from clyra_proxy.policy.genai.detectors import Detector, OnFailure, OnUnknown, Thresholds
from clyra_proxy.services.failure import Cause
from clyra_proxy.verdict.model import Action

MOST_SIGNALS = 16
"""Signals one detector makes of one conversation: the strictest."""

MOST_EDITS = 2048
"""Replacements in one conversation; what would need more is blocked."""

_LADDER = ((Action.BLOCK, "block"), (Action.APPROVE, "approve"), (Action.REDACT, "redact"), (Action.MARK, "mark"))
_ON_FAILURE = {OnFailure.BLOCK: Action.BLOCK, OnFailure.MARK: Action.MARK, OnFailure.NEXT: Action.BLOCK}
_ON_UNKNOWN = {OnUnknown.BLOCK: Action.BLOCK, OnUnknown.MARK: Action.MARK}


def judge(settings: Detector, items: Sequence[Item], answers: Mapping[str, Answer]) -> list[Signal]:
    """What the answers mean under the policy's thresholds, strictest first."""
    signals = [signal for item in items for signal in _of_item(settings, item, answers[item.id])]
    signals.sort(key=lambda signal: -(signal.action or Action.ALLOW))
    return signals[:MOST_SIGNALS]


def unavailable(settings: Detector, cause: Cause, action: Action | None = None) -> Signal:
    """The signal of a detector that gave no proper answer. action: what its `on_failure` says when None."""
    return Signal(
        "detector.unavailable",
        action=_ON_FAILURE[settings.on_failure] if action is None else action,
        detail={"detector": settings.name, "kind": settings.kind.value, "cause": cause.value},
    )


def _of_item(settings: Detector, item: Item, answer: Answer) -> Iterator[Signal]:
    detail: dict[str, str | int] = {
        "detector": settings.name,
        "kind": settings.kind.value,
        "provenance": item.provenance.value,
    }
    path = item.places[0].path
    if answer.unknown:
        if settings.on_unknown is not OnUnknown.ALLOW:
            detail["cause"] = "unknown"
            yield Signal("detector.unavailable", _ON_UNKNOWN[settings.on_unknown], path, detail=detail)
        return
    reached = _reached(settings, answer)
    if not reached:
        return
    action, score, label = max(reached)
    detail |= {"label": label, "score": f"{score:.3f}", "labels": len(reached)}
    edits = _edits(item, answer, {word for asked, _, word in reached if asked is Action.REDACT})
    if action is Action.REDACT and edits is None:
        action = Action.BLOCK
    yield Signal("detector.flagged", action, path, detail=detail, edits=edits or ())


def _reached(settings: Detector, answer: Answer) -> list[tuple[Action, float, str]]:
    """(action, score, label) of every label whose score reaches a threshold."""
    found = []
    for label, score in answer.scores.items():
        thresholds = settings.labels.get(label) or settings.labels.get("*")
        action = _action(thresholds, score) if thresholds else None
        if action is not None:
            found.append((action, score, label))
    return found


def _action(thresholds: Thresholds, score: float) -> Action | None:
    for action, name in _LADDER:
        least = getattr(thresholds, name)
        if least is not None and score >= least:
            return action
    return None


def _edits(item: Item, answer: Answer, labels: set[str]) -> tuple[Edit, ...] | None:
    """The replacements that redact `labels` everywhere the text stands; None when that is not possible."""
    spans = sorted((span for span in answer.spans if span.label in labels), key=lambda span: (span.start, span.end))
    if {span.label for span in spans} != labels or not labels:
        return None
    if any(not place.path and not place.block for place in item.places) or len(spans) * len(item.places) > MOST_EDITS:
        return None
    joined: list[tuple[int, int, str]] = []
    for span in spans:
        if joined and span.start < joined[-1][1]:
            start, end, label = joined[-1]
            joined[-1] = (start, max(end, span.end), label)
        else:
            joined.append((span.start, span.end, span.label))
    return tuple(
        TextEdit(place.path, start, end, f"[{label}]", place.block)
        for place in item.places
        for start, end, label in joined
    )
