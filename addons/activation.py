"""The activation gateway: writes into other people's systems, judged row by row before they go on.

The body check `activation` collects requests and answers (`clyra_proxy.activation.wire`); here is where judging is
waited for: after a request's body and before any of it left, and before the end of an answer that is told for rows that
were kept back. At the very end counters are settled.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of
from addons.gate import judge
from clyra_proxy.activation.wire.ending import settle
from clyra_proxy.activation.wire.settling import Settling
from clyra_proxy.activation.wire.state import ActivationState, state_of
from clyra_proxy.activation.wire.steps import begin_answer, begin_request
from clyra_proxy.exchange import Exchange

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime


def _ours(flow: HTTPFlow) -> tuple[Exchange | None, ActivationState | None]:
    """The exchange of a flow, with its state when it writes somewhere we know."""
    exchange = exchange_of(flow)
    return exchange, state_of(exchange) if exchange is not None else None


class ActivationGateway:
    """Judges what is written."""

    def __init__(self, runtime: Runtime) -> None:
        self._room = runtime.scanning
        self._settling = Settling()

    def request(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """The request's body is here whole, and nothing of it has left."""
        exchange, state = _ours(flow)
        if exchange is None or state is None or exchange.denial is not None:
            return None
        return _then_judge(exchange, begin_request(exchange, state, self._room))

    def response(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """The answer's body has ended; where rows were kept back, none of it has left."""
        exchange, state = _ours(flow)
        if exchange is None or state is None:
            return None
        return _then_judge(exchange, begin_answer(exchange, state, self._room))

    def clyra_done(self, flow: HTTPFlow) -> None:
        exchange, state = _ours(flow)
        if exchange is not None and state is not None:
            settle(exchange, state, self._room, self._settling)


def _then_judge(exchange: Exchange, rest: Awaitable[None] | None) -> Awaitable[None] | None:
    """Decide anew with what was found, once `rest` is over."""
    if rest is not None:
        return _judge_after(exchange, rest)
    judge(exchange)
    return None


async def _judge_after(exchange: Exchange, rest: Awaitable[None]) -> None:
    await rest
    judge(exchange)
