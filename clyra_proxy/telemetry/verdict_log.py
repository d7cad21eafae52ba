"""The verdict log: one NDJSON line per decided exchange (`telemetry.line_log` says how it is written).

The log is for people and SIEMs; the durable record is the recorder's.
"""

from __future__ import annotations

import time
from pathlib import Path

from clyra_proxy.exchange import Exchange
from clyra_proxy.telemetry.line_log import FLUSH_LINES, FLUSH_SECONDS, KEEP, MAX_BYTES, LineLog
from clyra_proxy.telemetry.verdict_line import render_gap, render_line


class VerdictLog(LineLog):
    """One worker's handle on the log. Raises StartupError when the file cannot be opened."""

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = MAX_BYTES,
        keep: int = KEEP,
        flush_seconds: float = FLUSH_SECONDS,
        flush_lines: int = FLUSH_LINES,
    ) -> None:
        super().__init__(
            path,
            "verdict log",
            render_gap,
            max_bytes=max_bytes,
            keep=keep,
            flush_seconds=flush_seconds,
            flush_lines=flush_lines,
        )

    @staticmethod
    def elapsed_ms(exchange: Exchange) -> float:
        """How long an exchange has lasted until now, in milliseconds."""
        return (time.perf_counter_ns() - exchange.started_ns) / 1e6

    def write(self, exchange: Exchange, elapsed_ms: float | None = None) -> None:
        """Queue the line of a decided exchange. Raises ValueError when it has no verdict: that is a program error.

        elapsed_ms: how long it lasted, where that is not until now.
        """
        verdict = exchange.verdict
        if verdict is None:
            raise ValueError(f"exchange {exchange.id} has no verdict")
        self.write_line(render_line(exchange, verdict, self.elapsed_ms(exchange) if elapsed_ms is None else elapsed_ms))
