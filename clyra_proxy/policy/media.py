"""Whether a request body may have the content type it has (`schema.media`)."""

from __future__ import annotations

from clyra_proxy.exchange import Exchange, RequestHead
from clyra_proxy.policy.matching import bare_media_type
from clyra_proxy.verdict.model import Finding, Phase
from clyra_proxy.verdict.rules import RULES

_MEDIA_TYPE = RULES["body.media_type"]
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


def inspect_media(exchange: Exchange) -> list[Finding]:
    """A finding when the route lists content types and the request's is not among them; a missing one is none."""
    allowed = exchange.route.media
    if not allowed or not announces_body(exchange.request):
        return []
    media = bare_media_type(exchange.request.get("content-type") or "")
    if media in allowed or f"{media.partition('/')[0]}/*" in allowed:
        return []
    finding = _MEDIA_TYPE.finding(exchange.route, Phase.REQUEST_HEAD)
    return [] if finding is None else [finding]


def announces_body(request: RequestHead) -> bool:
    """Whether the head says that a body follows; HTTP/2 may leave the length out, so there the method decides."""
    length = request.get("content-length")
    if length is not None:
        return length.strip() != "0"
    if request.http_version.startswith("HTTP/1"):
        return request.get("transfer-encoding") is not None
    return request.method.upper() in _BODY_METHODS
