"""What an IP address is for: public, or one of the ranges that a request from outside has no business with.

Guarantees: only addresses that the IANA special-purpose registries call globally reachable count as public; an
IPv6 address that carries an IPv4 address (mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP) is judged by
both; cloud metadata services are named apart, because no setting ever opens them. RFC 6890, RFC 6052, RFC 8215,
RFC 3056, RFC 4380, RFC 5214.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


class Reach(StrEnum):
    """What an address reaches."""

    PUBLIC = "public"
    LOOPBACK = "loopback"
    PRIVATE = "private"  # RFC 1918, RFC 4193
    SHARED = "shared"  # carrier-grade NAT, RFC 6598
    LINK_LOCAL = "link_local"
    MULTICAST = "multicast"
    METADATA = "metadata"  # instance credentials of a cloud
    RESERVED = "reserved"  # everything else that is not globally reachable, and what is not an address


INTERNAL = frozenset({Reach.LOOPBACK, Reach.PRIVATE, Reach.SHARED})
"""What `allow_private` opens. The rest stays closed for every destination."""

_METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, GCP, DigitalOcean, OpenStack, Oracle
        "169.254.170.2",  # AWS task credentials
        "169.254.170.23",  # AWS pod identity
        "169.254.169.123",  # AWS time service
        "169.254.0.23",  # Tencent
        "168.63.129.16",  # Azure WireServer, in public space
        "100.100.100.200",  # Alibaba, in shared space
        "192.0.0.192",  # Oracle, first generation
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS pod identity
        "fd20:ce::254",  # GCP
        "fd00:42::42",  # Scaleway
    )
)
_SHARED = IPv4Network("100.64.0.0/10")
_PRIVATE = (IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
_UNIQUE_LOCAL = IPv6Network("fc00::/7")
_SITE_LOCAL = IPv6Network("fec0::/10")
_LOW_96 = (
    IPv6Network("::/96"),  # IPv4-compatible, RFC 4291 section 2.5.5.1
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated, RFC 7915
    IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
)
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


@lru_cache(maxsize=8192)
def reach_of(text: str) -> Reach:
    """What the address reaches; the worst of itself and of any IPv4 address it carries."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return Reach.RESERVED
    return _reach_of_ipv4(address) if isinstance(address, IPv4Address) else _reach_of_ipv6(address)


def carried_ipv4(address: IPv6Address) -> Iterator[IPv4Address]:
    """IPv4 addresses that a gateway may take out of an IPv6 address."""
    number = int(address)
    if any(address in network for network in _LOW_96):
        yield IPv4Address(number & 0xFFFFFFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if (number >> 32) & 0xFFFFFFFF in _ISATAP:
        yield IPv4Address(number & 0xFFFFFFFF)


def _reach_of_ipv4(address: IPv4Address) -> Reach:
    if address in _METADATA:
        return Reach.METADATA
    if address.is_loopback:
        return Reach.LOOPBACK
    if any(address in network for network in _PRIVATE):
        return Reach.PRIVATE
    if address in _SHARED:
        return Reach.SHARED
    return _common(address)


def _reach_of_ipv6(address: IPv6Address) -> Reach:
    if address in _METADATA:
        return Reach.METADATA
    if address.is_loopback:
        return Reach.LOOPBACK
    if address in _UNIQUE_LOCAL:
        return Reach.PRIVATE
    for carried in carried_ipv4(address):
        inner = _reach_of_ipv4(carried)
        if inner is not Reach.PUBLIC:
            return inner
    if address in _LOCAL_NAT64 or address in _SITE_LOCAL:
        return Reach.RESERVED
    if any(address in network for network in _LOW_96[1:]):
        return Reach.PUBLIC  # judged by the address it carries, which is public
    return _common(address)


def _common(address: IPv4Address | IPv6Address) -> Reach:
    if address.is_link_local:
        return Reach.LINK_LOCAL
    if address.is_multicast:
        return Reach.MULTICAST
    return Reach.PUBLIC if address.is_global and not address.is_reserved else Reach.RESERVED
