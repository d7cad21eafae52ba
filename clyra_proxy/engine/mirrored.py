"""Copies of requests that another proxy sends us (`listen.mode: mirror`): answered at once, judged after, sent nowhere.

Guarantees: whoever sends a copy gets 204 as soon as the request is whole, whatever it is and whatever is thought of it,
so that nothing here slows the real request down; no upstream is ever called; every rule that may be in shadow is.
What nginx (`mirror`), Envoy (`request_mirror_policies`), HAProxy and Istio send is understood: Envoy and Istio add
`-shadow` to the host.
"""

from __future__ import annotations

from dataclasses import replace

from mitmproxy import http
from mitmproxy.net.http import url

from clyra_proxy.policy.route import Atomic, EvidenceClass, PerRoute, Route
from clyra_proxy.verdict.model import Mode

ANY_UPSTREAM = "https://copies.invalid"
"""Stands for the origin when every copy says in `Host` whose it is (RFC 6761: the name never resolves)."""
_ANY_HOST = "copies.invalid"
_SUFFIX = "-shadow"
NO_CONTENT = 204


def is_anybodys(request: http.Request) -> bool:
    """Whether the policy leaves it to each copy to say whose it is."""
    return request.data.host == _ANY_HOST


def find_original(request: http.Request) -> str:
    """Put the host that the real request asked for into the request. Returns what is wrong, or ""."""
    try:
        host, port = url.parse_authority(request.host_header or "", check=False)
        host = without_suffix(host)
        host, port = url.parse_authority(url.hostport("https", host, port or 443), check=True)
    except ValueError:
        return "no destination"
    scheme = "http" if port == 80 else "https"
    request.data.host, request.data.port, request.data.scheme = host, port or 443, scheme.encode()
    request.host_header = url.hostport(scheme, host, request.data.port)
    return ""


def without_suffix(host: str) -> str:
    """The host whose copy is sent to `host`."""
    return host.removesuffix(_SUFFIX)


def no_content(*, http2: bool, close: bool) -> http.Response:
    """What every copy is answered."""
    fields = [(b"connection", b"close")] if close and not http2 else []
    response = http.Response.make(NO_CONTENT, b"", http.Headers(fields))
    response.headers = http.Headers(fields)
    response.http_version = "HTTP/2.0" if http2 else "HTTP/1.1"
    response.reason = "" if http2 else "No Content"
    return response


def _observed(route: Route) -> Route:
    modes = {name: Mode.SHADOW if mode is Mode.ENFORCE else mode for name, mode in route.modes.items()}
    default = Mode.SHADOW if route.default_mode is Mode.ENFORCE else route.default_mode
    return replace(route, modes=modes, default_mode=default, atomic=Atomic.STREAM, evidence=EvidenceClass.QUEUED)


observed = PerRoute(_observed).of
"""The route as copies are judged by it: nothing is enforced, nothing is kept back, no evidence is waited for."""
