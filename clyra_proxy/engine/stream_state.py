"""What both halves of an HTTP exchange share: its states, its denial, its failures, its one end."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from http import HTTPStatus

from mitmproxy import flow as mitmproxy_flow
from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import DropStream, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)

from clyra_proxy.engine.client import state_of
from clyra_proxy.engine.commands import AwaitHook
from clyra_proxy.engine.denials import plain_denial
from clyra_proxy.engine.dispatch import failed
from clyra_proxy.engine.http_events import StopReading
from clyra_proxy.engine.mirrored import no_content
from clyra_proxy.exchange import Exchange
from clyra_proxy.stream.gate import BodyGate

FRAMING = "clyra_framing"
"""Key in `flow.metadata`: why the head of the request or response is ambiguous (reason `framing_invalid`)."""
CUT = "clyra_cut"
"""Key in `flow.metadata`: the exchange was ended by its denial, on our side."""
PACE_BYTES = 65536
"""How much of a spooled body is written between two looks at the socket."""


class Side(Enum):
    """One direction of one message.

    IDLE: nothing was sent. OPEN: its head was. DONE: complete. CUT: ended incomplete. DISCARD: read, thrown away.
    """

    IDLE = auto()
    OPEN = auto()
    DONE = auto()
    CUT = auto()
    DISCARD = auto()


class StreamState(HttpStream):
    """client_side: the request as it comes in; up: as it goes out; down: the response as it goes out."""

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self.state = state_of(context.client)
        self.exchange: Exchange | None = None
        self.request_gate: BodyGate | None = None
        self.response_gate: BodyGate | None = None
        self.client_side = Side.OPEN
        self.up = Side.IDLE
        self.down = Side.IDLE
        self.discarded = 0
        self.finished = False
        self.sent_up_ns = 0
        self.parked: deque[int] = deque()

    # -- bytes that wait -------------------------------------------------------------------------------------------

    def park(self, event: events.Event) -> None:
        """Count a body event that is about to be queued behind a pending command."""
        if isinstance(event, (RequestData, ResponseData)):
            self.parked.append(len(event.data))
            parked = self.state.parked
            parked[self.stream_id] = parked.get(self.stream_id, 0) + len(event.data)

    def unpark(self, event: events.Event) -> None:
        """A queued body event is being handled."""
        if isinstance(event, (RequestData, ResponseData)):
            self.state.parked[self.stream_id] -= self.parked.popleft()
            self.state.room_made()

    def pending(self, *kinds: type[events.Event]) -> bool:
        """Whether an event of these kinds waits behind the command that has just completed."""
        return bool(self._paused_event_queue) and any(isinstance(event, kinds) for event in self._paused_event_queue)

    # -- stopping ----------------------------------------------------------------------------------------------------

    def stopped(self) -> bool:
        """Whether an addon denied the exchange, a hook failed on it, or someone killed the flow."""
        if self.exchange is not None and self.exchange.denial is not None:
            return True
        error = self.flow.error
        return failed(self.flow) or (error is not None and error.msg == mitmproxy_flow.Error.KILLED_MESSAGE)

    def note_error(self, message: str) -> None:
        """Put a transport failure into the exchange, unless it already has one."""
        if self.exchange is not None and not self.exchange.error:
            self.exchange.error = message

    def fail(self, message: str, status: int) -> layer.CommandGenerator[None]:
        """Something other than a check ends the exchange: tell addons (they may set a denial), answer the client."""
        self.flow.error = mitmproxy_flow.Error(message)
        self.note_error(message)
        if (waiting := self.state.call("error", self.flow)) is not None:
            yield AwaitHook(waiting)
        yield from self.deny(status)

    def server_failed(self, message: str) -> layer.CommandGenerator[None]:
        """No connection, a broken one, or an unusable response."""
        yield from self.cut_up()
        if self.down is Side.DONE:
            yield from self._discard_rest()
        elif self.down is not Side.CUT:
            yield from self.fail(message, 502)

    def deny(self, status: int = 0) -> layer.CommandGenerator[None]:
        """Nothing more goes upstream; the client gets the denial, or an incomplete response if one has begun."""
        self.flow.metadata[CUT] = True
        yield from self.cut_up()
        if self.down is Side.IDLE:
            yield from self._send_denial(status or (502 if self.flow.response else 503))
        elif self.down is Side.OPEN and self._closing:
            yield from self._send_closing(self._closing)
        elif self.down is Side.OPEN:
            self.down = Side.CUT
            yield SendHttp(ResponseProtocolError(self.stream_id, "refused", ErrorCode.KILL), self.context.client)
            yield from self.finish()
            return
        yield from self._discard_rest()

    @property
    def _closing(self) -> bytes:
        """The protocol's own error event, for an answer that leaves event by event; b"" when there is none."""
        exchange = self.exchange
        return exchange.denial.closing if exchange is not None and exchange.denial and exchange.response_events else b""

    def _send_closing(self, event: bytes) -> layer.CommandGenerator[None]:
        """End a stream of events with the denial, in the words that the client's library understands as an error."""
        client = self.context.client
        yield SendHttp(ResponseData(self.stream_id, event), client)
        self.down = Side.DONE
        yield SendHttp(ResponseEndOfMessage(self.stream_id), client)

    def send_no_content(self) -> layer.CommandGenerator[None]:
        """The answer to a copy, whatever is thought of it."""
        http2 = self.flow.request.is_http2
        unread = self.client_side is not Side.DONE or FRAMING in self.flow.metadata
        response = no_content(http2=http2, close=unread or self.state.draining())
        if self.exchange is not None:
            self.exchange.own_status = response.status_code
        yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream=True), self.context.client)
        self.down = Side.DONE
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def _send_denial(self, status: int) -> layer.CommandGenerator[None]:
        if self.state.takes_copies:
            yield from self.send_no_content()
            return
        denial = self.exchange.denial if self.exchange is not None else None
        if denial is None:
            denial = plain_denial(status, self.flow.error.msg if self.flow.error else "")
            if self.exchange is not None:
                self.exchange.own_status = status
        fields = list(denial.headers)
        http2 = self.flow.request.is_http2
        unread = self.client_side is not Side.DONE or FRAMING in self.flow.metadata
        if not http2 and (unread or self.state.draining()):
            fields.append((b"connection", b"close"))
        response = http.Response.make(denial.status, denial.body, http.Headers(fields))
        response.headers = http.Headers(fields)
        response.headers["content-length"] = str(len(denial.body))
        response.http_version = "HTTP/2.0" if http2 else "HTTP/1.1"
        response.reason = "" if http2 else _phrase(denial.status)
        self.flow.response = response
        body = b"" if self.flow.request.method == "HEAD" else denial.body
        client = self.context.client
        yield SendHttp(ResponseHeaders(self.stream_id, response, end_stream=not body), client)
        if body:
            yield SendHttp(ResponseData(self.stream_id, body), client)
        self.down = Side.DONE
        yield SendHttp(ResponseEndOfMessage(self.stream_id), client)

    def _discard_rest(self) -> layer.CommandGenerator[None]:
        """The answer is out. Read the rest of the request off for a while, so that the answer arrives."""
        if self.client_side in (Side.DONE, Side.CUT):
            yield from self.finish()
        elif self.client_side is Side.OPEN:
            self.client_side = Side.DISCARD
            self.state.room_made()
            yield commands.RequestWakeup(self.state.settings.drain_s)

    def on_wakeup(self, _: events.Wakeup) -> layer.CommandGenerator[None]:
        """The client had its time to stop sending."""
        if self.client_side is Side.DISCARD:
            yield from self.cut_client()

    def cut_client(self) -> layer.CommandGenerator[None]:
        """Stop listening to a client that goes on sending what nobody wants."""
        self.client_side = Side.CUT
        yield SendHttp(StopReading(self.stream_id), self.context.client)
        yield from self.finish()

    def cut_up(self) -> layer.CommandGenerator[None]:
        """Leave what went upstream incomplete: close the HTTP/1 connection, reset the HTTP/2 stream."""
        for gate in (self.request_gate, self.response_gate):
            if gate is not None:
                gate.abort()
        self.request_gate = self.response_gate = None
        if self.up is Side.OPEN or (self.up is Side.DONE and self.down is not Side.DONE):
            yield SendHttp(RequestProtocolError(self.stream_id, "cancelled", ErrorCode.CANCEL), self.context.server)
        self.up = Side.CUT

    def finish(self) -> layer.CommandGenerator[None]:
        """The end, once."""
        if self.finished:
            return
        self.finished = True
        self.flow.live = False
        self.parked.clear()
        self.state.parked.pop(self.stream_id, None)
        self.state.streams.discard(self.stream_id)
        self.state.serving.pop(self.context.server, None)
        self.state.room_made()
        yield DropStream(self.stream_id)
        self.state.done(self.flow)
        self._let_go()

    def _let_go(self) -> None:
        """Undo the references that lead back here, so that memory is freed at once and not by the cyclic collector."""
        self.context.layers.clear()
        self.__dict__.pop("client_state", None)
        self.__dict__.pop("server_state", None)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
