"""Recognising an API on a request head, at the cost of one look-up for heads alike.

Most requests of a client are alike in all that `recognise` reads: method, path, host and a few header fields. Those are
the key; everything else in a head cannot change the answer (a test holds `recognise` to that).
"""

from __future__ import annotations

from functools import lru_cache

from clyra_proxy.exchange import Destination, RequestHead
from clyra_proxy.genai.protocols.reading import Reading
from clyra_proxy.genai.protocols.recognise import recognise
from clyra_proxy.verdict.protocol import is_mcp_endpoint

TELLING = frozenset(
    {
        b"accept",
        b"content-type",
        b"upgrade",
        b"sec-websocket-protocol",
        b"anthropic-version",
        b"openai-beta",
        b"x-goog-api-key",
        b"mcp-session-id",
        b"mcp-protocol-version",
        b"a2a-version",
        b"a2a-extensions",
        b"x-a2a-extensions",
    }
)
"""The header fields that `recognise` reads."""
_PRESENCE = frozenset({b"mcp-session-id", b"openai-beta", b"x-goog-api-key"})
"""Of these only whether they are there counts; their values differ from session to session, or are keys. Of a content
type its parameters do not: each form has a boundary of its own."""
_LENGTHS = frozenset(map(len, TELLING))
LONGEST = 1024
"""Characters of paths and fields above which nothing is remembered."""

type _Tell = tuple[tuple[bytes, bytes], ...]


def recognised(request: RequestHead, destination: Destination, declared: str) -> Reading | None:
    """As `recognise`."""
    tell = []
    size = len(request.path)
    for name, value in request.fields:
        if len(name) in _LENGTHS and (lower := name.lower()) in TELLING:
            value = b"" if lower in _PRESENCE else value.partition(b";")[0] if lower == b"content-type" else value
            tell.append((lower, value))
            size += len(value)
    if size > LONGEST or is_mcp_endpoint(request):  # the one case in which the query says something
        return recognise(request, destination, declared)
    where = (destination.host, destination.port, destination.scheme, destination.authority, destination.sni)
    path = request.path.partition("?")[0]
    return _recognised(request.method, path, tuple(tell), where, destination.transparent, declared)


@lru_cache(maxsize=4096)
def _recognised(
    method: str, path: str, tell: _Tell, where: tuple[str, int, str, str, str], transparent: bool, declared: str
) -> Reading | None:
    host, port, scheme, authority, sni = where
    destination = Destination(host, port, scheme, authority, sni, transparent=transparent)
    return recognise(RequestHead(tell, method, path, ""), destination, declared)
