"""A second policy on the same traffic: what comes is copied for it here, and judged after the exchange is over.

It stands behind the gates' making and before anything that takes a message away, so that the copy is what came. Its
verdict goes with the exchange's own into the log (`addons.telemetry`); nothing on the data path waits for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime


class CandidatePolicy:
    """Keeps what the candidate will look at."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._office = runtime.candidates

    def requestheaders(self, flow: HTTPFlow) -> None:
        """Comes after the gates were opened; what was refused before has none, and is judged by its head."""
        exchange = exchange_of(flow)
        if exchange is None or self._runtime.policy.current.candidate is None:
            return
        if self._runtime.is_selftest(exchange.route):
            return  # no policy has its route
        self._office.begin(exchange)
        if exchange.request_gate is not None:
            exchange.request_gate = self._office.copying(exchange, exchange.request_gate, request=True)

    def responseheaders(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None and exchange.response_gate is not None:
            exchange.response_gate = self._office.copying(exchange, exchange.response_gate, request=False)

    def websocket_message(self, flow: HTTPFlow) -> None:
        """The last message of the flow is about to be judged."""
        exchange = exchange_of(flow)
        if exchange is not None and flow.websocket is not None:
            message = flow.websocket.messages[-1]
            self._office.hear(exchange, message.content, from_client=message.from_client, text=message.is_text)
