"""mitmproxy's HTTP layer with our streams and connections, and without its leftovers.

Upstream connections that are closed are forgotten (stock keeps every one until the client leaves, which for an
HTTP/2 client of an HTTP/1 upstream is one per request), and a failed dial is not remembered: the next request asks
again. An idle HTTP/1 upstream connection is used again, also for HTTP/2 clients. Data for a connection that is gone
is dropped instead of being a crash.
"""

from __future__ import annotations

from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.proxy import commands, events, layer, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpLayer,
    HTTPMode,
    HttpStream,
    RegisterHttpConnection,
    SendHttp,
)
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestHeaders

from clyra_proxy.engine.commands import no_commands
from clyra_proxy.engine.http1_client import GuardedHttp1Client
from clyra_proxy.engine.http1_server import GuardedHttp1Server
from clyra_proxy.engine.http2 import GuardedHttp2Client, GuardedHttp2Server
from clyra_proxy.engine.http_events import Credit, Cut, Farewell
from clyra_proxy.engine.http_stream import GuardedHttpStream
from clyra_proxy.engine.upstream_tls import UpstreamTls


class UpstreamHttp(layer.Layer):
    """Opens the upstream connection, then speaks the HTTP version that its TLS handshake agreed on."""

    speaker: GuardedHttp1Client | GuardedHttp2Client | None = None

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        err: str | None = None
        if not self.context.server.connected:
            err = yield commands.OpenConnection(self.context.server)
        if not err:
            http2 = self.context.server.alpn == b"h2"
            self.speaker = GuardedHttp2Client(self.context) if http2 else GuardedHttp1Client(self.context)
            self._handle_event = self.speaker.handle_event  # type: ignore[method-assign]
            yield from self.speaker.handle_event(event)
        yield RegisterHttpConnection(self.context.server, err)


