"""One model of writes, whatever the destination: a batch of rows, what is done to them, and by whose order.

Rule: everything here is read from one request, and nothing is made up: what a request does not say is empty. Values
stay in the process and are never logged; a row is named by its position, a record by the salted hash of its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple


class Operation(StrEnum):
    """What a write does to a record."""

    INSERT = "insert"
    UPDATE = "update"
    UPSERT = "upsert"
    DELETE = "delete"
    SEND = "send"  # a message or an event that cannot be taken back
    UNKNOWN = "unknown"


class Row(NamedTuple):
    """One record of a batch; a tuple, because there are many and making them is most of reading a batch.

    index: position in the batch, from 0. pointer: JSON pointer to the record in the body, or "" where the body is not
    JSON (CSV: then `index` counts data rows). key: the record key as text, "" when it has none. values: field -> JSON
    value, flattened by the profile where the destination nests them (`properties.email` of HubSpot is `email`).
    """

    index: int  # type: ignore[assignment]  # tuples have a method of that name, which nobody calls
    values: Mapping[str, object]
    operation: Operation
    key: str = ""
    pointer: str = ""


_operation = attrgetter("operation")


@dataclass(frozen=True, slots=True)
class Attribution:
    """Which sync and run sent a batch. source: how that is known (`proxy`, `header`, `payload`, `agent`, "")."""

    tool: str = ""
    sync: str = ""
    run: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one request.

    profile: id of the profile. target: the object or table written (`contacts`, `Contact`, `db.schema.table`).
    all_or_none: the destination takes all rows or none, so single rows cannot be taken out. statements: SQL texts of a
    SQL API, in order; `rows` is then what is bound to the one statement as lists. idempotency_key: what the sender
    gave, "" when it gave none.
    """

    profile: str
    target: str
    rows: tuple[Row, ...] = ()
    statements: tuple[str, ...] = ()
    dialect: str = ""
    all_or_none: bool = False
    attribution: Attribution = Attribution()
    idempotency_key: str = ""

    @property
    def operations(self) -> set[Operation]:
        """What is done to its rows: one thing in most batches."""
        return set(map(_operation, self.rows))


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one row is not forwarded. rule, reason: of the catalogue. message: one sentence without any value."""

    index: int
    rule: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer in the destination's own shape. headers: lower-case name -> value, without content-length."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the destination did with a batch. acknowledged: rows it took; failed: index -> its own error code.

    unknown: it did not say so for single rows. limited: it asked to come later; retry_after in seconds (0: unsaid).
    """

    acknowledged: int = 0
    failed: Mapping[int, str] = field(default_factory=dict)
    unknown: bool = False
    limited: bool = False
    retry_after: float = 0.0
