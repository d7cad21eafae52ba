"""Every address that a request from outside has no business with is known by its range, whatever it is wrapped in."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.egress.addresses import INTERNAL, Reach, reach_of

METADATA = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"]


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("172.32.0.1", Reach.PUBLIC),
        ("2606:4700:4700::1111", Reach.PUBLIC),
        ("64:ff9b::808:808", Reach.PUBLIC),
        ("10.0.0.1", Reach.PRIVATE),
        ("172.16.0.1", Reach.PRIVATE),
        ("172.31.255.255", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("fc00::1", Reach.PRIVATE),
        ("127.0.0.1", Reach.LOOPBACK),
        ("127.255.255.254", Reach.LOOPBACK),
        ("::1", Reach.LOOPBACK),
        ("100.64.0.1", Reach.SHARED),
        ("169.254.1.1", Reach.LINK_LOCAL),
        ("fe80::1", Reach.LINK_LOCAL),
        ("fe80::1%eth0", Reach.LINK_LOCAL),
        ("224.0.0.1", Reach.MULTICAST),
        ("ff02::1", Reach.MULTICAST),
        ("0.0.0.0", Reach.RESERVED),
        ("::", Reach.RESERVED),
        ("255.255.255.255", Reach.RESERVED),
        ("240.0.0.1", Reach.RESERVED),
        ("192.0.2.1", Reach.RESERVED),
        ("198.18.0.1", Reach.RESERVED),
        ("2001:db8::1", Reach.RESERVED),
        ("fec0::1", Reach.RESERVED),
        ("64:ff9b:1::808:808", Reach.RESERVED),
        ("not an address", Reach.RESERVED),
        ("", Reach.RESERVED),
        *((address, Reach.METADATA) for address in METADATA),
    ],
)
def test_ranges(address: str, reach: Reach) -> None:
    assert reach_of(address) is reach


def wrapped(inner: IPv4Address) -> list[IPv6Address]:
    number = int(inner)
    return [
        IPv6Address(number),  # compatible
        IPv6Address(0xFFFF << 32 | number),  # mapped
        IPv6Address(0xFFFF << 48 | number),  # translated
        IPv6Address(0x0064FF9B << 96 | number),  # NAT64
        IPv6Address(0x2002 << 112 | number << 80),  # 6to4
        IPv6Address(0x20010000 << 96 | number << 64),  # Teredo server
        IPv6Address(0x20010000 << 96 | 0x08080808 << 64 | (number ^ 0xFFFFFFFF)),  # Teredo client
        IPv6Address(0x26064700 << 96 | 0x5EFE << 32 | number),  # ISATAP
    ]


BAD = ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "169.254.7.7", "100.64.1.1", "0.0.0.0", "224.1.1.1"]


@pytest.mark.parametrize("inner", BAD)
def test_no_ipv6_wrapping_hides_an_ipv4_address(inner: str) -> None:
    for outer in wrapped(IPv4Address(inner)):
        if outer.is_loopback or outer.is_unspecified:
            continue
        assert reach_of(str(outer)) is reach_of(inner), outer


@given(st.ip_addresses())
def test_nothing_that_is_not_global_counts_as_public(address: IPv4Address | IPv6Address) -> None:
    if reach_of(str(address)) is Reach.PUBLIC and isinstance(address, IPv4Address):
        assert address.is_global
        assert not address.is_multicast
    if isinstance(address, IPv4Address) and not address.is_global:
        assert all(reach_of(str(outer)) is not Reach.PUBLIC for outer in wrapped(address))


@given(st.ip_addresses(v=4))
def test_ordinary_wrappings_of_public_addresses_stay_usable(address: IPv4Address) -> None:
    if reach_of(str(address)) is Reach.PUBLIC:
        assert reach_of(f"::ffff:{address}") is Reach.PUBLIC
        assert reach_of(str(IPv6Address(0x0064FF9B << 96 | int(address)))) is Reach.PUBLIC


def test_metadata_is_never_internal() -> None:
    assert Reach.METADATA not in INTERNAL
    assert Reach.LINK_LOCAL not in INTERNAL
    assert all(ip_address(address) for address in METADATA)
