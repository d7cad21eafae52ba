"""A request head before it goes anywhere: where it wants to go, and what its sender waits for."""

from __future__ import annotations

from mitmproxy import http
from mitmproxy.net.http import url
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http import HTTPMode, SendHttp
from mitmproxy.proxy.mode_specs import ReverseMode

from clyra_proxy.engine.http_events import Informational
from clyra_proxy.engine.http_response import ResponseSide
from clyra_proxy.engine.mirrored import find_original, is_anybodys


class RequestHead(ResponseSide):
    """The part of the stream that reads request heads."""

    def find_destination(self, request: http.Request) -> str:
        """Fill in where the request goes, as the mode says. Returns what is wrong, or ""."""
        server = self.context.server
        if self.mode is HTTPMode.transparent:
            assert server.address is not None  # noqa: S101 - known before any request in this mode
            request.data.host, request.data.port = server.address[:2]
            request.data.scheme = b"https" if server.tls else b"http"
        elif not request.data.host:
            try:
                host, port = url.parse_authority(request.host_header or "", check=True)
            except ValueError:
                return "no destination"
            request.data.host = host
            request.data.port = port or (443 if self.context.client.tls else 80)
            request.data.scheme = b"https" if self.context.client.tls else b"http"
        if self.mode is HTTPMode.regular and not request.is_http2:
            request.data.authority = b""  # Origin-form: not every server takes absolute-form.
        if self.state.takes_copies and is_anybodys(request):
            return find_original(request)
        reverse = isinstance(self.context.client.proxy_mode, ReverseMode)
        if reverse and not self.context.options.keep_host_header and server.address:
            scheme = "https" if server.tls else "http"
            request.host_header = url.hostport(scheme, server.address[0], server.address[1])
        return ""

    def answer_expectation(self, request: http.Request) -> layer.CommandGenerator[None]:
        """The body is wanted, by us: say so ourselves, and expect nothing of the upstream (RFC 9110 section 10.1.1)."""
        if request.headers.get("expect", "").lower() == "100-continue":
            request.headers.pop("expect")
            go_on = http.Response.make(100)
            go_on.headers.clear()
            yield SendHttp(Informational(self.stream_id, go_on), self.context.client)
