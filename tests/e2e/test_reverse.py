"""Reverse mode: clients use the proxy's address as the base URL of one upstream."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.support.asking import assert_denied, line_of, ours, wait_for_records
from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy
from tests.support.raw import Answer, Http1Client
from tests.support.raw_http2 import Http2Client
from tests.support.upstream import Upstream

BOTH = pytest.mark.parametrize("tls", [False, True], ids=["http client", "https client"])


@pytest.fixture(scope="module", params=["http", "https"])
def reverse(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    shared_upstream: Upstream,
) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp(f"reverse-{request.param}")
    schema = folder / "list.json"
    schema.write_text('{"type": "array", "items": {"type": "object", "required": ["id"]}}')
    port = shared_upstream.port if request.param == "http" else shared_upstream.tls_port
    rule = {"name": "orders", "paths": ["/orders/**"], "schema": {"request": str(schema)}}
    policy = local_policy(
        authority,
        listen={"mode": "reverse", "upstream": f"{request.param}://localhost:{port}"},
        destinations={"local": {"rules": [rule]}},
    )
    with RunningProxy.start(folder, policy) as running:
        yield running


def opened(proxy: RunningProxy, tls: bool, name: str = "gateway.example", alpn: tuple[str, ...] = ()) -> socket.socket:
    """A connection as a client of the gateway makes it: its server name is the gateway's."""
    connection = socket.create_connection(proxy.address, 20)
    return proxy.trust(alpn).wrap_socket(connection, server_hostname=name) if tls else connection


def ask(proxy: RunningProxy, tls: bool, method: str, path: str, body: bytes = b"", headers: str = "") -> Answer:
    with Http1Client(opened(proxy, tls)) as client:
        return client.request(method, path, "gateway.example", body, headers)


def upstream_name(proxy: RunningProxy) -> str:
    """`localhost:PORT`, as the policy says it."""
    return proxy.policy.read_text().split("upstream: ")[1].split("\n")[0].rpartition("/")[2]


@BOTH
def test_requests_reach_the_upstream_under_its_own_name(reverse: RunningProxy, upstream: Upstream, tls: bool) -> None:
    """The client's server name and Host mean us; they are no mismatch."""
    path = f"/served-{tls}"
    assert ask(reverse, tls, "GET", path).status == 200
    (message,) = upstream.journal.complete(path)
    assert message.header("host") == upstream_name(reverse)
    (line,) = reverse.wait_for_verdicts(1, where=lambda line: line["http_request"]["url"]["path"] == path)
    assert ours(line)["findings"] == []
    assert f"{line['dst_endpoint']['hostname']}:{line['dst_endpoint']['port']}" == upstream_name(reverse)
    assert wait_for_records(reverse, ours(line)["verdict"])
    encrypted = upstream.journal.connections[message.connection]
    assert encrypted.sni == ("localhost" if encrypted.tls else "")


@BOTH
def test_bodies_are_judged(reverse: RunningProxy, upstream: Upstream, tls: bool) -> None:
    media = "Content-Type: application/json\r\n"
    assert ask(reverse, tls, "POST", "/orders/1", b'[{"id":1}]', media).status == 200
    answer = ask(reverse, tls, "POST", "/orders/2", b'[{"no":1}]', media)
    assert answer.status == 422
    assert json.loads(answer.body)["rule"] == "schema.violation"
    assert ours(line_of(reverse, answer))["route"] == "local/orders"
    assert not upstream.journal.requests("/orders/2")


def test_http2_clients_are_served(reverse: RunningProxy, upstream: Upstream) -> None:
    with Http2Client(opened(reverse, True, alpn=("h2",))) as client:
        answers = [client.request("GET", f"/many/{number}", "gateway.example") for number in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert {message.authority or message.header("host") for message in upstream.journal.messages} == {
        upstream_name(reverse)
    }


def test_a_client_cannot_choose_another_upstream(reverse: RunningProxy, upstream: Upstream) -> None:
    """Absolute form and CONNECT are words for a proxy, which this is not to its clients."""
    with Http1Client(opened(reverse, False)) as client:
        client.send(b"GET http://unlisted.example/astray HTTP/1.1\r\nHost: unlisted.example\r\n\r\n")
        client.read()
    with Http1Client(opened(reverse, False)) as client:
        client.send(b"CONNECT unlisted.example:443 HTTP/1.1\r\nHost: unlisted.example:443\r\n\r\n")
        assert client.read().status in (400, 403)
    for message in upstream.journal.messages:
        assert (message.authority or message.header("host")) == upstream_name(reverse)


def test_an_upstream_of_another_name_is_refused(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> None:
    with Upstream(authority.leaf("other.example")) as impostor:
        policy = local_policy(
            authority, listen={"mode": "reverse", "upstream": f"https://localhost:{impostor.tls_port}"}
        )
        with RunningProxy.start(tmp_path_factory.mktemp("impostor"), policy) as proxy:
            assert_denied(proxy, ask(proxy, False, "GET", "/x"), "egress.tls_unverified", 502)
        assert not impostor.journal.messages


def test_clients_that_do_not_trust_the_authority_get_nothing(reverse: RunningProxy) -> None:
    with socket.create_connection(reverse.address, 20) as connection, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(connection, server_hostname="gateway.example")
