"""WebSocket messages through the same checks as bodies: a session per message, judged before it is passed on.

A message that is refused never reaches the other side; the engine closes both with the denial's close code. A session
of messages is one exchange: one verdict at its end, with everything that was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of
from addons.gate import judge
from clyra_proxy.checks import BodyCheck
from clyra_proxy.exchange import Exchange
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.stream.opening import inspect_message
from clyra_proxy.verdict.model import Phase

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime


class Messages:
    """Judges each WebSocket message."""

    def __init__(self, runtime: Runtime, checks: Sequence[BodyCheck]) -> None:
        self._checks = tuple(check for check in checks if Phase.MESSAGE in check.phases)

    def websocket_start(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None:
            exchange.websocket = True

    def websocket_message(self, flow: HTTPFlow) -> None:
        """The last message of the flow is about to be passed on."""
        exchange = exchange_of(flow)
        if exchange is None or flow.websocket is None:
            return
        message = flow.websocket.messages[-1]
        content = message.content
        tally = exchange.request_body if message.from_client else exchange.response_body
        tally.seen += len(content)
        self._check(exchange, content, from_client=message.from_client)
        if exchange.denial is None:
            tally.released += len(content)
        else:
            message.drop()

    def _check(self, exchange: Exchange, content: bytes, *, from_client: bool) -> None:
        try:
            coverage = inspect_message(exchange, self._checks, content)
        except BodyRefused:
            judge(exchange)
            return
        if from_client:
            exchange.request_coverage = coverage
        else:
            exchange.response_coverage = coverage
