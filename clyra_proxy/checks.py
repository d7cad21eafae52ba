"""What a check is, and what it may do.

A check looks at an exchange, or at a stream of it, and adds findings. Checks on heads are plain functions from an
exchange to findings, run by `addons.guard.attempt`; body checks open a session per body. A body check declares the
phases it runs in, its time budget and its `on_error` outcome; whatever it raises becomes a finding with that outcome.
Sessions see decoded bytes and answer with a watermark: how many bytes, counted from the start of the decoded body, may
leave. Holding back, mapping watermarks to raw bytes and releasing them is the gate's business
(`clyra_proxy.stream.gate`), never the session's.
"""

from __future__ import annotations

from typing import Protocol

from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.model import Action, Finding, Mode, Phase

EVERYTHING = 1 << 62
"""A watermark that holds nothing back."""


class Violation(Exception):  # noqa: N818 - it is a verdict on data, not a fault of the program
    """Raised by a body session when the bytes seen so far settle the matter."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.rule)
        self.finding = finding


class BodySession(Protocol):
    """One body being checked. Any split of the same bytes gives the same outcome.

    mode: `enforce` holds bytes back and refuses; `shadow` only observes. check_id names the owner in timings.
    """

    check_id: str
    mode: Mode

    def feed(self, data: bytes) -> int:
        """Take the next decoded bytes; return the watermark. Raises Violation."""
        ...

    def finish(self) -> int:
        """The body ended; return the final watermark (EVERYTHING if all is well). Raises Violation."""
        ...


class BodyCheck(Protocol):
    """A check on bodies.

    id: stable, in verdicts and metrics. on_error: the action wanted when the check fails. budget_ms: how long one step
    takes at most by design; benchmarks hold it against that. What hangs is ended by the watchdog, far later: a
    wall-clock limit of milliseconds would refuse good traffic whenever the machine is busy.
    """

    id: str
    phases: frozenset[Phase]
    budget_ms: float
    on_error: Action

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        """A session for this exchange's request or response body, or None when the check has no business with it.

        In the phase `message` it is for one WebSocket message, fed whole: `exchange.message` says whose it is.
        """
        ...
