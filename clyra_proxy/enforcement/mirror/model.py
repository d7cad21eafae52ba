"""What a mirrored request is made of, and what can become of it. Values only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from clyra_proxy.enforcement.halt.state import Subject
from clyra_proxy.exchange import HeaderFields, TraceContext

MARK = b"clyra-mirror"
"""Header field of every mirrored request; one that comes with it is not mirrored again, so nothing goes in circles."""


class Outcome(StrEnum):
    """What became of a request that a mirror was to get. Each is counted once per request."""

    MIRRORED = "mirrored"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    SUPPRESSED_WRITE = "suppressed_write"
    SUPPRESSED_UPGRADE = "suppressed_upgrade"
    SUPPRESSED_MIRRORED = "suppressed_mirrored"
    SUPPRESSED_SECRET = "suppressed_secret"  # noqa: S105 - a word
    SUPPRESSED_HALT = "suppressed_halt"
    SUPPRESSED_ADDRESS = "suppressed_address"
    DROPPED_BODY = "dropped_body"
    DROPPED_QUEUE = "dropped_queue"
    DROPPED_MEMORY = "dropped_memory"
    DROPPED_RATE = "dropped_rate"
    DROPPED_BREAKER = "dropped_breaker"
    DROPPED_SHUTDOWN = "dropped_shutdown"
    UNFINISHED = "unfinished"


class Result(StrEnum):
    """What comparing two answers said."""

    SAME = "same"
    DIFFERENT = "different"
    UNCOMPARED = "uncompared"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. body: as it came, coded as the head says; None when it was not kept (too large, a stream, cut)."""

    status: int
    fields: HeaderFields
    body: bytes | None

    def get(self, name: bytes) -> str:
        """First value of a field (name in lower case), "" when it is not there."""
        return next((value.decode("latin-1") for key, value in self.fields if key.lower() == name), "")


@dataclass(slots=True, eq=False)
class Copy:
    """One request on its way to a mirror. fields, body, path: as they went to the real upstream.

    route: what reports call the kind of request. host: the `Host` that was asked for. keys: names to look for among
    halts. answer: of the real upstream, once `settled`. held: bytes taken from the worker's budget for it.
    """

    exchange: str
    route: str
    method: str
    host: str
    subject: Subject
    trace: TraceContext | None
    path: str = "/"
    fields: HeaderFields = ()
    body: bytes = b""
    answer: Answer | None = None
    settled: bool = False
    held: int = 0
    waiter: asyncio.Future[None] | None = field(default=None, repr=False)
