"""The question that engines are asked: one documented, versioned, typed shape (docs/policy-engines.md).

Rule: facts, ids and counts, never a body. What a request does not have is None, and an engine's policy can tell "none"
from "unknown": a question of which a part is unknown is not asked at all. A new member does not change `VERSION`; a
member that is taken away, or means something else, does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson

VERSION = "clyra.question/1"

type Scalar = str | int | float | bool | None

_NOTHING: Mapping[str, Scalar] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CallerFacts:
    """Who asks. proven: false for an agent that is only guessed (how: `process`, `header`, `none`)."""

    agent: str
    tenant: str
    session: str
    run: str
    proven: bool
    how: str


@dataclass(frozen=True, slots=True)
class DestinationFacts:
    """Where to. name: of the destination in the policy, "" for one it does not know."""

    name: str
    host: str
    port: int
    route: str
    known: bool


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """kind: `read` (GET, HEAD, OPTIONS) or `write`. path: normalised, without query. media_type: bare, or ""."""

    method: str
    path: str
    kind: str
    media_type: str


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What the activation gateway read. operations: operation -> rows. readable: false when rows could not be told."""

    profile: str
    readable: bool
    target: str
    count: int
    operations: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ConversationFacts:
    """What the GenAI checks read. tools: called by this request (MCP). offered: tools offered to the model.

    readable: false when the request could not be read; then nothing but `protocol` is known.
    """

    protocol: str
    readable: bool
    operation: str
    model: str
    tools: tuple[str, ...]
    offered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimeFacts:
    """When. unix: seconds. utc: RFC 3339. weekday: 1 (Monday) to 7, hour: 0 to 23, both in UTC."""

    unix: int
    utc: str
    weekday: int
    hour: int


@dataclass(frozen=True, slots=True)
class Question:
    """May this request go on? action_class: A, B or C, as approvals classify it. findings: rule ids, each once.

    values: JSON pointer -> scalar of the body, of those that the engine's policy section names.
    """

    caller: CallerFacts
    destination: DestinationFacts
    request: RequestFacts
    action_class: str
    rows: RowFacts | None
    conversation: ConversationFacts | None
    findings: tuple[str, ...]
    time: TimeFacts
    values: Mapping[str, Scalar] = field(default=_NOTHING)
    version: str = VERSION

    def document(self) -> dict[str, Any]:
        """As JSON values, None where there is nothing."""
        told: dict[str, Any] = orjson.loads(orjson.dumps(self, default=dict))
        return told

    def without_time(self) -> bytes:
        """What an answer depends on when the time of day does not count, as bytes."""
        told = self.document()
        del told["time"]
        return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


def example() -> Question:
    """A question with every member there is: for trying an engine out, and for holding a schema against the shape."""
    return Question(
        CallerFacts("clyra-probe", "clyra-probe", "", "", False, "none"),
        DestinationFacts("clyra-probe", "clyra-probe.invalid", 443, "clyra-probe", False),
        RequestFacts("POST", "/", "write", "application/json"),
        "A",
        RowFacts("clyra-probe", True, "clyra-probe", 1, {"update": 1}),
        ConversationFacts("clyra-probe", True, "clyra-probe", "clyra-probe", ("clyra-probe",), ("clyra-probe",)),
        (),
        TimeFacts(0, "1970-01-01T00:00:00Z", 4, 0),
    )
