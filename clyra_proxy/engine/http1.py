"""HTTP/1 connections: mitmproxy's parsers with their gaps closed.

What differs from stock, and why:
- a head larger than `head_bytes` gets 431 (stock buffers without bound); a head that trickles in is timed;
- trailers are read (stock raises NotImplementedError); a request's are dropped, because no check has seen them, a
  response's are passed on where the client's message is chunked;
- 1xx responses are passed on and the final one awaited (stock takes the first 1xx for the final response);
- bad framing becomes an event for the stream, which answers and records it, instead of an HTML page from here;
- events for another stream than the current one are dropped instead of being a crash;
- an upstream connection that served an HTTP/2 client's request is kept for the next one (stock opens one each).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import _http1 as stock
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)

from clyra_proxy.engine.client import state_of
from clyra_proxy.engine.commands import no_commands
from clyra_proxy.engine.denials import plain_response
from clyra_proxy.engine.framing import message_problem, request_problem, sound_trailers
from clyra_proxy.engine.http_events import Credit, Informational, StopReading

if TYPE_CHECKING:
    from mitmproxy.proxy.context import Context

PIPELINE_BYTES = 65536
"""Bytes of further requests that may wait while one is being served."""
SWITCHING = 101


class _ReadsTrailers(stock.Http1Connection):
    """Body reading shared by both directions."""

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """These connections never block, so they need none of `Layer.handle_event`."""
        if isinstance(event, HttpEvent):
            return self.send(event)
        if isinstance(event, events.DataReceived) and self.state != self.passthrough:
            self.buf += event.data
        elif isinstance(event, Credit):
            return no_commands()
        return self.state(event)

    def _trailers(self, headers: list[tuple[bytes, bytes]]) -> layer.CommandGenerator[None]:
        yield from ()

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Emit the body in the pieces in which it arrived, then trailers, then its end."""
        stream_id = self.stream_id
        assert stream_id is not None  # noqa: S101 - as in mitmproxy
        at_end = isinstance(event, events.ConnectionClosed)
        while True:
            try:
                part: Any = self.body_reader.read_eof() if at_end else self.body_reader(self.buf)
            except h11.ProtocolError:
                yield commands.CloseConnection(self.conn)
                yield ReceiveHttp(
                    self.ReceiveProtocolError(stream_id, "incomplete or malformed body", self.ReceiveProtocolError.code)
                )
                return
            if part is None:
                return
            if isinstance(part, h11.Data):
                if part.data:
                    yield ReceiveHttp(self.ReceiveData(stream_id, bytes(part.data)))
                continue
            if part.headers:
                yield from self._trailers(list(part.headers))
            yield from self._body_ended(stream_id)
            return

    def _body_ended(self, stream_id: int) -> layer.CommandGenerator[None]:
        assert self.request is not None  # noqa: S101 - as in mitmproxy
        if self.request.data.method.upper() != b"CONNECT":
            yield ReceiveHttp(self.ReceiveEndOfMessage(stream_id))
        is_request = isinstance(self, GuardedHttp1Server)
        yield from self.mark_done(request=is_request, response=not is_request)


class GuardedHttp1Server(_ReadsTrailers, stock.Http1Server):
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
            request = self.request = http1.read_request_head([bytes(line) for line in lines])
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


class GuardedHttp1Client(_ReadsTrailers, stock.Http1Client):
    """The upstream's side of an HTTP/1 connection."""

    @property
    def idle(self) -> bool:
        """Whether a further request may be sent on this connection."""
        return self.stream_id is None and self.conn.state is ConnectionState.OPEN

    def _trailers(self, headers: list[tuple[bytes, bytes]]) -> layer.CommandGenerator[None]:
        trailers = sound_trailers(http.Headers(headers))
        if trailers is not None and self.stream_id is not None:
            yield ReceiveHttp(ResponseTrailers(self.stream_id, trailers))

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Write a part of the request."""
        if self.stream_id is None:
            wanted = isinstance(event, RequestHeaders)
        else:
            wanted = event.stream_id == self.stream_id and not isinstance(event, RequestTrailers)
        if not wanted:
            return no_commands()
        return self._cancel() if isinstance(event, RequestProtocolError) else super().send(event)

    def _cancel(self) -> layer.CommandGenerator[None]:
        self.state = self.done
        yield commands.CloseConnection(self.conn)

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Wait for a final response head, passing informational ones on."""
        if isinstance(event, events.ConnectionClosed) or self.request is None or self.stream_id is None:
            yield from self._unexpected(event)
            return
        while (lines := self.buf.maybe_extract_lines()) is not None:
            if not lines:
                continue
            try:
                response = http1.read_response_head([bytes(line) for line in lines])
            except ValueError:
                yield from self._bad_response("malformed response head")
                return
            if 100 <= response.status_code < 200 and response.status_code != SWITCHING:
                yield ReceiveHttp(Informational(self.stream_id, response))
                continue
            yield from self._final_head(response, event)
            return
        if len(self.buf) > state_of(self.context.client).settings.head_bytes:
            yield from self._bad_response("response head too large")

    def _final_head(self, response: http.Response, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        assert self.request is not None and self.stream_id is not None  # noqa: S101, PT018 - checked by the caller
        if problem := message_problem(response):
            yield from self._bad_response(problem)
            return
        self.response = response
        size = http1.expected_http_body_size(self.request, response)
        yield ReceiveHttp(ResponseHeaders(self.stream_id, response, end_stream=size == 0))
        self.body_reader = stock.make_body_reader(size)
        self.state = self.read_body
        yield from self.read_body(event)

    def _bad_response(self, why: str) -> layer.CommandGenerator[None]:
        stream_id = self.stream_id
        self.state = self.done
        yield commands.CloseConnection(self.conn)
        if stream_id is not None:
            yield ReceiveHttp(ResponseProtocolError(stream_id, why, ErrorCode.GENERIC_SERVER_ERROR))

    def _unexpected(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """The upstream closed, or spoke without being asked: either way this connection is finished."""
        if isinstance(event, events.ConnectionClosed) and not self.conn.state & ConnectionState.CAN_WRITE:
            self.state = self.done
            if self.stream_id is not None:
                yield ReceiveHttp(
                    ResponseProtocolError(
                        self.stream_id, "upstream closed the connection", ErrorCode.GENERIC_SERVER_ERROR
                    )
                )
            return
        yield from self._bad_response("upstream closed the connection")

    def mark_done(self, *, request: bool = False, response: bool = False) -> layer.CommandGenerator[None]:
        """Become idle when both directions are through and the connection can carry another request."""
        self.request_done = self.request_done or request
        self.response_done = self.response_done or response
        if not (self.request_done and self.response_done):
            return
        assert self.request is not None and self.response is not None  # noqa: S101, PT018 - as in mitmproxy
        if stock.should_make_pipe(self.request, self.response):
            yield from self.make_pipe()
            return
        to_end = http1.expected_http_body_size(self.request, self.response) == -1
        version = "HTTP/1.1" if self.request.is_http2 else self.request.http_version
        self.request_done = self.response_done = False
        closing = (
            to_end
            or http1.connection_close(version, self.request.headers)
            or http1.connection_close(self.response.http_version, self.response.headers)
        )
        self.request = self.response = self.stream_id = None
        self.state = self.read_headers
        if closing or len(self.buf):
            self.state = self.done
            yield commands.CloseConnection(self.conn)