class GuardedHttpLayer(HttpLayer):
    """See the module."""

    def __init__(self, context: Context, mode: HTTPMode) -> None:
        super().__init__(context, mode)
        self._speakers: dict[Connection, UpstreamHttp] = {}

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """This layer never blocks (its children do, by themselves), so it needs none of `Layer.handle_event`."""
        if isinstance(event, (events.DataReceived, events.ConnectionClosed)):
            handler = self.connections.get(event.connection)
            if handler is None:
                return no_commands()
            if isinstance(event, events.DataReceived):
                return self.event_to_child(handler, event)
        return self._handle_event(event)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            http2 = self.context.client.alpn == b"h2"
            server = GuardedHttp2Server if http2 else GuardedHttp1Server
            speaker = server(self.context.fork())
            self.connections[self.context.client] = speaker
            yield from self.event_to_child(speaker, event)
        elif isinstance(event, Credit):
            for child in (*self.connections.values(), *self.streams.values()):
                yield from self.event_to_child(child, event)
        elif isinstance(event, (Farewell, Cut)):
            yield from self._pass_down(event)
        elif isinstance(event, events.CommandCompleted):
            if event.command in self.command_sources:
                yield from self.event_to_child(self.command_sources.pop(event.command), event)
        elif isinstance(event, events.ConnectionEvent):
            handler = self.connections.get(event.connection)
            if handler is not None:
                yield from self.event_to_child(handler, event)
                if isinstance(event, events.ConnectionClosed):
                    self._forget(event.connection)
        else:
            yield from super()._handle_event(event)

    def _pass_down(self, event: Farewell | Cut) -> layer.CommandGenerator[None]:
        """To every stream, what tunnels and upgraded connections carry included; a farewell also to HTTP/2 clients."""
        speaker = self.connections.get(self.context.client)
        if isinstance(event, Farewell) and isinstance(speaker, GuardedHttp2Server):
            yield from self.event_to_child(speaker, event)
        for stream in list(self.streams.values()):
            yield from self.event_to_child(stream, event)

    def _forget(self, connection: Connection) -> None:
        waiting = connection in self.waiting_for_establishment
        if connection is not self.context.client and connection.state is ConnectionState.CLOSED and not waiting:
            self.connections.pop(connection, None)
            self._speakers.pop(connection, None)

    def event_to_child(self, child: layer.Layer | HttpStream, event: events.Event) -> layer.CommandGenerator[None]:
        """Run a child and route what it says: HTTP events between streams and connections, the rest outwards."""
        for command in child.handle_event(event):
            kind = type(command)
            if kind is commands.SendData:
                yield command
                continue
            if kind is ReceiveHttp:
                inner = command.event  # type: ignore[attr-defined]
                if type(inner) is RequestHeaders:
                    yield from self.make_stream(inner.stream_id)
                stream = self.streams.get(inner.stream_id)
                if stream is not None:
                    yield from self.event_to_child(stream, inner)
                continue
            if kind is SendHttp:
                connection = self.connections.get(command.connection)  # type: ignore[attr-defined]
                if connection is not None:
                    yield from self.event_to_child(connection, command.event)  # type: ignore[attr-defined]
                continue
            if command.blocking or isinstance(command, commands.RequestWakeup):
                self.command_sources[command] = child
            if isinstance(command, DropStream):
                self.streams.pop(command.stream_id, None)
            elif isinstance(command, GetHttpConnection):
                yield from self.get_connection(command)
            elif isinstance(command, RegisterHttpConnection):
                yield from self.register_connection(command)
            else:
                if isinstance(command, commands.OpenConnection):
                    self.connections[command.connection] = child
                yield command

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        """A stream of ours for a new request. It has nothing to do before that comes, so it is not told to start."""
        stream = self.streams[stream_id] = GuardedHttpStream(self.context.fork(), stream_id)
        stream.mode = self.mode
        yield from ()

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> layer.CommandGenerator[None]:
        """Answer with a connection that can carry the request, or open one."""
        if reuse:
            for connection, speaker in list(self._speakers.items()):
                if not event.connection_spec_matches(connection):
                    continue
                if connection in self.waiting_for_establishment:
                    self.waiting_for_establishment[connection].append(event)
                    return
                if _usable(connection, speaker):
                    yield from self._answer(event, connection, None)
                    return
        context = self.context.fork()
        context.server = Server(address=event.address, transport_protocol=event.transport_protocol)
        stack = tunnel.LayerStack()
        if event.tls:
            context.server.sni = self._server_name(event)
            stack /= UpstreamTls(context)
        upstream = UpstreamHttp(context)
        stack /= upstream
        self.connections[context.server] = stack[0]
        self._speakers[context.server] = upstream
        self.waiting_for_establishment[context.server].append(event)
        yield from self.event_to_child(stack[0], events.Start())

    def _server_name(self, event: GetHttpConnection) -> str:
        """When redirected to an address, the name the client asked for in its handshake; else the name it gave us."""
        if self.mode is HTTPMode.transparent and event.address == self.context.server.address:
            return self.context.server.sni or self.context.client.sni or event.address[0]
        return event.address[0]

    def register_connection(self, command: RegisterHttpConnection) -> layer.CommandGenerator[None]:
        """A connection is there, or is not: tell those who wait. HTTP/1 carries one, the others open their own."""
        waiting = self.waiting_for_establishment.pop(command.connection)
        if command.err:
            self.connections.pop(command.connection, None)
            self._speakers.pop(command.connection, None)
        for position, event in enumerate(waiting):
            if position and not command.err and command.connection.alpn != b"h2":
                yield from self.get_connection(event, reuse=False)
            else:
                yield from self._answer(event, command.connection, command.err)

    def _answer(
        self, event: GetHttpConnection, connection: Connection, err: str | None
    ) -> layer.CommandGenerator[None]:
        stream = self.command_sources.pop(event)
        reply: tuple[None, str] | tuple[Connection, None] = (None, err) if err else (connection, None)
        yield from self.event_to_child(stream, GetHttpConnectionCompleted(event, reply))


def _usable(connection: Connection, upstream: UpstreamHttp) -> bool:
    speaker = upstream.speaker
    if not connection.connected or speaker is None:
        return False
    return speaker.idle if isinstance(speaker, GuardedHttp1Client) else speaker._handle_event != speaker.done
