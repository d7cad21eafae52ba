"""The one host an exchange is about, and whether everybody in it means that host.

Guarantee: when `disagreement` is empty, the tunnel target or original address, the TLS server name and every
Host/:authority field name the same host and port. The engine verifies the upstream's certificate against that name,
so the certificate agrees too; domain fronting (a misdirected request, RFC 9110 section 7.4) ends here.
"""

from __future__ import annotations

from functools import lru_cache

from clyra_proxy.egress.hosts import InvalidHostError, normalise_host, split_authority
from clyra_proxy.exchange import Destination, RequestHead

_authority = lru_cache(maxsize=4096)(split_authority)


def named_host(destination: Destination) -> str:
    """The host that policy is asked about, as sent.

    A redirected connection knows only an address: its name is the TLS server name, or for plain HTTP the Host field,
    which `clyra_proxy.egress.dial` binds to the address.
    """
    if not destination.transparent:
        return destination.host
    if destination.sni:
        return destination.sni
    if destination.scheme == "http" and destination.authority:
        try:
            return _authority(destination.authority)[0]
        except InvalidHostError:
            return destination.authority
    return destination.host


def disagreement(destination: Destination, request: RequestHead) -> str:
    """Which two things name different hosts, in a few words without the names; "" when all agree."""
    try:
        host = normalise_host(named_host(destination))
    except InvalidHostError:
        return "the destination is not a host name"
    if destination.sni and not _same(destination.sni, host):
        return "tunnel target and TLS server name"
    claims = [destination.authority] if destination.authority else []
    claims.extend(claim for claim in request.get_all("host") if claim not in claims)
    for claim in claims:
        try:
            name, port = _authority(claim)
        except InvalidHostError:
            return "the Host field is not a host name"
        if name != host:
            return "TLS server name and Host field" if destination.sni else "destination and Host field"
        if port is not None and port != destination.port:
            return "destination port and Host field"
    return ""


def _same(name: str, host: str) -> bool:
    try:
        return normalise_host(name) == host
    except InvalidHostError:
        return False
