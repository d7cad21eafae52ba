"""GenAI security: conversations with models and tool servers, judged before they go on.

The body check `genai` collects whole bodies and reads streams (`clyra_proxy.genai.wire`); here is where judging is
waited for: after a request's body and before any of it left (`request`), inside a stream (`clyra_pending`), before the
end of an answer leaves (`response`), and for each WebSocket message. At the very end budgets are settled.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of
from addons.gate import judge
from clyra_proxy.engine.hooks import PASSED
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.wire.ending import settle
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.genai.wire.sessions import begin_messages, judge_message
from clyra_proxy.genai.wire.state import GenAiState, state_of
from clyra_proxy.genai.wire.steps import judge_body
from clyra_proxy.genai.wire.streamed import judge_end, judge_messages
from clyra_proxy.verdict.model import Mode, Phase

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime

_UNCODED = "identity"


def _ours(flow: HTTPFlow) -> tuple[Exchange | None, GenAiState | None]:
    """The exchange of a flow, with its state when it is a conversation."""
    exchange = exchange_of(flow)
    return exchange, state_of(exchange) if exchange is not None else None


class GenAi:
    """Judges what agents say and do."""

    def __init__(self, runtime: Runtime) -> None:
        self._room: ScanningRoom = runtime.scanning

    def requestheaders(self, flow: HTTPFlow) -> None:
        """Comes after the gates were opened. A stream of events can be edited only while it is not compressed."""
        _, state = _ours(flow)
        if state is not None and state.mode is Mode.ENFORCE and "accept-encoding" in flow.request.headers:
            flow.request.headers["accept-encoding"] = _UNCODED

    def request(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """The request's body is here whole, and nothing of it has left."""
        exchange, state = _ours(flow)
        if exchange is None or state is None or state.request_body is None or exchange.denial is not None:
            return None
        return self._request(exchange, state)

    async def _request(self, exchange: Exchange, state: GenAiState) -> None:
        exchange.request_rewrite = await judge_body(exchange, state, self._room, Phase.REQUEST_BODY)
        state.started = True
        judge(exchange)

    def clyra_pending(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """Messages inside a stream wait to be judged."""
        exchange, state = _ours(flow)
        if exchange is None or state is None or state.stream is None:
            return None
        return self._messages(exchange, state)

    async def _messages(self, exchange: Exchange, state: GenAiState) -> None:
        if state.stream is not None:
            await judge_messages(exchange, state, state.stream, self._room)
            judge(exchange)

    def response(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """The answer's body has ended; its last part, or all of it, has not left."""
        exchange, state = _ours(flow)
        if exchange is None or state is None:
            return None
        return self._response(exchange, state)

    async def _response(self, exchange: Exchange, state: GenAiState) -> None:
        if state.stream is not None:
            await judge_end(exchange, state, state.stream, self._room)
        else:
            exchange.response_rewrite = await judge_body(exchange, state, self._room, Phase.RESPONSE_BODY)
        judge(exchange)

    def websocket_start(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None:
            begin_messages(exchange)

    def websocket_message(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """The last message of the flow is about to be passed on."""
        exchange, state = _ours(flow)
        if exchange is None or state is None or state.messages is None or exchange.denial is not None:
            return None
        return self._message(flow, exchange, state)

    async def _message(self, flow: HTTPFlow, exchange: Exchange, state: GenAiState) -> None:
        assert flow.websocket is not None  # noqa: S101 - the hook is about one of its messages
        message = flow.websocket.messages[-1]
        passed = await judge_message(
            exchange, state, self._room, message.content, from_client=message.from_client, text=message.is_text
        )
        judge(exchange)
        if exchange.denial is not None or passed != [(message.content, message.is_text)]:
            message.drop()
            flow.metadata[PASSED] = passed

    def clyra_done(self, flow: HTTPFlow) -> None:
        exchange, state = _ours(flow)
        if exchange is not None and state is not None:
            exchange.findings.extend(state.contained)
            settle(exchange, state, self._room)
