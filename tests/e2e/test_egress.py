"""Where requests may go, judged by the running proxy: what the client gets, what was opened, what the log says."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.asking import assert_denied, connect, only_line, ours, plain, tunnelled, wait_for_records
from tests.support.certificates import Authority, client_context
from tests.support.processes import free_port
from tests.support.proxy import RunningProxy, local_policy
from tests.support.raw import Http1Client, dial
from tests.support.upstream import Upstream

PUBLIC_NAME = "unlisted.example"
"""Never resolved in these tests: it is refused by name alone (RFC 2606)."""


def destinations(sealed: Upstream) -> dict[str, Any]:
    return {
        "local": {"hosts": ["localhost", "127.0.0.1"]},
        "closed": {"hosts": ["127.0.0.2", "::1"], "ports": "any"},
        "metadata": {
            "hosts": ["169.254.169.254", "fd00:ec2::254", "::ffff:a9fe:a9fe", "169.254.1.1"],
            "ports": "any",
            "allow_private": True,
        },
        "nowhere": {"hosts": ["nowhere.invalid"], "ports": "any"},
        "sealed": {
            "hosts": [sealed.host],
            "ports": "any",
            "allow_private": True,
            "tls": "passthrough",
        },
    }


@pytest.fixture(scope="module")
def sealed(authority: Authority) -> Iterator[Upstream]:
    """An upstream whose TLS port policy passes through unread."""
    with Upstream(authority.leaf("127.0.0.9"), host="127.0.0.9") as server:
        yield server


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, authority: Authority, sealed: Upstream) -> Iterator[RunningProxy]:
    policy = local_policy(authority, destinations=destinations(sealed))
    with RunningProxy.start(tmp_path_factory.mktemp("strict"), policy) as running:
        yield running


# -- the allow-list ------------------------------------------------------------------------------------------------


def test_an_unknown_destination_is_refused_before_a_tunnel_opens(strict: RunningProxy) -> None:
    answer = connect(strict, f"{PUBLIC_NAME}:443")
    line = assert_denied(strict, answer, "egress.destination")
    assert line["dst_endpoint"] == {"hostname": PUBLIC_NAME, "port": 443, "ip": ""}


def test_an_unknown_destination_is_refused_in_plain(strict: RunningProxy) -> None:
    line = assert_denied(strict, plain(strict, f"http://{PUBLIC_NAME}/", PUBLIC_NAME), "egress.destination")
    assert line["dst_endpoint"]["ip"] == ""


def test_balanced_marks_and_passes(tmp_path: Path, authority: Authority, upstream: Upstream) -> None:
    policy = local_policy(authority, enforcement={"egress": "balanced", "rules": {"egress.private_address": "shadow"}})
    policy["destinations"] = {}
    with RunningProxy.start(tmp_path, policy) as proxy:
        answer = plain(proxy, f"{upstream.url}/marked", f"127.0.0.1:{upstream.port}")
        assert answer.status == 200
        inside = tunnelled(proxy, "localhost", upstream.tls_port, "/marked")
        assert inside.status == 200
        lines = proxy.wait_for_verdicts(2, where=lambda line: line["http_request"]["url"]["path"] == "/marked")
    assert [line["unmapped"]["clyra"]["decision"] for line in lines] == ["mark", "mark"]
    assert {line["unmapped"]["clyra"]["rule"] for line in lines} == {"egress.destination"}


# -- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.2", "[::1]", "0x7f000002", "2130706434", "127.2", "0177.0.0.2"])
def test_loopback_by_any_spelling_is_refused_where_policy_does_not_open_it(strict: RunningProxy, host: str) -> None:
    assert_denied(strict, plain(strict, f"http://{host}/", host), "egress.private_address")


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "0xa9fea9fe", "2852039166", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "169.254.1.1"],
)
def test_metadata_and_link_local_addresses_are_refused_even_where_private_ones_are_open(
    strict: RunningProxy, host: str
) -> None:
    line = assert_denied(strict, plain(strict, f"http://{host}/latest/", host), "egress.private_address")
    assert ours(line)["findings"][0]["detail"]["reach"] in ("metadata", "link_local")


def test_an_address_is_refused_inside_a_tunnel_too(strict: RunningProxy) -> None:
    with Http1Client(dial(("169.254.169.254", 80), proxy=strict.address)) as client:
        answer = client.request("GET", "/latest/meta-data/", "169.254.169.254")
    assert_denied(strict, answer, "egress.private_address")


def test_the_proxy_does_not_call_itself(strict: RunningProxy) -> None:
    port = strict.address[1]
    policy_port = plain(strict, f"http://127.0.0.1:{port}/", f"127.0.0.1:{port}")
    assert_denied(strict, policy_port, "egress.self_connect")
    with Http1Client(dial(("localhost", port), proxy=strict.address)) as client:
        assert_denied(strict, client.request("GET", "/", f"localhost:{port}"), "egress.self_connect")


# -- one name ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sni", ["other.upstream.test", PUBLIC_NAME])
def test_a_server_name_other_than_the_tunnel_target_is_refused(
    strict: RunningProxy, upstream: Upstream, sni: str
) -> None:
    assert_denied(strict, tunnelled(strict, "localhost", upstream.tls_port, sni=sni), "egress.host_mismatch")
    assert not upstream.journal.connections


def test_a_host_field_other_than_the_tunnel_target_is_refused(strict: RunningProxy, upstream: Upstream) -> None:
    tls = strict.trust()
    with Http1Client(dial(("localhost", upstream.tls_port), proxy=strict.address, tls=tls)) as client:
        answer = client.request("GET", "/", f"a.upstream.test:{upstream.tls_port}")
    assert_denied(strict, answer, "egress.host_mismatch")
    assert not upstream.journal.connections


# -- what is not read ----------------------------------------------------------------------------------------------


def test_passthrough_is_unread_and_recorded_as_opaque(
    strict: RunningProxy, sealed: Upstream, authority: Authority
) -> None:
    """The client sees the upstream's own certificate; one verdict line and the record say `opaque`."""
    address = (sealed.host, sealed.tls_port)
    with Http1Client(dial(address, proxy=strict.address, tls=client_context(authority.certificate))) as client:
        assert client.request("GET", "/sealed", "anything.example").status == 200
    assert sealed.journal.complete("/sealed")
    line = only_line(strict, hostname=sealed.host)
    said = ours(line)
    assert (said["decision"], said["rule"]) == ("mark", "egress.opaque")
    assert said["request_coverage"] == said["response_coverage"] == "skipped:opaque"
    assert line["dst_endpoint"]["ip"] == sealed.host
    intent, outcome = wait_for_records(strict, said["verdict"], 2)
    assert intent["data"]["phase"] == "intent"
    assert intent["data"]["opaque"] is True
    assert outcome["data"]["phase"] == "outcome"


