"""Tunnel target, server name and Host field must name one host."""

from __future__ import annotations

import pytest

from clyra_proxy.egress.head import inspect_head, inspect_protocol, inspect_target
from clyra_proxy.egress.names import disagreement, named_host
from clyra_proxy.exchange import Destination, RequestHead
from clyra_proxy.verdict.model import Action, Phase
from tests.support.judging import compiled, exchange_to, route_under


def head(*hosts: str) -> RequestHead:
    return RequestHead(tuple((b"host", host.encode("latin-1")) for host in hosts), "POST", "/", "HTTP/1.1")


def target(
    host: str, sni: str = "", authority: str = "", port: int = 443, scheme: str = "https", **more: bool
) -> Destination:
    return Destination(host, port, scheme, authority, sni, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("destination", "hosts"),
    [
        (target("a.example", "a.example", "a.example"), ["a.example"]),
        (target("a.example", "A.EXAMPLE.", "a.example:443"), ["A.example."]),
        (target("a.example", "", "a.example"), []),
        (target("a.example", "", ""), []),
        (target("bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example"), []),
        (target("127.0.0.1", "", "127.1:443"), []),
        (target("::1", "", "[::1]:443"), []),
        (target("198.51.100.7", "a.example", "a.example", transparent=True), ["a.example"]),
        (target("198.51.100.7", "", "a.example", 80, "http", transparent=True), ["a.example:80"]),
        (target("198.51.100.7", "", "198.51.100.7", transparent=True), []),
    ],
)
def test_all_agree(destination: Destination, hosts: list[str]) -> None:
    assert disagreement(destination, head(*hosts)) == ""


@pytest.mark.parametrize(
    ("destination", "hosts", "between"),
    [
        (target("a.example", "b.example", "a.example"), [], "tunnel target and TLS server name"),
        (target("a.example", "a.example", "b.example"), [], "TLS server name and Host field"),
        (target("a.example", "", "b.example"), [], "destination and Host field"),
        (target("a.example", "", "a.example"), ["b.example"], "destination and Host field"),
        (target("a.example", "", "a.example"), ["a.example", "b.example"], "destination and Host field"),
        (target("a.example", "", "a.example:8443"), [], "destination port and Host field"),
        (target("a.example", "", "a example"), [], "the Host field is not a host name"),
        (target("a.example", "", "a.example@b.example"), [], "the Host field is not a host name"),
        (target("a example"), [], "the destination is not a host name"),
        (target("a.example", "a_b..c", ""), [], "tunnel target and TLS server name"),
        (target("198.51.100.7", "a.example", "b.example", transparent=True), [], "TLS server name and Host field"),
        (target("198.51.100.7", "", "b.example", transparent=True), [], "destination and Host field"),
    ],
)
def test_fronting_is_named(destination: Destination, hosts: list[str], between: str) -> None:
    assert disagreement(destination, head(*hosts)) == between


def test_a_redirected_connection_is_named_by_its_server_name_then_by_its_host_field() -> None:
    assert named_host(target("198.51.100.7", "a.example", "b.example", transparent=True)) == "a.example"
    assert named_host(target("198.51.100.7", "", "b.example:80", 80, "http", transparent=True)) == "b.example"
    assert named_host(target("198.51.100.7", "", "[::1]:80", 80, "http", transparent=True)) == "::1"
    assert named_host(target("198.51.100.7", "", "b.example", transparent=True)) == "198.51.100.7"


KNOWN = "{destinations: {d: {hosts: [api.example]}}, enforcement: {mode: enforce, egress: %s}}"


@pytest.mark.parametrize(("egress", "action"), [("strict", Action.BLOCK), ("balanced", Action.MARK)])
def test_an_unknown_destination_is_marked_or_blocked(egress: str, action: Action) -> None:
    policy = compiled(KNOWN % egress)
    assert inspect_head(exchange_to(policy.match("api.example", 443, "GET", "/"))) == []
    other = target("other.example", "other.example", "other.example")
    (found,) = inspect_head(exchange_to(policy.match("other.example", 443, "GET", "/"), other))
    assert (found.rule, found.action, found.enforced) == ("egress.destination", action, True)


def test_passthrough_is_opaque_by_policy_and_denied_otherwise() -> None:
    allowed = route_under("{extends: strict, destinations: {d: {hosts: [api.example], tls: passthrough}}}")
    opaque = target("api.example", opaque=True)
    (found,) = inspect_target(opaque, allowed, Phase.CONNECT)
    assert (found.rule, found.action) == ("egress.opaque", Action.MARK)
    intercepted = route_under(KNOWN % "strict")
    (found,) = inspect_target(opaque, intercepted, Phase.CONNECT)
    assert (found.rule, found.action) == ("egress.protocol", Action.BLOCK)
    (found,) = inspect_protocol(intercepted, "tcp")
    assert (found.rule, found.detail["protocol"]) == ("egress.protocol", "tcp")


def test_findings_follow_the_mode_of_their_rule() -> None:
    fronted = target("api.example", "api.example", "other.example")
    shadow = route_under("{destinations: {d: {hosts: [api.example]}}}")
    (found,) = inspect_head(exchange_to(shadow, fronted))
    assert (found.rule, found.enforced) == ("egress.host_mismatch", False)
    off = route_under("{destinations: {d: {hosts: [api.example], modes: {egress: off}}}}")
    assert inspect_head(exchange_to(off, fronted)) == []
