"""What a detector is asked about, and what it may answer, whatever it speaks.

Rule: adapters turn items into calls and answers into `Answer`s, and nothing else; an answer that is not exactly what
was asked for is a `DetectorFailure`, which has a word from a closed list and never any content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from clyra_proxy.genai.model import Direction, Media, Provenance


class Cause(StrEnum):
    """Why a detector gave no usable answer."""

    TIMEOUT = "timeout"
    BUSY = "busy"  # too many calls wait already
    CIRCUIT_OPEN = "circuit_open"  # it failed too often lately and is left alone
    CONNECTION = "connection"  # no connection, or one that broke
    TLS = "tls"
    STATUS = "status"  # anything but 200
    REDIRECT = "redirect"
    UNAUTHORISED = "unauthorised"
    MEDIA_TYPE = "media_type"  # the answer is not JSON by its own word, or is compressed
    ANSWER_TOO_LARGE = "answer_too_large"
    GARBAGE = "garbage"  # not JSON, or not the shape that was agreed
    MISMATCH = "mismatch"  # the shape is right, and it is no answer to what was asked
    TOO_LARGE = "too_large"  # more content than policy lets out
    UNREADABLE_MEDIA = "unreadable_media"
    SECRET = "secret"  # noqa: S105 - a word: the credential cannot be read any more
    INTERNAL = "internal"


class DetectorFailure(Exception):  # noqa: N818 - what happened to the question, not an error of the program
    """No usable answer. blames: whether the detector is at fault, so that its circuit breaker counts it."""

    def __init__(self, cause: Cause, *, blames: bool = True) -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.blames = blames


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
        """The requests that ask about all items. Raises DetectorFailure (TOO_LARGE) when they would be too many."""
        ...

    def read(self, call: Call, body: bytes) -> Mapping[str, Answer]:
        """Item id -> answer, for every item of the call and no other. Raises DetectorFailure."""
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
