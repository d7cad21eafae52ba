"""Which protocol a connection speaks: TLS and HTTP are read, everything else is denied unless an addon allows it.

Stands in for mitmproxy's next_layer addon, whose default for an unknown protocol is to pass it through as raw TCP.
TLS passthrough stays possible: an addon sets `ignore_connection` in `tls_clienthello`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, events, layer, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ClientTLSLayer, ServerTLSLayer, TCPLayer, modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.mode_specs import ReverseMode

from clyra_proxy.engine.hooks import Protocol
from clyra_proxy.engine.http_layer import GuardedHttpLayer

METHOD_BYTES = 3
"""Bytes needed before something can be told from an HTTP method."""


class DenyLayer(layer.Layer):
    """Closes the client's connection and ignores the rest."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)


class ProtocolChoice:
    """Addon with the one hook `next_layer`. ask: fires `clyra_protocol` and returns when it is decided."""

    name = "nextlayer"

    def __init__(self, ask: Callable[[Protocol], None]) -> None:
        self._ask = ask

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Choose, unless another addon already did or more bytes are needed."""
        if nextlayer.layer is None:
            nextlayer.layer = self._choose(nextlayer.context, nextlayer.data_client())

    def _choose(self, context: Context, data: bytes) -> layer.Layer | None:
        stack = context.layers
        if len(stack) == 1 and isinstance(stack[0], modes.HttpProxy):
            return self._explicit(context, data)
        if len(stack) == 1 and isinstance(stack[0], modes.ReverseProxy):
            return self._reverse(context, data)
        if starts_like_tls_record(data):
            server_tls = ServerTLSLayer(context)
            server_tls.child_layer = ClientTLSLayer(context)
            return server_tls
        if context.client.alpn in (b"h2", b"http/1.1", b"http/1.0"):
            return GuardedHttpLayer(context, HTTPMode.transparent)
        if len(data) < METHOD_BYTES and (not data or data.isalpha()):
            return None
        if looks_like_http(data):
            return GuardedHttpLayer(context, HTTPMode.transparent)
        return self._other(context)

    def _explicit(self, context: Context, data: bytes) -> layer.Layer | None:
        if not data:
            return None
        stack = tunnel.LayerStack()
        if starts_like_tls_record(data):
            stack /= ClientTLSLayer(context)
        stack /= GuardedHttpLayer(context, HTTPMode.regular)
        return stack[0]

    def _reverse(self, context: Context, data: bytes) -> layer.Layer | None:
        if not data:
            return None
        stack = tunnel.LayerStack()
        if cast(ReverseMode, context.client.proxy_mode).scheme == "https":
            stack /= ServerTLSLayer(context)
        if starts_like_tls_record(data):
            stack /= ClientTLSLayer(context)
        stack /= GuardedHttpLayer(context, HTTPMode.transparent)
        return stack[0]

    def _other(self, context: Context) -> layer.Layer:
        address = context.server.address
        kind = "dns" if address and address[1] in (53, 5353) else "tcp"
        question = Protocol(context.client, context.server, kind)
        self._ask(question)
        return TCPLayer(context, ignore=True) if question.allow else DenyLayer(context)


def looks_like_http(data: bytes) -> bool:
    """Whether the bytes can begin an HTTP/1 request: a method of letters, then a space, and `HTTP/` before the line
    ends (RFC 9112 section 3). Other protocols of lines, such as SMTP, have no version there."""
    line, newline, _ = data.partition(b"\n")
    method, space, rest = line.partition(b" ")
    if not newline:
        return method.isalpha() and not data.startswith(b"SSH")
    return method.isalpha() and bool(space) and rest.rpartition(b" ")[2].startswith(b"HTTP/")
