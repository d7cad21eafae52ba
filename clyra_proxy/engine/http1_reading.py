"""HTTP/1 connections: mitmproxy's parsers with their gaps closed; what both directions share.

Trailers are read (stock raises NotImplementedError), and events reach the parser without a detour, because these
connections never block.
"""

from __future__ import annotations

from typing import Any

import h11
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import _http1 as stock
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp

from clyra_proxy.engine.commands import no_commands
from clyra_proxy.engine.http_events import Credit


class Http1Reading(stock.Http1Connection):
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
        is_request = isinstance(self, stock.Http1Server)
        yield from self.mark_done(request=is_request, response=not is_request)
