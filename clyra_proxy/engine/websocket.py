"""WebSocket sessions: whole messages pass `websocket_message`, and leave no copy behind.

Guarantees: a message reaches the other side only after the hook saw all of it, and when the hook says so (what it drops
may come later, in order, under `PASSED`); a refused one (exchange denied, hook
failed, flow killed) closes both sides with the denial's code (1008 without one) and no byte of it is forwarded; the
client alone is told the reason. Fragments of one message, and what they inflate to, are bounded in bytes (1009) and in
number (further ones are joined, RFC 6455 section 5.4); pings and pongs pass untouched; `clyra_done` follows
`websocket_end`.
"""

from __future__ import annotations

import time
from typing import Any

import wsproto.events
import wsproto.utilities
from mitmproxy import flow as mitmproxy_flow
from mitmproxy import http, websocket
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.websocket import (
    Fragmentizer,
    WebsocketConnection,
    WebsocketEndHook,
    WebsocketLayer,
    WebsocketMessageHook,
    WebsocketStartHook,
)
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode

from clyra_proxy.engine.client import state_of
from clyra_proxy.engine.dispatch import failed
from clyra_proxy.engine.hooks import PASSED, ClyraOversizeHook, Oversize
from clyra_proxy.engine.http_events import Cut, Farewell

_LIVE = (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING)
_MOST_FRAGMENTS = 1024


class _Assembly:
    """A message of one side while its frames come in. parts: fragments as they were sent. size: bytes in them."""

    def __init__(self) -> None:
        self.parts = [bytearray()]
        self.size = 0

    def add(self, data: bytes | bytearray | str) -> None:
        part = data.encode() if isinstance(data, str) else data
        self.parts[-1] += part
        self.size += len(part)

    def end_frame(self) -> None:
        if self.parts[-1] and len(self.parts) < _MOST_FRAGMENTS:
            self.parts.append(bytearray())

    def take(self) -> list[bytes]:
        """The fragments; what comes next is another message."""
        parts = [bytes(part) for part in self.parts]
        self.parts, self.size = [bytearray()], 0
        return parts


