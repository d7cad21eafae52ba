"""WebSocket messages through the same checks as bodies: a session per message, judged before it is passed on.

A message that is refused never reaches the other side; the engine closes both with the denial's close code. A session
of messages is one exchange: one verdict at its end, with everything that was found (`clyra_proxy.stream.messages`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of
from addons.gate import deny, judge
from addons.guard import note_failure
from clyra_proxy.checks import BodyCheck
from clyra_proxy.engine.hooks import Oversize
from clyra_proxy.exchange import Exchange
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.stream.messages import Conversation
from clyra_proxy.verdict.model import Phase

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime

KEY = "clyra_messages"


class Messages:
    """Judges each WebSocket message."""

    def __init__(self, runtime: Runtime, checks: Sequence[BodyCheck]) -> None:
        self._recorder = runtime.recorder
        self._checks = tuple(checks)

    def websocket_start(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None:
            exchange.websocket = True
            flow.metadata[KEY] = Conversation(exchange, self._checks, self._salts(exchange))

    def websocket_message(self, flow: HTTPFlow) -> None:
        """The last message of the flow is about to be passed on."""
        exchange = exchange_of(flow)
        if exchange is None or flow.websocket is None:
            return
        conversation: Conversation = flow.metadata[KEY]
        message = flow.websocket.messages[-1]
        try:
            conversation.inspect(message.content, from_client=message.from_client, text=message.is_text)
        except BodyRefused:
            message.drop()
            deny(exchange)
        else:
            judge(exchange)

    def clyra_oversize(self, data: Oversize) -> None:
        """A message outgrew what the engine holds."""
        exchange = exchange_of(data.flow)
        if exchange is not None:
            conversation: Conversation = data.flow.metadata[KEY]
            conversation.refuse_oversize(data.size, data.limit, from_client=data.from_client)
            deny(exchange)

    def websocket_end(self, flow: HTTPFlow) -> None:
        conversation: Conversation | None = flow.metadata.pop(KEY, None)
        if conversation is not None:
            conversation.close()

    def _salts(self, exchange: Exchange) -> tuple[bytes, bytes] | None:
        try:
            return self._recorder.salt(exchange, "req"), self._recorder.salt(exchange, "res")
        except Exception as error:  # noqa: BLE001 - a commitment that nobody can open has a declared outcome
            note_failure(exchange, "messages", Phase.MESSAGE, error)
            judge(exchange)
            return None
