"""One model of writes, whatever the destination: a batch of rows, what is done to them, and by whose order.

Rule: everything here is read from one request, and nothing is made up: what a request does not say is empty. Values
stay in the process and are never logged; a row is named by its position, a record by the salted hash of its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import repeat
from operator import attrgetter
from typing import NamedTuple

from clyra_proxy.activation.joined import Joined, OnDemand


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
_made = partial(tuple.__new__, Row)  # what the constructor does, without a call in Python for each row


class Columns(OnDemand[Row]):
    """Rows with which one thing is done, kept by columns: a `Row` is made when it is asked for, and most never are.

    values, keys: one a row. pointers: at least one a row. start: position of the first row in its batch.
    """

    __slots__ = ("keys", "operation", "pointers", "start", "values")

    def __init__(
        self,
        values: Sequence[Mapping[str, object]],
        operation: Operation,
        keys: Sequence[str],
        pointers: Sequence[str],
        start: int = 0,
    ) -> None:
        self.start = start
        self.values = values
        self.operation = operation
        self.keys = keys
        self.pointers = pointers

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Row]:
        done = repeat(self.operation)
        return map(_made, zip(indices(self), self.values, done, self.keys, self.pointers, strict=False))

    def at(self, position: int) -> Row:
        keys, pointers = self.keys, self.pointers
        return Row(self.start + position, self.values[position], self.operation, keys[position], pointers[position])


def values_of(rows: Sequence[Row]) -> Sequence[Mapping[str, object]]:
    """The fields of rows, in order."""
    return rows.values if type(rows) is Columns else [row.values for row in rows]


def keys_of(rows: Sequence[Row]) -> Sequence[str]:
    """The keys of rows, in order."""
    return rows.keys if type(rows) is Columns else [row.key for row in rows]


def indices(rows: Sequence[Row]) -> Sequence[int]:
    """Positions of rows in their batch."""
    if type(rows) is Columns:
        return range(rows.start, rows.start + len(rows.values))
    return [row.index for row in rows]


def operations_of(rows: Sequence[Row]) -> set[Operation]:
    """What is done to rows."""
    if type(rows) is Columns:
        return {rows.operation} if rows.values else set()
    if type(rows) is Joined:
        return set().union(*map(operations_of, rows.parts))
    return set(map(_operation, rows))


@dataclass(frozen=True, slots=True)
class Attribution:
    """Which sync and run sent a batch. source: how that is known (`proxy`, `header`, `payload`, `agent`, "")."""

    tool: str = ""
    sync: str = ""
    run: str = ""
    source: str = ""


NOBODY = Attribution()
"""Nothing is known of who sent it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one request.

    profile: id of the profile. target: the object or table written (`contacts`, `Contact`, `db.schema.table`); of a
    batch for several, their names with commas, and `targets` has one for each row (else it is empty).
    all_or_none: the destination takes all rows or none, so single rows cannot be taken out. statements: SQL texts of a
    SQL API, in order; `rows` is then what is bound to the one statement as lists. idempotency_key: what the sender
    gave, "" when it gave none.
    """

    profile: str
    target: str
    rows: Sequence[Row] = ()
    statements: tuple[str, ...] = ()
    dialect: str = ""
    all_or_none: bool = False
    attribution: Attribution = NOBODY
    idempotency_key: str = ""
    targets: tuple[str, ...] = ()

    @property
    def all_targets(self) -> frozenset[str]:
        """Everything it writes to, by name."""
        return frozenset(name for name in (self.targets or (self.target,)) if name)

    @property
    def operations(self) -> set[Operation]:
        """What is done to its rows: one thing in most batches."""
        return operations_of(self.rows)


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

    def saying(self, body: bytes) -> Answer:
        """The same with another body; a length that came with it is not passed on."""
        headers = {name: value for name, value in self.headers.items() if name != "content-length"}
        return Answer(self.status, body, headers)


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
