"""Which of the resolved addresses may be dialled: all of them, or none.

Guarantees: one bad address among good ones refuses the lot, so a name that answers differently each time cannot slip
one through; what is approved is what is dialled, literally, so there is no second resolution to rebind; cloud
metadata, link-local, multicast and reserved addresses stay refused where `allow_private` opens the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from clyra_proxy.egress.addresses import INTERNAL, Reach, reach_of
from clyra_proxy.egress.hosts import is_address
from clyra_proxy.egress.names import named_host
from clyra_proxy.exchange import Destination
from clyra_proxy.policy.route import Route
from clyra_proxy.verdict.model import Finding, Phase
from clyra_proxy.verdict.rules import RULES

_PRIVATE_ADDRESS = RULES["egress.private_address"]
_HOST_MISMATCH = RULES["egress.host_mismatch"]
_SELF_CONNECT = RULES["egress.self_connect"]


def inspect_addresses(route: Route, addresses: Sequence[str], *, own_listener: bool = False) -> list[Finding]:
    """Findings on the addresses that the destination's name resolved to: an enforced one refuses all of them.

    addresses: IP literals in resolver order. own_listener: one of them with the port is our own listening socket.
    """
    return [*_self_connect(route, own_listener), *_addresses(route, addresses)]


def claims_a_name(destination: Destination) -> bool:
    """Whether the only thing that ties a redirected connection to its name is the client's word.

    True for plain HTTP and for TLS that stays unread. TLS that is read is bound to its name by the upstream's
    certificate.
    """
    if not destination.transparent or (destination.sni and not destination.opaque):
        return False
    return named_host(destination) != destination.host


def inspect_claim(destination: Destination, route: Route, named_addresses: Iterable[str]) -> list[Finding]:
    """Findings on a claimed name: it counts only if it resolves to the address that the client really called.

    named_addresses: what the name resolves to; empty when it does not.
    """
    name = named_host(destination)
    named = {name} if is_address(name) else set(named_addresses)
    if ip_address(destination.host) in {ip_address(address) for address in named}:
        return []
    detail = {"between": f"{'TLS server name' if destination.sni else 'Host field'} and original address"}
    finding = _HOST_MISMATCH.finding(route, Phase.DIAL, detail=detail)
    return [] if finding is None else [finding]


def _self_connect(route: Route, own_listener: bool) -> list[Finding]:
    finding = _SELF_CONNECT.finding(route, Phase.DIAL) if own_listener else None
    return [] if finding is None else [finding]


def _addresses(route: Route, addresses: Sequence[str]) -> list[Finding]:
    for address in addresses:
        reach = reach_of(address)
        if reach is Reach.PUBLIC or (route.allow_private and reach in INTERNAL):
            continue
        detail = {"reach": reach.value, "address": address}
        finding = _PRIVATE_ADDRESS.finding(route, Phase.DIAL, detail=detail)
        return [] if finding is None else [finding]
    return []
