"""The client's side of an HTTP/1 connection.

What differs from stock, and why: a head larger than `head_bytes` gets 431 (stock buffers without bound), and one that
trickles in is timed; bad framing becomes an event for the stream, which answers and records it, instead of an HTML
page from here; trailers of a request are dropped, because no check has seen them; events for another stream than the
current one are dropped instead of being a crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import _http1 as stock
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    RequestHeaders,
    ResponseEndOfMessage,
    ResponseTrailers,
)

from clyra_proxy.engine.client import state_of
from clyra_proxy.engine.commands import no_commands
from clyra_proxy.engine.denials import plain_response
from clyra_proxy.engine.framing import request_problem, sound_lines
from clyra_proxy.engine.http1_reading import Http1Reading
from clyra_proxy.engine.http_events import Informational, StopReading

if TYPE_CHECKING:
    from mitmproxy.proxy.context import Context


class GuardedHttp1Server(Http1Reading, stock.Http1Server):
    """The client's side of an HTTP/1 connection."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.client_state = state_of(context.client)
        self.client_state.speaks_http = True
        self._trailers_out: http.Headers | None = None

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Wait for a whole head, then announce the request."""
        if not isinstance(event, events.DataReceived):
            yield commands.CloseConnection(self.conn)
            return
        self.client_state.pipelined = 0
        lines = self.buf.maybe_extract_lines()
        while lines == []:  # empty lines before a request line (RFC 9112 section 2.2)
            lines = self.buf.maybe_extract_lines()
        if lines is None:
            if len(self.buf) > self.client_state.settings.head_bytes:
                yield from self._refuse_head(431)
            elif len(self.buf):
                self.client_state.expect_head()
            return
        self.client_state.head_received()
        try:
            request = self.request = http1.read_request_head(sound_lines(lines))
        except ValueError:
            yield from self._refuse_head(400)
            return
        if request_problem(request):
            self.request_done = True  # Where it ends cannot be told; the stream answers and the connection closes.
            self.state = self.done
            yield ReceiveHttp(RequestHeaders(self.stream_id, request, end_stream=False))
            return
        size = http1.expected_http_body_size(request)
        yield ReceiveHttp(RequestHeaders(self.stream_id, request, end_stream=size == 0))
        self.body_reader = stock.make_body_reader(size)
        self.state = self.read_body
        yield from self.read_body(event)

    def _refuse_head(self, status: int) -> layer.CommandGenerator[None]:
        self.state = self.done
        yield commands.SendData(self.conn, plain_response(status))
        yield commands.CloseConnection(self.conn)

    def wait(self, event: events.Event) -> layer.CommandGenerator[None]:
        """The request is read, its response is not done: further bytes wait, up to a bound."""
        self.client_state.pipelined = len(self.buf)
        yield from super().wait(event)

    def mark_done(self, *, request: bool = False, response: bool = False) -> layer.CommandGenerator[None]:
        """Go on to the next request when both directions are through."""
        yield from super().mark_done(request=request, response=response)
        if self.state == self.read_headers:
            self.client_state.room_made()

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Write a part of the response."""
        if event.stream_id != self.stream_id:
            return no_commands()
        if isinstance(event, (Informational, StopReading, ResponseTrailers)) or self._trailers_out is not None:
            return self._send_rarities(event)
        return super().send(event)

    def _send_rarities(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, Informational):
            if self.request is not None and self.request.is_http11:
                head = event.response.copy()
                head.http_version = "HTTP/1.1"
                yield commands.SendData(self.conn, http1.assemble_response_head(head))
        elif isinstance(event, StopReading):
            yield commands.CloseConnection(self.conn)
        elif isinstance(event, ResponseTrailers):
            self._trailers_out = event.trailers
        elif isinstance(event, ResponseEndOfMessage) and self._trailers_out is not None:
            trailers, self._trailers_out = self._trailers_out, None
            yield from self._end_with_trailers(trailers, event)
        else:
            yield from super().send(event)

    def _end_with_trailers(self, trailers: http.Headers, event: HttpEvent) -> layer.CommandGenerator[None]:
        assert self.response is not None  # noqa: S101 - a head was sent
        if "chunked" in self.response.headers.get("transfer-encoding", ""):
            yield commands.SendData(self.conn, b"0\r\n%s\r\n" % bytes(trailers))
            yield from self.mark_done(response=True)
        else:
            yield from super().send(event)
