"""The gate: raw body bytes in, released raw bytes out.

Guarantees: (1) in enforce mode no byte leaves before every enforcing session's watermark has passed it, and the last
byte of the body never leaves before `finish()` succeeded, so an upstream never receives a complete bad document (a
body of rows or events without a declared length is the exception: each row leaves once judged, and the end of the
message, which the engine withholds until `finish()`, is what completes it);
(2) in shadow mode bytes leave unchanged and at once; (3) bytes that leave are the bytes that came, in order, but for
the edits of an enforcing session, which replace ranges of an uncoded body (a redaction inside of a stream of events).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from clyra_proxy.verdict.model import Coverage, Finding, Mode


class BodyRefused(Exception):  # noqa: N818 - an outcome, not a fault
    """An enforced finding stops this body. Nothing more may leave."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.rule)
        self.finding = finding


class BodyGate(Protocol):
    """What the engine needs from a gate. Synchronous; one call per chunk on the event loop."""

    mode: Mode
    findings: list[Finding]  # everything found so far, shadow findings included

    def feed(self, raw: bytes) -> Sequence[bytes]:
        """Take the next raw bytes; return what may leave now (possibly nothing). Raises BodyRefused."""
        ...

    def resume(self) -> Sequence[bytes]:
        """A session that waited may go on; return what may leave now. Raises BodyRefused."""
        ...

    def finish(self) -> Iterable[bytes]:
        """The body ended; return all that was held back (lazily, when it was spooled). Raises BodyRefused."""
        ...

    def abort(self) -> None:
        """The body will never end (a side went away); settle tallies and coverage."""
        ...

    @property
    def coverage(self) -> Coverage: ...

    @property
    def spool(self) -> bool:
        """True when the upstream must not be contacted before `finish()` (policy `atomic: spool`)."""
        ...
