"""The response half of an exchange.

The head is held while an enforcing gate has released nothing, so that a refused answer is a clean denial. After that
every chunk goes out as the gate releases it: Server-Sent Events and other long streams pass here chunk by chunk
(`on_response_data`), never collected. The one exception is an HTTP/1.0 client behind an enforcing gate and without
a Content-Length: it could not tell a cut answer from a whole one, so the answer is collected, up to
`http10_buffer_bytes`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from mitmproxy import http
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http._events import (
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)

from clyra_proxy.engine.commands import AwaitHook, AwaitRoom
from clyra_proxy.engine.framing import fit_length, has_length, message_problem, sound_trailers, strip_alternatives
from clyra_proxy.engine.http_events import Cut, Informational
from clyra_proxy.engine.http_tunnel import SWITCHING, TunnelSide
from clyra_proxy.engine.stream_state import FRAMING, PACE_BYTES, Side
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.stream.tap import tell
from clyra_proxy.verdict.model import Mode


class ResponseSide(TunnelSide):
    """See the module."""

    held: list[bytes] | None = None
    held_bytes = 0
    trailers: http.Headers | None = None

    @property
    def _answered(self) -> bool:
        return self.down in (Side.DONE, Side.CUT)

    def on_informational(self, event: Informational) -> layer.CommandGenerator[None]:
        """1xx: passed on (RFC 9110 section 15.2), but 100, which we have said ourselves when it was expected."""
        if self.down is Side.IDLE and event.response.status_code != 100:
            yield SendHttp(event, self.context.client)

    # -- the head --------------------------------------------------------------------------------------------------

    def on_response_head(self, event: ResponseHeaders) -> layer.CommandGenerator[None]:
        if self._answered:
            return
        response = self.flow.response = event.response
        if self.exchange is not None:
            self.exchange.upstream_ns = time.perf_counter_ns() - self.sent_up_ns
        problem = message_problem(response)
        if response.status_code == SWITCHING and not self.is_websocket():
            problem = "the upstream switched to a protocol that is not read here"
        if problem:
            self.flow.metadata[FRAMING] = problem
            yield from self.server_failed(problem)
            return
        if self.exchange is not None and self.exchange.tap is not None:
            tell(self.exchange, "answered", response.status_code, response.headers.fields)
        strip_alternatives(response)
        if (waiting := self.state.call("responseheaders", self.flow)) is not None:
            yield AwaitHook(waiting)
        if self.stopped():
            yield from self.deny()
            return
        gate = self.exchange.response_gate if self.exchange is not None else None
        self.response_gate = gate
        if gate is None or (gate.mode is not Mode.ENFORCE and not gate.spool):
            if response.status_code != SWITCHING:
                yield from self._send_head(end_stream=event.end_stream)
        elif self.flow.request.is_http10 and not event.end_stream and not self._plain_length(response):
            self.held = []

    @staticmethod
    def _plain_length(response: http.Response) -> bool:
        return "content-length" in response.headers

    def _send_head(self, *, end_stream: bool) -> layer.CommandGenerator[None]:
        """Send the head in the form in which this client can tell a whole body from a cut one."""
        response = self.flow.response
        assert response is not None  # noqa: S101 - set with the head
        request = self.flow.request
        if self.exchange is not None and self.exchange.response_events and not end_stream:
            response = response.copy()
            response.headers.pop("content-length", None)  # Events may be rewritten on the way, or end in our own.
        if not request.is_http2:
            response = self._for_http1(request, response, end_stream)
        yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream), self.context.client)
        self.down = Side.OPEN

    def _for_http1(self, request: http.Request, response: http.Response, end_stream: bool) -> http.Response:
        """The upstream's own object is left as it is: its connection still reads the framing off it."""
        fields: dict[str, str | None] = {}
        if request.is_http10:
            if "transfer-encoding" in response.headers:
                fields["transfer-encoding"] = None  # Delimited by the end of the connection.
        elif not end_stream and not has_length(response):
            fields["transfer-encoding"] = "chunked"
        if self.state.draining():
            fields["connection"] = "close"
        if not fields:
            return response
        changed = response.copy()
        for name, value in fields.items():
            changed.headers.pop(name, None)
            if value is not None:
                changed.headers[name] = value
        if changed.is_http10 and "transfer-encoding" in changed.headers:
            changed.http_version = "HTTP/1.1"
        return changed

    # -- the body --------------------------------------------------------------------------------------------------

    def on_response_data(self, event: ResponseData) -> layer.CommandGenerator[None]:
        if self._answered:
            return
        if self.exchange is not None and self.exchange.tap is not None:
            tell(self.exchange, "received", event.data)
        if self.response_gate is None:
            if self.exchange is not None:
                self.exchange.response_body.seen += len(event.data)
                self.exchange.response_body.released += len(event.data)
            yield SendHttp(event, self.context.client)
            return
        try:
            released = self.response_gate.feed(event.data)
        except BodyRefused:
            yield from self._refuse_response()
        except Exception as error:  # noqa: BLE001 - a fault in a gate is a declared outcome
            yield from self._response_gate_failed(error)
        else:
            if released:
                yield from self._send_down(released)
            if self.exchange is not None and self.exchange.pending:
                yield from self._wait_for_checks()

    def _wait_for_checks(self) -> layer.CommandGenerator[None]:
        """A check on a stream of events takes its time; what comes meanwhile waits, bounded, in front of us."""
        while self.exchange is not None and self.exchange.pending:
            self.exchange.pending = False
            if (waiting := self.state.call("clyra_pending", self.flow)) is not None:
                yield AwaitHook(waiting)
            if self.stopped():
                yield from self.deny(502)
                return
            if self.response_gate is None or self.pending(RequestProtocolError):
                return
            try:
                released = self.response_gate.resume()
            except BodyRefused:
                yield from self._refuse_response()
                return
            if released:
                yield from self._send_down(released)

    def _send_down(self, chunks: Iterable[bytes], *, paced: bool = False) -> layer.CommandGenerator[None]:
        since = 0
        for chunk in chunks:
            if not chunk:
                continue  # An empty chunk would end a chunked message.
            if self.held is not None:
                self.held.append(chunk)
                self.held_bytes += len(chunk)
                if self.held_bytes > self.state.settings.http10_buffer_bytes:
                    yield from self.server_failed("too large for an HTTP/1.0 client")
                    return
                continue
            if self.down is Side.IDLE:
                yield from self._send_head(end_stream=False)
            if self.down is not Side.OPEN:
                return
            yield SendHttp(ResponseData(self.stream_id, chunk), self.context.client)
            since += len(chunk)
            if paced and since >= PACE_BYTES:
                since = 0
                yield AwaitRoom(self.context.server, self.stream_id)
                if self.pending(RequestProtocolError, Cut):
                    return

    def on_response_trailers(self, event: ResponseTrailers) -> layer.CommandGenerator[None]:
        self.trailers = sound_trailers(event.trailers)
        yield from ()

    def on_response_end(self, _: ResponseEndOfMessage) -> layer.CommandGenerator[None]:
        if self._answered:
            return
        response = self.flow.response
        assert response is not None  # noqa: S101 - a head came before
        if self.exchange is not None and self.exchange.tap is not None:
            tell(self.exchange, "completed")
        tail: Iterable[bytes] = ()
        paced = False
        if self.response_gate is not None:
            paced = self.response_gate.spool
            try:
                tail = self.response_gate.finish()
            except BodyRefused:
                yield from self._refuse_response()
                return
            except Exception as error:  # noqa: BLE001 - as above
                yield from self._response_gate_failed(error)
                return
        elif self.exchange is not None:
            self.exchange.response_body.complete = True
        response.timestamp_end = time.time()
        if (waiting := self.state.call("response", self.flow)) is not None:
            yield AwaitHook(waiting)
        if self.stopped():
            yield from self.deny()
            return
        if self.exchange is not None and self.exchange.response_rewrite is not None and self.down is Side.IDLE:
            tail = self._rewritten_response(self.exchange.response_rewrite)
        if not self.pending(RequestProtocolError):
            yield from self._end_down(tail, paced)

    def _rewritten_response(self, body: bytes) -> Iterable[bytes]:
        """The body that the client gets instead of the upstream's, none of which has left; the head is made to fit."""
        assert self.flow.response is not None  # noqa: S101 - a head came before
        changed = self.flow.response.copy()
        changed.headers.pop("content-encoding", None)
        fit_length(changed.headers, len(body))
        if self.exchange is not None and self.exchange.response_status:
            changed.status_code, changed.reason = self.exchange.response_status, ""
        for name, value in self.exchange.response_fields if self.exchange is not None else ():
            changed.headers[name.decode("latin-1")] = value.decode("latin-1")
        self.flow.response = changed
        self.trailers = None  # They were about the other body.
        return (body,)

    def _end_down(self, tail: Iterable[bytes], paced: bool) -> layer.CommandGenerator[None]:
        try:
            yield from self._send_down(tail, paced=paced)
        except Exception as error:  # noqa: BLE001 - reading the spool back failed: what went down stays incomplete
            yield from self._response_gate_failed(error)
            return
        if self.pending(RequestProtocolError) or self._answered or self.stopped():
            return
        self.response_gate = None
        if self.held is not None:
            yield from self._send_held()
        websocket = self.is_websocket()
        if self.down is Side.IDLE:
            yield from self._send_head(end_stream=True)
        client = self.context.client
        if self.trailers is not None:
            yield SendHttp(ResponseTrailers(self.stream_id, self.trailers), client)
        self.down = Side.DONE
        if websocket:
            yield from self.begin_websocket()
            return
        yield SendHttp(ResponseEndOfMessage(self.stream_id), client)
        if self.up is Side.DONE:
            yield from self.finish()
        elif self.up is Side.CUT:
            yield from self._discard_rest()

    def _send_held(self) -> layer.CommandGenerator[None]:
        """A whole answer for an HTTP/1.0 client, now that its length is known."""
        response = self.flow.response
        assert response is not None and self.held is not None  # noqa: S101, PT018 - the caller has looked
        body = b"".join(self.held)
        whole = response.copy()
        whole.headers.pop("transfer-encoding", None)
        whole.headers["content-length"] = str(len(body))
        yield SendHttp(ResponseHeaders(self.stream_id, whole, end_stream=not body), self.context.client)
        self.down = Side.OPEN
        if body:
            yield SendHttp(ResponseData(self.stream_id, body), self.context.client)

    # -- refusals and failures ---------------------------------------------------------------------------------------

    def _refuse_response(self) -> layer.CommandGenerator[None]:
        if (waiting := self.state.call("clyra_refused", self.flow)) is not None:
            yield AwaitHook(waiting)
        yield from self.deny(502)

    def _response_gate_failed(self, error: Exception) -> layer.CommandGenerator[None]:
        self.state.fault(self.flow, "response body", error)
        yield from self.deny(502)

    def on_server_error(self, event: ResponseProtocolError) -> layer.CommandGenerator[None]:
        """The upstream failed. Its side is gone, so there is nothing to cancel there."""
        self.up = Side.CUT
        yield from self.server_failed(event.message)
