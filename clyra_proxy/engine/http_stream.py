"""One HTTP exchange between a client and an upstream, with a gate in each direction.

Guarantees (h1 and h2 alike, whole bodies and streams alike; nothing is ever buffered whole by accident):
- nothing goes upstream, not even a connection, before the first byte was released by the request gate (or the request
  has ended without one) and `clyra_release` has returned;
- only released bytes leave; when a gate refuses, the message it guards stays provably incomplete: the connection is
  closed short of Content-Length or without the last chunk, or the stream is reset (RST_STREAM CANCEL);
- the client gets `exchange.denial` whenever nothing of a response was sent yet, at once, without its request body
  being awaited: at most `drain_bytes` of it are read off, so that the answer is not lost to a connection reset;
- a response head is held until its first released byte, so a refused answer is a clean denial;
- every exchange ends in exactly one `clyra_done`.

The state of each direction is one of a few words (`Side`). The request body is here, its head in `http_request_head`,
the response in `http_response`, CONNECT and upgrades in `http_tunnel`; all are one class, because they share the
exchange, its denial and its end (`stream_state`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from mitmproxy import flow as mitmproxy_flow
from mitmproxy import http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import GetHttpConnection, HTTPMode, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)

from clyra_proxy.engine.commands import AwaitHook, AwaitRoom
from clyra_proxy.engine.dispatch import is_denied
from clyra_proxy.engine.framing import fit_length, has_length, request_problem, strip_h2c
from clyra_proxy.engine.http_events import Cut, Informational
from clyra_proxy.engine.http_request_head import RequestHead
from clyra_proxy.engine.stream_state import FRAMING, PACE_BYTES, Side
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.stream.tap import tell


class GuardedHttpStream(RequestHead):
    """Replaces mitmproxy's HttpStream. See the module."""

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Handle at once; or, while a hook or a dial is pending, count the body bytes that must wait for it.

        The first branch is what `Layer.handle_event` does, without its detours: this runs ten times per exchange.
        """
        if self._paused is None and self.child_layer is None:
            handler = _HANDLERS.get(type(event))
            if handler is None or self.finished:
                return
            generator = handler(self, event)
            for command in generator:
                if command.blocking is True:
                    command.blocking = self
                    self._paused = layer.Paused(command, generator)
                    yield command
                    return
                yield command
            return
        if self._paused is not None:
            self.park(event)
            if isinstance(event, Cut):
                self._stop_waiting()
        yield from super().handle_event(event)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self.parked:
            self.unpark(event)
        handler = _HANDLERS.get(type(event))
        if handler is not None and not self.finished:
            yield from handler(self, event)

    def _stop_waiting(self) -> None:
        """The exchange was denied while a hook is pending (a person is being asked, say): the answer is known."""
        waiting = self._paused.command if self._paused is not None else None
        if isinstance(waiting, AwaitHook) and is_denied(self.flow):  # `self.exchange` may not be known yet
            waiting.task.cancel()

    def _on_cut(self, _: Cut) -> layer.CommandGenerator[None]:
        if self.stopped():
            yield from self.deny()

    # -- the request head ------------------------------------------------------------------------------------------

    def _on_request_head(self, event: RequestHeaders) -> layer.CommandGenerator[None]:
        flow = self.flow = http.HTTPFlow(self.context.client, self.context.server)
        request = flow.request = event.request
        flow.live = True
        problem = request_problem(request)
        if request.data.method.upper() == b"CONNECT":
            if not problem and self.mode is HTTPMode.regular and not request.is_http2:
                yield from self.handle_connect()
                return
            problem = "CONNECT is not offered here"
        problem = problem or self.find_destination(request)
        if event.end_stream:
            self.client_side = Side.DONE
        if problem:
            flow.metadata[FRAMING] = problem
            self.client_side = Side.DONE  # Where its body ends cannot be told: nothing of it is read.
        strip_h2c(request)
        self.state.streams.add(self.stream_id)
        self.state.begun(flow)
        if (waiting := self.state.call("requestheaders", self.flow)) is not None:
            yield AwaitHook(waiting)
        self.exchange = flow.metadata.get("clyra")
        if problem:
            yield from self.fail(problem, 400)
        elif self.stopped():
            yield from self.deny()
        else:
            if self.exchange is not None:
                self.request_gate = self.exchange.request_gate
            yield from self.answer_expectation(request)

    # -- the request body ------------------------------------------------------------------------------------------

    def _on_request_data(self, event: RequestData) -> layer.CommandGenerator[None]:
        data = event.data
        if self.client_side is Side.DISCARD:
            self.discarded += len(data)
            if self.discarded > self.state.settings.drain_bytes:
                yield from self.cut_client()
            return
        if self.request_gate is None:
            if self.exchange is not None:
                self.exchange.request_body.seen += len(data)
                self.exchange.request_body.released += len(data)
            yield from self._send_up((data,))
            return
        try:
            released = self.request_gate.feed(data)
        except BodyRefused:
            yield from self._refuse()
        except Exception as error:  # noqa: BLE001 - a fault in a gate is a declared outcome
            yield from self._gate_failed(error)
        else:
            if released:
                yield from self._send_up(released)

    def _on_request_end(self, event: RequestEndOfMessage) -> layer.CommandGenerator[None]:
        if self.client_side is Side.DISCARD:
            yield from self.finish()
            return
        tail: Iterable[bytes] = ()
        if self.request_gate is not None:
            try:
                tail = self.request_gate.finish()
            except BodyRefused:
                self.client_side = Side.DONE
                yield from self._refuse()
                return
            except Exception as error:  # noqa: BLE001 - as above
                self.client_side = Side.DONE
                yield from self._gate_failed(error)
                return
        elif self.exchange is not None:
            self.exchange.request_body.complete = True
        self.client_side = Side.DONE
        self.flow.request.timestamp_end = time.time()
        if self.state.takes_copies:
            yield from self._take_copy()
            return
        for name in ("request", "clyra_approve"):
            if (waiting := self.state.call(name, self.flow)) is not None:
                yield AwaitHook(waiting)
            if self.stopped():
                yield from self.deny()
                return
        if self.exchange is not None and self.exchange.request_rewrite is not None and self.up is Side.IDLE:
            tail = self._rewritten(self.exchange.request_rewrite)
        yield from self._end_up(tail)

    def _take_copy(self) -> layer.CommandGenerator[None]:
        """A copy is whole: answered first, judged after, sent nowhere."""
        yield from self.send_no_content()
        self.request_gate = None
        if self.exchange is not None:
            self.exchange.request_body.released = 0
        if (waiting := self.state.call("request", self.flow)) is not None:
            yield AwaitHook(waiting)
        self.up = Side.CUT
        yield from self.finish()

    def _rewritten(self, body: bytes) -> Iterable[bytes]:
        """The body that goes upstream instead of what came, none of which has left; the head is made to fit it."""
        headers = self.flow.request.headers
        headers.pop("content-encoding", None)
        fit_length(headers, len(body))
        return (body,)

    def _end_up(self, tail: Iterable[bytes]) -> layer.CommandGenerator[None]:
        """Send what was held back and end the message upstream."""
        spooled = self.request_gate is not None and self.request_gate.spool
        if self.up is Side.IDLE and not spooled and not tail and not (yield from self._start_up(end_stream=True)):
            return
        try:
            sent = yield from self._send_up(tail, paced=spooled)
            if sent and self.up is Side.IDLE:  # A spool that turned out empty.
                sent = yield from self._start_up(end_stream=True)
        except Exception as error:  # noqa: BLE001 - reading the spool back failed: what went up stays incomplete
            yield from self._gate_failed(error)
            return
        if not sent or self.up is not Side.OPEN:
            return
        self.request_gate = None
        yield SendHttp(RequestEndOfMessage(self.stream_id), self.context.server)
        self.up = Side.DONE
        if self.exchange is not None and self.exchange.tap is not None:
            tell(self.exchange, "ended")
        if self.down is Side.DONE:
            yield from self.finish()

    def _send_up(self, chunks: Iterable[bytes], *, paced: bool = False) -> layer.CommandGenerator[bool]:
        """Send released bytes, opening the way for the first. False when the way is closed."""
        since = 0
        for chunk in () if self.state.takes_copies else chunks:
            if not chunk:
                continue  # An empty chunk would end a chunked message.
            if self.up is Side.IDLE and not (yield from self._start_up(end_stream=False)):
                return False
            if self.up is not Side.OPEN:
                return False
            yield SendHttp(RequestData(self.stream_id, chunk), self.context.server)
            if self.exchange is not None and self.exchange.tap is not None:
                tell(self.exchange, "sent", chunk)
            since += len(chunk)
            if paced and since >= PACE_BYTES:
                since = 0
                yield AwaitRoom(self.context.client, self.stream_id)
                if self.pending(RequestProtocolError, ResponseProtocolError, Cut):
                    return False
        return True

    def _start_up(self, *, end_stream: bool) -> layer.CommandGenerator[bool]:
        """Ask for release, connect, send the request head. False when the exchange has ended instead."""
        flow = self.flow
        if (waiting := self.state.call("clyra_release", self.flow)) is not None:
            yield AwaitHook(waiting)
        if self.stopped():
            yield from self.deny()
            return False
        if self.pending(RequestProtocolError):
            self.up = Side.CUT  # The client is gone; what it had still sent must not start anything again.
            return False
        self.state.dialling.append(flow)
        connection, err = yield GetHttpConnection(
            (flow.request.host, flow.request.port), flow.request.scheme == "https", None, "tcp"
        )
        self.state.dialling.remove(flow)
        if self.stopped():
            yield from self.deny()
            return False
        if err:
            yield from self.server_failed(err)
            return False
        self.context.server = flow.server_conn = connection
        if self.pending(RequestProtocolError):
            self.up = Side.CUT  # The client is gone; what it had still sent must not start anything again.
            return False
        self.state.serving[connection] = self.stream_id
        if self.exchange is not None and connection.peername:
            self.exchange.destination.address = connection.peername[0]
        request = flow.request
        if request.is_http2 and connection.alpn != b"h2" and not end_stream and not has_length(request):
            request.headers["transfer-encoding"] = "chunked"  # Else HTTP/1.1 could not tell where the body ends.
        self.sent_up_ns = time.perf_counter_ns()
        yield SendHttp(RequestHeaders(self.stream_id, request, end_stream), connection)
        self.up = Side.OPEN
        if self.exchange is not None and self.exchange.tap is not None:
            tell(self.exchange, "began", request.path, request.headers.fields)
        return True

    # -- refusals and failures ---------------------------------------------------------------------------------------

    def _refuse(self) -> layer.CommandGenerator[None]:
        if (waiting := self.state.call("clyra_refused", self.flow)) is not None:
            yield AwaitHook(waiting)
        yield from self.deny()

    def _gate_failed(self, error: Exception) -> layer.CommandGenerator[None]:
        self.state.fault(self.flow, "request body", error)
        yield from self.deny()

    def _on_client_error(self, event: RequestProtocolError) -> layer.CommandGenerator[None]:
        """The client went away, reset its stream or broke its own framing."""
        self.client_side = Side.CUT
        if self.down not in (Side.DONE, Side.CUT):
            self.flow.error = mitmproxy_flow.Error(event.message)
            self.note_error(event.message)
            yield from self.cut_up()
            if (waiting := self.state.call("error", self.flow)) is not None:
                yield AwaitHook(waiting)
            self.down = Side.CUT
            yield SendHttp(ResponseProtocolError(self.stream_id, "client error", ErrorCode.CANCEL), self.context.client)
        else:
            yield from self.cut_up()
        yield from self.finish()


_HANDLERS: dict[type[events.Event], Callable[[GuardedHttpStream, Any], layer.CommandGenerator[None]]] = {
    RequestHeaders: GuardedHttpStream._on_request_head,
    RequestData: GuardedHttpStream._on_request_data,
    RequestEndOfMessage: GuardedHttpStream._on_request_end,
    RequestProtocolError: GuardedHttpStream._on_client_error,
    Informational: GuardedHttpStream.on_informational,
    Cut: GuardedHttpStream._on_cut,
    ResponseHeaders: GuardedHttpStream.on_response_head,
    ResponseData: GuardedHttpStream.on_response_data,
    ResponseTrailers: GuardedHttpStream.on_response_trailers,
    ResponseEndOfMessage: GuardedHttpStream.on_response_end,
    ResponseProtocolError: GuardedHttpStream.on_server_error,
    events.Wakeup: GuardedHttpStream.on_wakeup,
}
"""Everything else is ignored. A request's trailers are dropped: no check has seen them (RFC 9110 section 6.5.1)."""
