"""SchemaLock on the wire: a gate for every body that has something to check.

Whole, chunked and streamed bodies take the same way: the gate is opened when the head is known, and the engine's
HTTP layer feeds it (`clyra_proxy.engine.http_stream`). WebSocket messages open a gate each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of, take_response_head
from addons.guard import note_failure
from clyra_proxy.checks import BodyCheck
from clyra_proxy.exchange import Exchange
from clyra_proxy.stream.gate import BodyGate
from clyra_proxy.stream.opening import open_gate
from clyra_proxy.verdict.model import Phase

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime


class Schema:
    """Opens the gates. checks: every body check of the house, in order."""

    def __init__(self, runtime: Runtime, checks: Sequence[BodyCheck]) -> None:
        self._spool = runtime.home.spool
        self._recorder = runtime.recorder
        self._checks = tuple(checks)

    def requestheaders(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None and exchange.denial is None:
            exchange.request_gate = self._open(exchange, Phase.REQUEST_BODY)

    def responseheaders(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None:
            take_response_head(flow, exchange)
            exchange.response_gate = self._open(exchange, Phase.RESPONSE_BODY)

    def _open(self, exchange: Exchange, phase: Phase) -> BodyGate | None:
        try:
            field = "req" if phase is Phase.REQUEST_BODY else "res"
            salt = self._recorder.salt(exchange, field)
            return open_gate(exchange, phase, self._checks, salt=salt, spool_folder=self._spool)
        except Exception as error:  # noqa: BLE001 - a check that cannot start has a declared outcome
            note_failure(exchange, "schema", phase, error)
            return None
