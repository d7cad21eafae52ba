"""Adapters for APIs of others: OpenAI moderation, Lakera Guard, Azure Prompt Shields, Presidio analyzer.

Each reads exactly the members it needs and refuses an answer that lacks one, has another number of results than there
were questions, or lacks a label that policy has a threshold for. References: OpenAI `POST /v1/moderations`;
Lakera `POST /v2/guard` with `breakdown`; Azure AI Content Safety `text:shieldPrompt`, api-version 2024-09-01; Microsoft
Presidio `POST /analyze`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from clyra_proxy.genai.detectors.contract import LabelWord, ScoreNumber, dumps, sound_span
from clyra_proxy.genai.detectors.pieces import MOST_CALLS, packed
from clyra_proxy.genai.detectors.question import Answer, Call, Item, Question, Span, merged
from clyra_proxy.genai.model import Provenance
from clyra_proxy.services.failure import Cause, ServiceFailure
from clyra_proxy.services.strict_json import Told, read_json, read_model

FLAGGED = "flagged"
"""The label of a detector's overall word, 1 or 0."""

_ROLES = {Provenance.SYSTEM: "system", Provenance.ASSISTANT: "assistant", Provenance.ARGUMENTS: "assistant"}


def _require(answer: Answer, labels: frozenset[str]) -> Answer:
    if not answer.scores.keys() >= labels:
        raise ServiceFailure(Cause.MISMATCH)
    return answer


class _Moderated(Told):
    flagged: bool
    category_scores: dict[LabelWord, ScoreNumber] = Field(min_length=1, max_length=256)


class _Moderation(Told):
    results: list[_Moderated]


class OpenAiModeration:
    """Labels: the categories (`hate/threatening`, ...) and `flagged`."""

    def __init__(self, model: str, labels: frozenset[str]) -> None:
        self._model = model
        self._labels = labels

    def calls(self, items: Sequence[Item], question: Question) -> Sequence[Call]:
        return (Call(dumps({"model": self._model, "input": [item.text for item in items]}), tuple(items)),)

    def read(self, call: Call, body: bytes) -> Mapping[str, Answer]:
        told = read_model(_Moderation, read_json(body))
        if len(told.results) != len(call.items):
            raise ServiceFailure(Cause.MISMATCH)
        return {
            item.id: _require(Answer({FLAGGED: float(one.flagged), **one.category_scores}), self._labels)
            for item, one in zip(call.items, told.results, strict=True)
        }


class _Broken(Told):
    detector_type: LabelWord
    detected: bool
    message_id: Annotated[int, Field(ge=0)] | None = None


class _Guarded(Told):
    flagged: bool
    breakdown: list[_Broken] = Field(max_length=10_000)


class LakeraGuard:
    """Labels: the detector types (`prompt_attack`, `pii/email`, ...) and `flagged`; scores are 0 or 1.

    What is flagged without naming a message is flagged in all of them.
    """

    def __init__(self, project: str, labels: frozenset[str]) -> None:
        self._project = project
        self._labels = labels

    def calls(self, items: Sequence[Item], question: Question) -> Sequence[Call]:
        messages = [{"role": _ROLES.get(item.provenance, "user"), "content": item.text} for item in items]
        project = {"project_id": self._project} if self._project else {}
        return (Call(dumps({"messages": messages, "breakdown": True, **project}), tuple(items)),)

    def read(self, call: Call, body: bytes) -> Mapping[str, Answer]:
        told = read_model(_Guarded, read_json(body))
        if any(one.message_id is not None and one.message_id >= len(call.items) for one in told.breakdown):
            raise ServiceFailure(Cause.MISMATCH)
        placed = any(one.detected and one.message_id is not None for one in told.breakdown)
        found = [dict.fromkeys({one.detector_type for one in told.breakdown}, 0.0) for _ in call.items]
        for one in told.breakdown:
            touched = found if one.message_id is None else [found[one.message_id]]
            for scores in touched:
                scores[one.detector_type] = max(scores[one.detector_type], float(one.detected))
        for scores in found:
            scores[FLAGGED] = float(told.flagged and (not placed or any(scores.values())))
        return {item.id: _require(Answer(scores), self._labels) for item, scores in zip(call.items, found, strict=True)}


class _Shielded(Told):
    attackDetected: bool  # noqa: N815 - the vendor's name


class _Shields(Told):
    userPromptAnalysis: _Shielded | None = None  # noqa: N815
    documentsAnalysis: list[_Shielded] | None = None  # noqa: N815


class AzurePromptShields:
    """Label: `attack`, 0 or 1. Users' words go as `userPrompt`, everything else as `documents`."""

    CHARACTERS = 10_000
    DOCUMENTS = 5

    def calls(self, items: Sequence[Item], question: Question) -> Sequence[Call]:
        said = [item for item in items if item.provenance is Provenance.USER]
        rest = [item for item in items if item.provenance is not Provenance.USER]
        calls = [self._call("userPrompt", group) for group in packed(said, self.CHARACTERS, 1)]
        calls += [self._call("documents", group) for group in packed(rest, self.CHARACTERS, self.DOCUMENTS)]
        if len(calls) > MOST_CALLS:
            raise ServiceFailure(Cause.TOO_LARGE, blames=False)
        return calls

    @staticmethod
    def _call(member: str, group: Sequence[tuple[Item, int, str]]) -> Call:
        texts = [piece for _, _, piece in group]
        value: str | list[str] = texts[0] if member == "userPrompt" else texts
        return Call(dumps({member: value}), tuple(item for item, _, _ in group), mark=member)

    def read(self, call: Call, body: bytes) -> Mapping[str, Answer]:
        told = read_model(_Shields, read_json(body))
        if call.mark == "userPrompt":
            words = [told.userPromptAnalysis] if told.userPromptAnalysis else []
        else:
            words = list(told.documentsAnalysis or ())
        if len(words) != len(call.items):
            raise ServiceFailure(Cause.MISMATCH)
        found: dict[str, list[Answer]] = {}
        for item, word in zip(call.items, words, strict=True):
            found.setdefault(item.id, []).append(Answer({"attack": float(word.attackDetected)}))
        return {name: merged(answers) for name, answers in found.items()}


class _Recognised(Told):
    entity_type: LabelWord
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]
    score: ScoreNumber


class _Recognitions(Told):
    found: list[_Recognised] = Field(max_length=10_000)


class PresidioAnalyzer:
    """Labels: the entity types (`CREDIT_CARD`, ...), each with the highest score found, and their spans."""

    def __init__(self, language: str) -> None:
        self._language = language

    def calls(self, items: Sequence[Item], question: Question) -> Sequence[Call]:
        if len(items) > MOST_CALLS:
            raise ServiceFailure(Cause.TOO_LARGE, blames=False)
        return [Call(dumps({"text": item.text, "language": self._language}), (item,)) for item in items]

    def read(self, call: Call, body: bytes) -> Mapping[str, Answer]:
        item = call.items[0]
        scores: dict[str, float] = {}
        spans: list[Span] = []
        for one in read_model(_Recognitions, {"found": read_json(body)}).found:
            scores[one.entity_type] = max(one.score, scores.get(one.entity_type, 0.0))
            spans.append(sound_span(item, one.start, one.end, one.entity_type))
        return {item.id: Answer(scores, tuple(spans))}
