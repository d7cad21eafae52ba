"""CONNECT and protocol switches: when a stream stops being HTTP and carries something else.

What addons learn about a CONNECT is kept for the requests inside the tunnel (`ClientState`): the certificates of the
outer TLS connection, which mitmproxy forgets as soon as the inner handshake begins, and the CONNECT head.
A switch (101) is passed on for WebSocket alone.
"""

from __future__ import annotations

import wsproto.handshake
from mitmproxy import http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http._events import (
    RequestProtocolError,
    ResponseEndOfMessage,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpConnectHook
from mitmproxy.proxy.layers.tcp import TCPLayer
from mitmproxy.websocket import WebSocketData

from clyra_proxy.engine.denials import plain_denial
from clyra_proxy.engine.dispatch import failed
from clyra_proxy.engine.http_events import Credit, Cut, Farewell
from clyra_proxy.engine.stream_state import StreamState
from clyra_proxy.engine.websocket import GuardedWebsocketLayer

SWITCHING = 101


class TunnelSide(StreamState):
    """CONNECT, and what follows a 101."""

    def handle_connect(self) -> layer.CommandGenerator[None]:
        """Ask addons; without their objection open the tunnel (lazily: nothing is dialled yet)."""
        self.client_state = self.state_done
        client, flow = self.context.client, self.flow
        if client.tls_established and not self.state.outer_certificates:
            self.state.outer_certificates = tuple(client.certificate_list)
        self.state.connect_headers = flow.request.headers
        self.state.connect_authority = flow.request.authority
        yield HttpConnectHook(flow)
        if (failed(flow) or flow.error) and not flow.response:
            denial = plain_denial(503)
            flow.response = http.Response.make(denial.status, denial.body, http.Headers(denial.headers))
        if (yield from self.check_killed(False)):
            return
        if not flow.response or flow.response.status_code < 300:
            self.state.speaks_http = False
        self.context.server.address = (flow.request.host, flow.request.port)
        yield from self.handle_connect_regular()  # type: ignore[no-untyped-call]

    def is_websocket(self) -> bool:
        """Whether the 101 response at hand completes a WebSocket handshake."""
        request, response = self.flow.request, self.flow.response
        return (
            response is not None
            and response.status_code == SWITCHING
            and not request.is_http2
            and response.headers.get("upgrade", "").lower() == "websocket"
            and request.headers.get("upgrade", "").lower() == "websocket"
            and request.headers.get("sec-websocket-version", "").encode() == wsproto.handshake.WEBSOCKET_VERSION
        )

    def begin_websocket(self) -> layer.CommandGenerator[None]:
        """From here on messages, not HTTP. The session ends the exchange."""
        self.finished = True  # HTTP's part; `clyra_done` comes from the WebSocket layer.
        self.state.streams.discard(self.stream_id)
        self.flow.websocket = self.flow.websocket or WebSocketData()
        self.child_layer = GuardedWebsocketLayer(self.context, self.flow)
        self._handle_event = self.passthrough
        yield from self.child_layer.handle_event(events.Start())
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def passthrough(self, event: events.Event) -> layer.CommandGenerator[None]:
        """As mitmproxy's, but window credits go only to HTTP inside a tunnel, and a reset ends a WebSocket."""
        websocket = isinstance(self.child_layer, GuardedWebsocketLayer)
        if websocket and isinstance(event, Credit):
            return
        if isinstance(event, (Farewell, Cut)) and not self._understands_farewell():
            return
        if isinstance(event, RequestProtocolError):
            event = events.ConnectionClosed(self.context.client)
        elif isinstance(event, ResponseProtocolError):
            event = events.ConnectionClosed(self.context.server)
        yield from super().passthrough(event)

    def _understands_farewell(self) -> bool:
        """Not while it is undecided what the tunnel carries, and not when that is unread bytes."""
        inner = self.child_layer
        if isinstance(inner, layer.NextLayer):
            inner = inner.layer
        return inner is not None and not isinstance(inner, TCPLayer)
