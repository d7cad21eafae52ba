"""HTTP/2 connections with flow control that reaches through the proxy.

mitmproxy grants its peers windows of 2^31-1 bytes and buffers without bound what the other side cannot take yet.
Here a peer may have `WINDOW` unacknowledged bytes per stream in flight, and gets more only when what it sent has
found room on the other side: no crowded socket, nothing parked behind a hook, nothing waiting for the other peer's
window. The connection's own window is always replenished at once, so one slow stream never stops another, and
reading never stops, so window updates and pings are always seen. Memory is at most WINDOW per stream and direction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import h2.errors
import h2.exceptions
from hyperframe.frame import GoAwayFrame, WindowUpdateFrame
from mitmproxy import http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.commands import CloseTcpConnection, SendData
from mitmproxy.proxy.layers.http import _http2 as stock
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestData, RequestEndOfMessage, RequestProtocolError, RequestTrailers
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from clyra_proxy.engine.client import state_of
from clyra_proxy.engine.http_events import Credit, Farewell, Informational, StopReading

if TYPE_CHECKING:
    from h2.config import H2Configuration
    from mitmproxy.proxy.context import Context

WINDOW = 512 * 1024
"""Bytes a peer may send on one stream before it must wait for us."""
LARGEST_FRAME = 64 * 1024
LARGEST_STREAM = 2**31 - 1


class MeteredH2Connection(BufferedH2Connection):
    """mitmproxy's buffered connection that withholds stream windows until `pay`."""

    def __init__(self, config: H2Configuration) -> None:
        super().__init__(config)
        self.local_settings.initial_window_size = WINDOW
        self.local_settings.max_frame_size = LARGEST_FRAME
        self.max_inbound_frame_size = LARGEST_FRAME
        self.local_settings.acknowledge()
        self.owed: dict[int, int] = {}

    def acknowledge_received_data(self, acknowledged_size: int, stream_id: int) -> None:
        """Give the connection's window back now; remember what the stream is owed."""
        increment = self._inbound_flow_control_window_manager.process_bytes(acknowledged_size)
        if increment:
            frame = WindowUpdateFrame(0)
            frame.window_increment = increment
            self._prepare_for_sending([frame])
        if acknowledged_size:
            self.owed[stream_id] = self.owed.get(stream_id, 0) + acknowledged_size

    def pay(self, may: Callable[[int], bool]) -> bool:
        """Give every stream that `may` its window back. True when something stays withheld."""
        for stream_id in [stream_id for stream_id in self.owed if may(stream_id)]:
            size = self.owed.pop(stream_id)
            stream = self.streams.get(stream_id)
            if stream is not None and stream.open:
                self._prepare_for_sending(stream.acknowledge_received_data(size))
        return bool(self.owed)

    def unsent(self, stream_id: int) -> int:
        """Bytes buffered for the peer because its window is closed."""
        buffered = self.stream_buffers.get(stream_id)
        return sum(len(chunk.data) for chunk in buffered) if buffered else 0


def _informational(
    connection: stock.Http2Connection, stream_id: int, event: Informational
) -> layer.CommandGenerator[None]:
    """Pass a 1xx head on (RFC 9113 section 8.1)."""
    if connection.is_open_for_us(stream_id):
        fields = [(b":status", b"%d" % event.response.status_code)]
        fields += [(name.lower(), value) for name, value in event.response.headers.fields]
        connection.h2_conn.send_headers(stream_id, fields)
        yield SendData(connection.conn, connection.h2_conn.data_to_send())


