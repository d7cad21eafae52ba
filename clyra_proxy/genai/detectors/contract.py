"""Our own detector contract, version 1 (docs/detector-api.openapi.yaml): one POST, one answer about every item.

Guarantees of `read`: the answer echoes the request's id, answers every item exactly once and no other, gives every
label that policy has a threshold for, and only scores from 0 to 1; or it is a failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, StringConstraints

from clyra_proxy.genai.detectors.question import Answer, Call, Item, Question, Span
from clyra_proxy.services.failure import Cause, ServiceFailure
from clyra_proxy.services.strict_json import ToldExactly, read_json, read_model

CONTRACT = "clyra.detector/1"

LabelWord = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./ -]{0,63}$")]
ScoreNumber = Annotated[float, Field(ge=0.0, le=1.0)]


class _ToldSpan(ToldExactly):
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]
    label: LabelWord


class _ToldResult(ToldExactly):
    id: Annotated[str, StringConstraints(max_length=64)]
    scores: dict[LabelWord, ScoreNumber] = Field(default_factory=dict, max_length=256)
    spans: list[_ToldSpan] = Field(default_factory=list, max_length=1024)
    unknown: bool = False


class _ToldDetector(ToldExactly):
    name: Annotated[str, StringConstraints(max_length=128)]
    version: Annotated[str, StringConstraints(max_length=128)] = ""


class _ToldAnswer(ToldExactly):
    contract: Literal["clyra.detector/1"]
    request_id: Annotated[str, StringConstraints(max_length=64)]
    results: list[_ToldResult] = Field(max_length=1024)
    detector: _ToldDetector | None = None


class ContractAdapter:
    """Speaks the contract. labels: those that policy has a threshold for; `*` asks for whatever there is."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = tuple(label for label in labels if label != "*")

    def calls(self, items: Sequence[Item], question: Question) -> Sequence[Call]:
        body = {
            "contract": CONTRACT,
            "request_id": question.request_id,
            "kind": question.kind,
            "direction": question.direction,
            "protocol": question.protocol,
            "budget_ms": question.budget_ms,
            "labels": self._labels,
            "items": [_told_item(item) for item in items],
        }
        return (Call(dumps(body), tuple(items), mark=question.request_id),)

    def read(self, call: Call, body: bytes) -> Mapping[str, Answer]:
        told = read_model(_ToldAnswer, read_json(body))
        if told.request_id != call.mark:
            raise ServiceFailure(Cause.MISMATCH)
        items = {item.id: item for item in call.items}
        if len(told.results) != len(items) or {result.id for result in told.results} != items.keys():
            raise ServiceFailure(Cause.MISMATCH)
        return {result.id: self._answer(result, items[result.id]) for result in told.results}

    def _answer(self, result: _ToldResult, item: Item) -> Answer:
        if result.unknown:
            if result.scores or result.spans:
                raise ServiceFailure(Cause.MISMATCH)
            return Answer(unknown=True)
        if not result.scores or not result.scores.keys() >= set(self._labels):
            raise ServiceFailure(Cause.MISMATCH)
        return Answer(result.scores, tuple(sound_span(item, span.start, span.end, span.label) for span in result.spans))


def sound_span(item: Item, start: int, end: int, label: str) -> Span:
    """A span that lies in the item's text. Raises ServiceFailure."""
    if not 0 <= start < end <= len(item.text):
        raise ServiceFailure(Cause.MISMATCH)
    return Span(start, end, label)


def dumps(value: Any) -> bytes:
    """JSON in UTF-8. A lone surrogate, which JSON can carry escaped and UTF-8 cannot, becomes U+FFFD."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_sendable(value))


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {key: _sendable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sendable(item) for item in value]
    return value


def _told_item(item: Item) -> dict[str, Any]:
    told: dict[str, Any] = {"id": item.id, "provenance": item.provenance}
    if item.media is None:
        return {**told, "type": "text", "text": item.text}
    told |= {"type": "media", "media_kind": item.media.kind, "sha256": item.sha256}
    optional = {"media_type": item.media.media_type, "url": item.media.url, "data": item.media.base64}
    return told | {key: value for key, value in optional.items() if value}