def test_passthrough_with_another_server_name_is_not_passed_through(strict: RunningProxy, sealed: Upstream) -> None:
    sealed.journal.clear()
    answer = tunnelled(strict, sealed.host, sealed.tls_port, sni="localhost")
    assert_denied(strict, answer, "egress.host_mismatch")
    assert not sealed.journal.connections


@pytest.mark.parametrize(
    "spoken",
    [b"EHLO client.example\r\n", b"SSH-2.0-client\r\n", b"\x00\x01\x02\x03binary", b"*1\r\n$4\r\nPING\r\n"],
    ids=["smtp", "ssh", "binary", "redis"],
)
def test_other_protocols_in_a_tunnel_are_denied(strict: RunningProxy, spoken: bytes) -> None:
    """A listener of our own stands in for the server: it never sees a connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        port = server.getsockname()[1]
        with Http1Client(dial(("localhost", port), proxy=strict.address)) as client:
            client.send(spoken)
            assert client.rest() == b""
        with pytest.raises(TimeoutError):
            server.accept()
    line = only_line(strict, port=port)
    assert ours(line)["rule"] == "egress.protocol"


# -- upstreams that cannot be trusted, or reached --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["expired", "another name", "unknown authority"])
@pytest.mark.parametrize("alpn", [(), ("h2", "http/1.1")], ids=["no alpn", "alpn"])
def test_a_certificate_that_does_not_verify_is_a_finding(
    strict: RunningProxy, authority: Authority, tmp_path: Path, kind: str, alpn: tuple[str, ...]
) -> None:
    leaf = {
        "expired": lambda: authority.leaf("localhost", expired=True),
        "another name": lambda: authority.leaf("other.example"),
        "unknown authority": lambda: Authority(tmp_path / "rogue").leaf("localhost"),
    }[kind]()
    with Upstream(leaf) as untrusted:
        answer = tunnelled(strict, "localhost", untrusted.tls_port, trust=strict.trust(alpn and ("http/1.1",)))
        assert_denied(strict, answer, "egress.tls_unverified", 502)
        assert not untrusted.journal.messages


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_an_upstream_that_refuses_is_a_502_with_a_verdict(strict: RunningProxy, tls: bool) -> None:
    port = free_port()
    answer = (
        tunnelled(strict, "localhost", port)
        if tls
        else plain(strict, f"http://localhost:{port}/x", f"localhost:{port}")
    )
    assert answer.status == 502
    assert answer.complete
    assert "refused" in json.loads(answer.body)["detail"]
    line = only_line(strict, port=port)
    assert "refused" in ours(line)["error"]
    assert line["http_response"]["code"] == 502


def test_a_name_that_does_not_resolve_is_a_502_with_a_verdict(strict: RunningProxy) -> None:
    answer = plain(strict, "http://nowhere.invalid/x", "nowhere.invalid")
    assert answer.status == 502
    assert "cannot resolve" in json.loads(answer.body)["detail"]
    assert only_line(strict, hostname="nowhere.invalid")


def test_a_refused_connect_leaves_the_connection_usable(strict: RunningProxy, upstream: Upstream) -> None:
    """The answer to CONNECT is an ordinary one: a client may ask for something else next."""
    with Http1Client(socket.create_connection(strict.address, 20)) as client:
        client.send(f"CONNECT {PUBLIC_NAME}:443 HTTP/1.1\r\nHost: {PUBLIC_NAME}:443\r\n\r\n".encode())
        assert client.read().status == 403
        assert client.request("GET", f"{upstream.url}/next", f"127.0.0.1:{upstream.port}").status == 200


# -- shadow: everything is said, nothing is stopped ------------------------------------------------------------------


@pytest.fixture(scope="module")
def shadow(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    policy = {"enforcement": {"mode": "shadow", "egress": "strict", "upstream_ca": str(authority.certificate)}}
    with RunningProxy.start(tmp_path_factory.mktemp("shadow"), policy) as running:
        yield running


def test_in_shadow_other_protocols_pass_and_are_recorded(shadow: RunningProxy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        port = server.getsockname()[1]
        with Http1Client(dial(("127.0.0.1", port), proxy=shadow.address)) as client:
            client.send(b"EHLO client.example\r\n")
            with server.accept()[0] as peer:
                assert peer.recv(100) == b"EHLO client.example\r\n"
                peer.sendall(b"250 hello\r\n")
            assert client.rest() == b"250 hello\r\n"
    line = only_line(shadow, port=port)
    assert (ours(line)["decision"], ours(line)["would_action"]) == ("allow", "block")
    assert {found["rule"] for found in ours(line)["findings"]} == {"egress.protocol", "egress.private_address"}
    assert wait_for_records(shadow, ours(line)["verdict"])[0]["data"]["opaque"] is True


def test_in_shadow_a_mismatch_passes_and_is_said(shadow: RunningProxy, upstream: Upstream) -> None:
    assert tunnelled(shadow, "localhost", upstream.tls_port, sni="a.upstream.test").status == 200
    line = only_line(shadow, port=upstream.tls_port)
    assert (ours(line)["decision"], ours(line)["would_action"]) == ("allow", "block")
    assert "egress.host_mismatch" in {found["rule"] for found in ours(line)["findings"]}


def test_in_shadow_too_certificates_must_verify_and_the_proxy_does_not_call_itself(
    shadow: RunningProxy, authority: Authority
) -> None:
    with Upstream(authority.leaf("other.example")) as impostor:
        answer = tunnelled(shadow, "localhost", impostor.tls_port)
        assert_denied(shadow, answer, "egress.tls_unverified", 502)
    port = shadow.address[1]
    assert_denied(shadow, plain(shadow, f"http://127.0.0.1:{port}/", f"127.0.0.1:{port}"), "egress.self_connect")