class BoundedDeflate(PerMessageDeflate):
    """permessage-deflate (RFC 7692) that stops inflating at a limit instead of filling memory."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self._inflated = 0

    def frame_inbound_payload_data(self, proto: FrameProtocol | FrameDecoder, data: bytes) -> bytes | CloseReason:
        """Inflate one piece, or name the reason to close."""
        inner: Any = self
        if not inner._inbound_compressed or not inner._inbound_is_compressible:
            return super().frame_inbound_payload_data(proto, data)
        room = self._limit - self._inflated + 1
        try:
            inflated: bytes = inner._decompressor.decompress(bytes(data), room)
        except Exception:  # noqa: BLE001 - zlib.error: not what the extension promised
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._inflated += len(inflated)
        if self._inflated > self._limit or inner._decompressor.unconsumed_tail:
            return CloseReason.MESSAGE_TOO_BIG
        return inflated

    def frame_inbound_complete(self, proto: FrameProtocol | FrameDecoder, fin: bool) -> bytes | CloseReason | None:
        """A frame ended; the count starts anew with each message."""
        if fin:
            self._inflated = 0
        return super().frame_inbound_complete(proto, fin)


class GuardedWebsocketLayer(WebsocketLayer):
    """See the module."""

    def __init__(self, context: Context, flow: http.HTTPFlow) -> None:
        super().__init__(context, flow)
        self.state = state_of(context.client)
        self.limit = self.state.settings.websocket_message_bytes
        self.coming = {True: _Assembly(), False: _Assembly()}  # by whether the client sends it

    def start(self, _: events.Event) -> layer.CommandGenerator[None]:
        """Agree with both sides on the extensions they agreed on with each other."""
        self.client_ws = WebsocketConnection(ConnectionType.SERVER, self._extensions(), conn=self.context.client)
        self.server_ws = WebsocketConnection(ConnectionType.CLIENT, self._extensions(), conn=self.context.server)
        yield WebsocketStartHook(self.flow)
        self._handle_event = self.relay_messages  # type: ignore[assignment, method-assign]
        if self._refused():
            yield from self._close_refused(CloseReason.POLICY_VIOLATION)

    _handle_event = start

    def _extensions(self) -> list[Any]:
        assert self.flow.response is not None  # noqa: S101 - a 101 came before
        header = self.flow.response.headers.get("Sec-WebSocket-Extensions", "")
        chosen = []
        for extension in wsproto.utilities.split_comma_header(header.encode("ascii", "replace")) if header else ():
            if extension.split(";", 1)[0].strip() == PerMessageDeflate.name:
                deflate = BoundedDeflate(self.limit)
                deflate.finalize(extension)
                chosen.append(deflate)
        return chosen

    def _refused(self) -> bool:
        exchange = self.flow.metadata.get("clyra")
        denied = exchange is not None and exchange.denial is not None
        killed = self.flow.error is not None and self.flow.error.msg == mitmproxy_flow.Error.KILLED_MESSAGE
        return denied or killed or failed(self.flow)

    def relay_messages(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Take bytes of one side; pass on what became whole."""
        if isinstance(event, Farewell) and event.final:
            yield from self._close_both(CloseReason.GOING_AWAY)
        elif isinstance(event, Cut) and self._refused():
            yield from self._close_refused(CloseReason.POLICY_VIOLATION)
        if not isinstance(event, (events.DataReceived, events.ConnectionClosed)):
            return
        from_client = event.connection == self.context.client
        source, target = (self.client_ws, self.server_ws) if from_client else (self.server_ws, self.client_ws)
        try:
            source.receive_data(event.data if isinstance(event, events.DataReceived) else None)
            for item in source.events():
                yield from self._relay(item, source, target, from_client=from_client)
                if self._handle_event == self.done:
                    return
        except wsproto.utilities.ProtocolError:
            yield from self._close_both(CloseReason.PROTOCOL_ERROR)

    def _relay(
        self, item: Any, source: WebsocketConnection, target: WebsocketConnection, *, from_client: bool
    ) -> layer.CommandGenerator[None]:
        if isinstance(item, wsproto.events.Message):
            coming = self.coming[from_client]
            coming.add(item.data)
            if coming.size > self.limit:
                yield from self._oversize(from_client=from_client)
            elif item.message_finished:
                yield from self._message(isinstance(item.data, str), target, from_client=from_client)
            elif item.frame_finished:
                coming.end_frame()
        elif isinstance(item, (wsproto.events.Ping, wsproto.events.Pong)):
            yield target.send2(item)
        elif isinstance(item, wsproto.events.CloseConnection):
            if item.code == CloseReason.MESSAGE_TOO_BIG and source.state is ConnectionState.OPEN:
                yield from self._oversize(from_client=from_client)  # our own decompressor said so, not the sender
                return
            yield from self._close_both(item.code, item.reason, by_client=from_client)

    def _message(
        self, is_text: bool, target: WebsocketConnection, *, from_client: bool
    ) -> layer.CommandGenerator[None]:
        assert self.flow.websocket is not None  # noqa: S101 - set with the upgrade
        fragments = self.coming[from_client].take()
        kind = Opcode.TEXT if is_text else Opcode.BINARY
        message = websocket.WebSocketMessage(kind, from_client, b"".join(fragments))
        self.flow.websocket.messages.append(message)
        yield WebsocketMessageHook(self.flow)
        self.flow.websocket.messages.clear()  # mitmproxy would keep every message for the life of the session.
        if self._refused():
            yield from self._close_refused(CloseReason.POLICY_VIOLATION)
            return
        for content, as_text in self.flow.metadata.pop(PASSED, ()):
            for part in Fragmentizer([content], as_text)(content):
                yield target.send2(part)
        if not message.dropped:
            for part in Fragmentizer(fragments, is_text)(message.content):
                yield target.send2(part)

    def _oversize(self, *, from_client: bool) -> layer.CommandGenerator[None]:
        size = max(self.coming[from_client].size, self.limit + 1)
        self.coming[from_client].take()
        yield ClyraOversizeHook(Oversize(self.context.client, self.flow, from_client, size, self.limit))
        yield from self._close_refused(CloseReason.MESSAGE_TOO_BIG)

    def _close_refused(self, code: int) -> layer.CommandGenerator[None]:
        """Close both sides as the denial says; code: when there is none."""
        exchange = self.flow.metadata.get("clyra")
        denial = exchange.denial if exchange is not None else None
        if denial is None:
            yield from self._close_both(code)
        else:
            yield from self._close_both(denial.close_code, client_reason=denial.close_reason or None)

    def _close_both(
        self,
        code: int,
        reason: str | None = None,
        *,
        by_client: bool | None = None,
        client_reason: str | None = None,
    ) -> layer.CommandGenerator[None]:
        session = self.flow.websocket
        assert session is not None  # noqa: S101 - set with the upgrade
        session.timestamp_end = time.time()
        session.closed_by_client = by_client
        session.close_code = code
        session.close_reason = reason
        self._handle_event = self.done  # type: ignore[method-assign]
        for side in (self.server_ws, self.client_ws):
            if side.state in _LIVE:
                said = client_reason if client_reason and side is self.client_ws else reason
                yield side.send2(wsproto.events.CloseConnection(code=code, reason=said))
            yield commands.CloseConnection(side.conn)
        yield WebsocketEndHook(self.flow)
        self.flow.live = False
        self.state.done(self.flow)

    def done(self, _: events.Event) -> layer.CommandGenerator[None]:
        """Closed: whatever still comes is ignored."""
        yield from ()
