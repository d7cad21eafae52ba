"""What a detector is asked about, and what it may answer, whatever it speaks.

Rule: adapters turn items into calls and answers into `Answer`s, and nothing else; an answer that is not exactly what
was asked for is a `ServiceFailure`, which has a word from a closed list and never any content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from clyra_proxy.genai.model import Direction, Media, Provenance


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands: JSON pointer and, in streams, content block."""

    path: str
    block: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to judge: a text, or media. places: everywhere it stands in the conversation (at least one)."""

    id: str
    provenance: Provenance
    places: tuple[Place, ...]
    text: str = ""
    media: Media | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """The circumstances that are told beside the items. request_id: fresh, to be echoed. budget_ms: time left."""

    request_id: str
    kind: str
    direction: Direction
    protocol: str
    budget_ms: int


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (Unicode code points) of an item's text, and what they are."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a detector says of one item. scores: label -> 0..1. unknown: it cannot tell (scores are empty then)."""

    scores: Mapping[str, float] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request about some items. mark: what the adapter needs to read the answer to exactly this call.

    offsets: for a call about a piece of each item's text, where the piece begins.
    """

    body: bytes
    items: tuple[Item, ...]
    mark: str = ""
    offsets: tuple[int, ...] = ()


class Adapter(Protocol):
    """What one API needs. Stateless and shared."""

    def calls(self, items: Sequence[Item], question: Question) -> Sequence[Call]:
        """The requests that ask about all items. Raises ServiceFailure (TOO_LARGE) when they would be too many."""
        ...

    def read(self, call: Call, body: bytes) -> Mapping[str, Answer]:
        """Item id -> answer, for every item of the call and no other. Raises ServiceFailure."""
        ...


def merged(answers: Sequence[Answer]) -> Answer:
    """The answer on an item whose text went in several pieces: the highest score of each label, all spans."""
    if len(answers) == 1:
        return answers[0]
    scores: dict[str, float] = {}
    for answer in answers:
        for label, score in answer.scores.items():
            scores[label] = max(score, scores.get(label, 0.0))
    spans = tuple(dict.fromkeys(span for answer in answers for span in answer.spans))
    return Answer(scores, spans, unknown=any(answer.unknown for answer in answers))
