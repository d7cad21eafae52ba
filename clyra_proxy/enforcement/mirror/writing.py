"""Whether a request may write: what does not surely read counts as a write, and is not mirrored to real systems.

Guarantees, in this order: policy's own word for the path (`writes` before `reads`); a method that is told to be another
one (`X-HTTP-Method-Override` and its like) is none that reads, nor is one whose parameters name a change (a mutation of
GraphQL, `?action=delete`); what the destination's profile says of the endpoint; then the method (GET, HEAD, OPTIONS
read). GraphQL, JSON-RPC and SQL come by POST and so are writes unless policy or a profile says otherwise. Pure.
"""

from __future__ import annotations

from clyra_proxy.activation.profiles.catalogue import Catalogue
from clyra_proxy.approvals.bodies import operations_in
from clyra_proxy.enforcement.mirror.choosing import Paths
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.compiler import READ_METHODS
from clyra_proxy.policy.mirroring import MirrorTarget
from clyra_proxy.policy.paths import normalise_path

_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
_OVERRIDING_PARAMETER = "_method="
_ASKING = frozenset({"search"})
"""Last words of paths of known destinations that a POST only reads with."""


class Writing:
    """Compiled for one target. catalogue: the destinations that are known."""

    def __init__(self, settings: MirrorTarget, catalogue: Catalogue) -> None:
        self._reads = Paths(settings.reads, empty=False)
        self._writes = Paths(settings.writes, empty=False)
        self._catalogue = catalogue

    def may_write(self, exchange: Exchange) -> bool:
        request = exchange.request
        path = normalise_path(request.path)
        if self._writes.match(path):
            return True
        if self._reads.match(path):
            return False
        if any(request.get(name) is not None for name in _OVERRIDES):
            return True
        if _OVERRIDING_PARAMETER in request.path.partition("?")[2].lower() or operations_in(request, b""):
            return True
        said = self._profile_says(exchange, path)
        return request.method not in READ_METHODS if said is None else said

    def _profile_says(self, exchange: Exchange, path: str) -> bool | None:
        """What is known of the endpoint; None when nothing is."""
        profile = self._catalogue.recognise(exchange.request, exchange.destination, exchange.route.activation)
        if profile is None:
            return None
        endpoint = profile.endpoint(exchange.request, exchange.destination)
        if endpoint is not None:
            return endpoint.writes or endpoint.amends
        asks = exchange.request.method == "POST" and path.rpartition("/")[2].lower() in _ASKING
        return False if asks else None
