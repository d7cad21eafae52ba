"""What a destination profile is: data and small code that know one API's writes.

Rule: a profile is pure and knows nothing of policy. `endpoint` looks at the head alone; reading may fail with
`UnreadableError`, and then policy says what becomes of the write (`rows.unreadable`). What `without` gives is the same
request for fewer rows; what `merged` gives is what the destination itself would have said had it refused those rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from clyra_proxy.activation.model import Answer, Batch, Rejection, Reply
from clyra_proxy.exchange import Destination, RequestHead


class UnreadableError(Exception):
    """A write whose rows cannot be told. reason: one word of a closed list, for coverage and findings."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Endpoint(Protocol):
    """One request of a destination. writes: whether it changes anything there.

    amends: its answer is given to `merged` even when nothing of this request was refused, because it tells of rows
    that were refused earlier (bulk jobs), or says the id of a job.
    answers_always: clients of the destination understand no refusal but its own, whatever it is for.
    takes_none: the request makes sense without any row (a bulk upload whose job tells later what became of them).
    """

    id: str
    writes: bool
    amends: bool
    answers_always: bool
    takes_none: bool

    def read(self, head: RequestHead, body: bytes) -> Batch:
        """The batch in a request. Raises UnreadableError."""
        ...

    def without(self, body: bytes, batch: Batch, rejected: frozenset[int]) -> bytes | None:
        """The body with those rows taken out, every other byte as it was where that can be; None when it cannot be."""
        ...

    def refused(self, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        """The destination's answer had it refused every row of the batch; None when it has no shape for that."""
        ...

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        """The destination's answer to the rows that were sent, told for all rows; None when it cannot be read."""
        ...

    def reply(self, answer: Answer, batch: Batch) -> Reply:
        """What became of the rows, by the destination's own word."""
        ...


class Profile(Protocol):
    """One destination. id: as in policy (`hubspot`, `salesforce`, `generic-json`, ...)."""

    id: str

    def endpoint(self, head: RequestHead, destination: Destination) -> Endpoint | None:
        """What kind of request this is, None when the profile does not know it."""
        ...
