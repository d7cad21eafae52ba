"""All resolved addresses pass, or nothing is dialled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.egress.addresses import INTERNAL, Reach, reach_of
from clyra_proxy.egress.dial import claims_a_name, inspect_addresses, inspect_claim
from clyra_proxy.exchange import Destination
from clyra_proxy.verdict.model import Finding
from tests.support.judging import route_under

STRICT = route_under("{extends: strict, destinations: {d: {hosts: [api.example]}}}")
PRIVATE = route_under("{extends: strict, destinations: {d: {hosts: [api.example], allow_private: true}}}")
SHADOW = route_under("{destinations: {d: {hosts: [api.example]}}}")


def refuses(found: list[Finding]) -> bool:
    """As the gate decides."""
    return any(one.stops for one in found)


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["10.0.0.1", "8.8.8.8"],
        ["8.8.8.8", "::ffff:127.0.0.1"],
        ["fe80::1"],
        ["x"],
    ],
)
def test_one_bad_address_refuses_all(addresses: list[str]) -> None:
    found = inspect_addresses(STRICT, addresses)
    assert refuses(found)
    assert [one.rule for one in found] == ["egress.private_address"]


def test_good_addresses_are_approved() -> None:
    assert inspect_addresses(STRICT, ["9.9.9.9", "8.8.8.8"]) == []


def test_shadow_only_says_so() -> None:
    found = inspect_addresses(SHADOW, ["10.0.0.1"])
    assert not refuses(found)
    assert [one.enforced for one in found] == [False]


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "::1", "100.64.0.1", "fc00::1"])
def test_allow_private_opens_internal_addresses(address: str) -> None:
    assert not refuses(inspect_addresses(PRIVATE, [address]))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "169.254.1.1", "fd00:ec2::254", "224.0.0.1", "0.0.0.0", "240.0.0.1"]
)
def test_allow_private_never_opens_the_rest(address: str) -> None:
    assert refuses(inspect_addresses(PRIVATE, [address]))


@given(st.lists(st.ip_addresses().map(str), min_size=1, max_size=5))
def test_approval_is_all_or_nothing(addresses: list[str]) -> None:
    for route, accepted in ((STRICT, {Reach.PUBLIC}), (PRIVATE, {Reach.PUBLIC, *INTERNAL})):
        fine = all(reach_of(address) in accepted for address in addresses)
        assert refuses(inspect_addresses(route, addresses)) is not fine


def test_calling_oneself_is_refused_even_in_shadow() -> None:
    found = inspect_addresses(SHADOW, ["127.0.0.1"], own_listener=True)
    assert refuses(found)
    assert found[0].rule == "egress.self_connect"


def redirected(authority: str, sni: str = "", scheme: str = "http", *, opaque: bool = False) -> Destination:
    return Destination("8.8.8.8", 80, scheme, authority, sni, transparent=True, opaque=opaque)


@pytest.mark.parametrize(
    ("destination", "claims"),
    [
        (redirected("a.example"), True),
        (redirected("8.8.8.8"), False),
        (redirected(""), False),
        (redirected("a.example", "a.example", "https"), False),
        (redirected("a.example", "a.example", "tls", opaque=True), True),
        (redirected("8.8.8.8:80", "", "tcp", opaque=True), False),
        (Destination("api.example", 80, "http", "other.example"), False),
    ],
)
def test_a_name_that_only_the_client_vouches_for_is_a_claim(destination: Destination, claims: bool) -> None:
    assert claims_a_name(destination) is claims


@pytest.mark.parametrize(
    ("destination", "named", "fine"),
    [
        (redirected("a.example"), ["8.8.8.8", "1.1.1.1"], True),
        (redirected("a.example"), ["1.1.1.1"], False),
        (redirected("a.example"), [], False),
        (redirected("9.9.9.9"), [], False),
        (redirected("a.example", "a.example", "tls", opaque=True), ["8.8.8.8"], True),
        (redirected("a.example", "a.example", "tls", opaque=True), ["1.1.1.1"], False),
    ],
)
def test_a_claimed_name_must_resolve_to_the_original_address(
    destination: Destination, named: list[str], fine: bool
) -> None:
    assert [found.rule for found in inspect_claim(destination, STRICT, named)] == (
        [] if fine else ["egress.host_mismatch"]
    )
