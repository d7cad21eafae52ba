"""The upstream's side of an HTTP/1 connection.

What differs from stock, and why: 1xx responses are passed on and the final one awaited (stock takes the first 1xx for
the final response); a head larger than `head_bytes`, and one whose framing is ambiguous, ends the connection; trailers
are passed on where the client's message can carry them; a connection that served an HTTP/2 client's request is kept
for the next one (stock opens one each).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from h11._readers import Http10Reader
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
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)

from clyra_proxy.engine.client import state_of
from clyra_proxy.engine.commands import no_commands
from clyra_proxy.engine.framing import message_problem, sound_lines, sound_trailers
from clyra_proxy.engine.http_events import Informational

if TYPE_CHECKING:
    pass
from clyra_proxy.engine.http1_reading import Http1Reading

SWITCHING = 101


class GuardedHttp1Client(Http1Reading, stock.Http1Client):
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
                response = http1.read_response_head(sound_lines(lines))
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
        to_end = isinstance(self.body_reader, Http10Reader)  # as was told from this very head when it came
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