class GuardedHttp2Server(stock.Http2Server):
    """The client's side of an HTTP/2 connection."""

    h2_conn: MeteredH2Connection

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.h2_conn = MeteredH2Connection(self.h2_conf)
        self.client_state = state_of(context.client)
        self.client_state.speaks_http = True
        self.client_state.client_unsent = self.h2_conn.unsent
        self._gone = False

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self._gone and isinstance(event, events.DataReceived):
            return
        if isinstance(event, Credit):
            yield from self._pay()
        elif isinstance(event, Informational):
            yield from _informational(self, event.stream_id, event)
        elif isinstance(event, StopReading):
            yield from self._stop_reading(event.stream_id)
        elif isinstance(event, Farewell):
            yield from self._go_away(final=event.final)
        else:
            yield from super()._handle_event(event)
            if isinstance(event, events.DataReceived):
                self._watch_head()
                yield from self._pay()
                self.client_state.room_made()
            if self.client_state.draining():
                yield from self._go_away(final=False)

    def done(self, _: events.Event) -> layer.CommandGenerator[None]:
        """Closed: whatever still comes, also window credits, is ignored."""
        yield from ()

    def _pay(self) -> layer.CommandGenerator[None]:
        if self.h2_conn.owed and self.h2_conn.pay(self.client_state.may_send_up):
            self.client_state.withhold(self.conn)
        if data := self.h2_conn.data_to_send():
            yield SendData(self.conn, data)

    def _watch_head(self) -> None:
        """A header block that has begun must end in time; between requests there is no hurry."""
        internals: Any = self.h2_conn
        if internals._header_frames:
            self.client_state.expect_head()
        else:
            self.client_state.head_received()

    def _go_away(self, *, final: bool) -> layer.CommandGenerator[None]:
        """GOAWAY (RFC 9113 section 6.8) and close, as soon as nothing is under way.

        Not earlier: clients built on hyper-h2 (httpx among them) give up the responses they wait for when it comes.
        Only our half is closed: a full close while a further request is on its way would reset the connection, and
        with it the GOAWAY that says the request may be repeated elsewhere. What still comes is not looked at.
        `final`: time is nearly over, so those who are still busy get the notice that names no last stream.
        """
        busy = self.h2_conn.open_inbound_streams > 0
        if self._gone or (busy and not final):
            return
        last = LARGEST_STREAM if busy else self.h2_conn.highest_inbound_stream_id
        self.h2_conn._prepare_for_sending([GoAwayFrame(0, last_stream_id=last)])
        yield SendData(self.conn, self.h2_conn.data_to_send())
        if not busy:
            self._gone = True
            yield CloseTcpConnection(self.conn, half_close=True)

    def _stop_reading(self, stream_id: int) -> layer.CommandGenerator[None]:
        self.streams.pop(stream_id, None)
        if not self.is_closed(stream_id):
            self.h2_conn.reset_stream(stream_id, h2.errors.ErrorCodes.NO_ERROR)
            yield SendData(self.conn, self.h2_conn.data_to_send())


class GuardedHttp2Client(stock.Http2Client):
    """The upstream's side of an HTTP/2 connection."""

    h2_conn: MeteredH2Connection

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.h2_conn = MeteredH2Connection(self.h2_conf)
        self.h2_conn.local_settings.enable_push = 0
        self.h2_conn.local_settings.acknowledge()
        self.client_state = state_of(context.client)
        self.client_state.upstream_unsent[self.conn] = self._unsent

    def _unsent(self, stream_id: int) -> int:
        """Bytes of the client's stream that wait for this upstream's window or for a free stream."""
        ours = self.our_stream_id.get(stream_id)
        if ours is not None:
            return self.h2_conn.unsent(ours)
        return sum(len(event.data) for event in self.stream_queue.get(stream_id, ()) if isinstance(event, RequestData))

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, Credit):
            yield from self._pay()
            return
        if isinstance(event, events.ConnectionClosed):
            self.client_state.upstream_unsent.pop(self.conn, None)
        if isinstance(event, RequestProtocolError) and self.stream_queue.pop(event.stream_id, None) is not None:
            return  # It was still waiting for a free stream: nothing of it has left.
        if isinstance(event, (RequestData, RequestTrailers, RequestEndOfMessage, RequestProtocolError)):
            unknown = event.stream_id not in self.our_stream_id and event.stream_id not in self.stream_queue
            if unknown or isinstance(event, RequestTrailers):
                return  # Trailers of requests are not passed on: no check has seen them.
            if event.stream_id in self.stream_queue:
                self.stream_queue[event.stream_id].append(event)
                return
        yield from super()._handle_event(event)
        if isinstance(event, events.DataReceived):
            yield from self._pay()
            self.client_state.room_made()

    def done(self, _: events.Event) -> layer.CommandGenerator[None]:
        """Closed: whatever still comes, also window credits, is ignored."""
        yield from ()

    def _pay(self) -> layer.CommandGenerator[None]:
        if self.h2_conn.owed and self.h2_conn.pay(self._may):
            self.client_state.withhold(self.conn)
        if data := self.h2_conn.data_to_send():
            yield SendData(self.conn, data)

    def _may(self, ours: int) -> bool:
        theirs = self.their_stream_id.get(ours)
        return theirs is None or self.client_state.may_send_down(theirs)

    def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        """As stock, but informational responses are passed on."""
        if isinstance(event, h2.events.InformationalResponseReceived):
            response = _informational_response(event.headers)
            if response is not None:
                yield ReceiveHttp(Informational(event.stream_id, response))
            return False
        return (yield from super().handle_h2_event(event))


def _informational_response(fields: Any) -> Any:
    try:
        status, headers = stock.parse_h2_response_headers(fields)
    except ValueError:
        return None
    response = http.Response.make(status)
    response.headers = headers
    return response
