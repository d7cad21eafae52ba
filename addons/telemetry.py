"""One verdict, one log line, one set of counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime


class Telemetry:
    """Writes the verdict log and counts."""

    def __init__(self, runtime: Runtime) -> None:
        self._log = runtime.verdict_log
        self._metrics = runtime.metrics
        self._candidates = runtime.candidates

    def clyra_done(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None:
            self._metrics.count(exchange)
            elapsed_ms = self._log.elapsed_ms(exchange)
            self._candidates.then(exchange, lambda it: self._log.write(it, elapsed_ms))
