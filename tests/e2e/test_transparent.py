"""Transparent mode in real network namespaces: clients that know of no proxy, redirected to it by the kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.asking import only_line, ours, wait_for_records
from tests.support.certificates import Authority
from tests.support.namespaces import OTHER4, POD4, SERVER4, SERVER6, Pod, missing
from tests.support.proxy import RunningProxy, local_policy
from tests.support.upstream import Upstream

pytestmark = pytest.mark.skipif(bool(why := missing()), reason=why)

COULD_NOT_CONNECT, NO_HANDSHAKE = 7, 35
"""Exit statuses of curl."""

HOSTS = f"""127.0.0.1 localhost
{SERVER4} api.upstream.test
{SERVER6} six.upstream.test
{OTHER4} other.upstream.test sealed.test
"""


@pytest.fixture(scope="module")
def pod() -> Iterator[Pod]:
    with Pod(HOSTS) as made:
        yield made


@pytest.fixture(scope="module")
def world(pod: Pod, authority: Authority) -> Iterator[dict[str, Upstream]]:
    leaf = authority.leaf("*.upstream.test", "sealed.test")
    names = {"v4": SERVER4, "v6": SERVER6, "other": OTHER4}
    servers = {
        name: pod.outside.call(lambda host=host: Upstream(leaf, host=host, port=80, tls_port=443))  # type: ignore[misc]
        for name, host in names.items()
    }
    for server in servers.values():
        server.__enter__()
    yield servers
    for server in servers.values():
        server.stop()


@pytest.fixture
def upstreams(world: dict[str, Upstream]) -> dict[str, Upstream]:
    for server in world.values():
        server.journal.clear()
    return world


def policy(authority: Authority, schema: str) -> dict[str, Any]:
    orders = {"name": "orders", "paths": ["/orders/**"], "schema": {"request": schema}}
    return local_policy(
        authority,
        listen={"mode": "transparent"},
        destinations={
            "local": {"hosts": ["127.0.0.1", "::1", "*.upstream.test"], "rules": [orders]},
            "sealed": {"hosts": ["sealed.test"], "allow_private": True, "tls": "passthrough"},
            "metadata": {"hosts": ["169.254.169.254"], "allow_private": True},
        },
    )


def start(pod: Pod, authority: Authority, folder: Path) -> RunningProxy:
    schema = folder / "orders.json"
    schema.write_text('{"type": "array", "items": {"type": "object", "required": ["id"]}}')
    return pod.inside.call(lambda: RunningProxy.start(folder, policy(authority, str(schema)), prefix=pod.with_names))


@pytest.fixture(scope="module")
def proxy(
    pod: Pod, world: dict[str, Upstream], authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    with start(pod, authority, tmp_path_factory.mktemp("transparent")) as running:
        (pod.folder / "ca.pem").write_bytes(running.home.ca_certificate.read_bytes())
        (pod.folder / "upstream.pem").write_bytes(authority.certificate.read_bytes())
        pod.redirect(running.address[1], 25, 80, 443)
        yield running


def curl(pod: Pod, *words: str, trust: str = "ca.pem") -> tuple[int, str]:
    """Status and body of the last answer."""
    done = pod.run("curl", "-sS", "-m", "20", "--cacert", pod.folder / trust, "-w", "\n%{http_code}", *words)
    body, _, status = done.stdout.rpartition("\n")
    assert done.returncode == 0, (done.stderr, done.stdout)
    return int(status), body


def denied(pod: Pod, rule: str, *words: str) -> None:
    status, body = curl(pod, *words)
    assert (status, json.loads(body)["rule"]) == (403, rule)


def lines_of(proxy: RunningProxy, count: int, host: str, path: str = "") -> list[dict[str, Any]]:
    def fits(line: dict[str, Any]) -> bool:
        return bool(line["dst_endpoint"]["hostname"] == host and line["http_request"]["url"]["path"] == path)

    found = proxy.wait_for_verdicts(count, where=fits)
    assert len(found) == count
    return found


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://api.upstream.test", "v4"),
        ("http://api.upstream.test", "v4"),
        ("https://six.upstream.test", "v6"),
        ("http://six.upstream.test", "v6"),
    ],
)
def test_a_client_without_settings_is_served_and_judged(
    pod: Pod, proxy: RunningProxy, upstreams: dict[str, Upstream], url: str, server: str
) -> None:
    path, host = f"/hello-{url.partition(':')[0]}", url.rpartition("/")[2]
    assert curl(pod, f"{url}{path}")[0] == 200
    assert upstreams[server].journal.complete(path)
    (line,) = lines_of(proxy, 1, host, path)
    assert line["dst_endpoint"]["ip"] == upstreams[server].host
    assert (ours(line)["decision"], ours(line)["route"]) == ("allow", "local")
    assert host in wait_for_records(proxy, ours(line)["verdict"])[0]["act"]["host"]


def test_the_process_behind_a_redirected_connection_is_named(
    pod: Pod, proxy: RunningProxy, upstreams: dict[str, Upstream]
) -> None:
    """The answer is slow, so that the search, which nothing waits for, has ended before the exchange does."""
    assert curl(pod, "http://api.upstream.test/slow?seconds=1")[0] == 200
    (line,) = lines_of(proxy, 1, "api.upstream.test", "/slow")
    assert (ours(line)["agent"], ours(line)["auth"]) == ("curl", "process")


def test_a_bad_body_is_refused(pod: Pod, proxy: RunningProxy, upstreams: dict[str, Upstream]) -> None:
    words = ("-H", "Content-Type: application/json", "-d", '[{"id":1,"id":2}]')
    status, body = curl(pod, *words, "https://api.upstream.test/orders/new")
    assert (status, json.loads(body)["rule"]) == (422, "json.duplicate_key")
    assert not upstreams["v4"].journal.messages


def test_a_host_field_other_than_the_server_name_is_refused(
    pod: Pod, proxy: RunningProxy, upstreams: dict[str, Upstream]
) -> None:
    denied(pod, "egress.host_mismatch", "-H", "Host: other.upstream.test", "https://api.upstream.test/fronted")
    assert not any(server.journal.messages for server in upstreams.values())


@pytest.mark.parametrize("host", ["other.upstream.test", "nowhere.upstream.test", OTHER4])
def test_a_plain_host_field_that_does_not_lead_there_is_refused(
    pod: Pod, proxy: RunningProxy, upstreams: dict[str, Upstream], host: str
) -> None:
    rule = "egress.destination" if host == OTHER4 else "egress.host_mismatch"
    denied(pod, rule, "-H", f"Host: {host}", "http://api.upstream.test/claimed")
    assert not any(server.journal.connections for server in upstreams.values())


def test_a_plain_host_field_is_judged_on_a_connection_in_use_too(
    pod: Pod, proxy: RunningProxy, upstreams: dict[str, Upstream]
) -> None:
    base, other = "http://api.upstream.test", "Host: other.upstream.test"
    each = ("-sS", "-m", "20", "-w", "\n%{http_code}")
    status, body = curl(pod, f"{base}/first", "--next", *each, "-H", other, f"{base}/second")
    assert (status, json.loads(body.partition("\n200")[2])["rule"]) == (403, "egress.host_mismatch")
    assert [message.path for message in upstreams["v4"].journal.messages] == ["/first"]


def test_metadata_is_refused(pod: Pod, proxy: RunningProxy) -> None:
    denied(pod, "egress.private_address", "http://169.254.169.254/latest/meta-data/")


def test_the_proxy_does_not_call_itself(pod: Pod, proxy: RunningProxy) -> None:
    port = proxy.address[1]
    denied(pod, "egress.self_connect", f"http://127.0.0.1:{port}/")
    denied(pod, "egress.self_connect", f"http://[::1]:{port}/")
    refused = pod.run("curl", "-sS", "-m", "5", f"http://{POD4}:{port}/")
    assert refused.returncode == COULD_NOT_CONNECT  # only loopback is bound


def test_raw_tcp_is_denied(pod: Pod, proxy: RunningProxy) -> None:
    greeting = f"exec 3<>/dev/tcp/{SERVER4}/25; printf 'EHLO client.example\\r\\n' >&3; cat <&3"
    assert pod.run("bash", "-c", greeting).stdout == ""
    assert ours(only_line(proxy, hostname=SERVER4, port=25))["rule"] == "egress.protocol"


def test_passthrough_is_bound_to_the_addresses_of_its_name(
    pod: Pod, proxy: RunningProxy, upstreams: dict[str, Upstream]
) -> None:
    """Nothing verifies the server of unread TLS but its address, so the name alone opens no other."""
    assert curl(pod, "https://sealed.test/sealed", trust="upstream.pem")[0] == 200
    assert upstreams["other"].journal.complete("/sealed")
    (line,) = lines_of(proxy, 1, "sealed.test")
    assert ours(line)["rule"] == "egress.opaque"
    assert line["dst_endpoint"]["ip"] == OTHER4

    elsewhere = ("--connect-to", f"sealed.test:443:{SERVER4}:443", "https://sealed.test/astray")
    assert pod.run("curl", "-sSk", "-m", "20", *elsewhere).returncode == NO_HANDSHAKE
    assert not upstreams["v4"].journal.connections
    rules = [ours(line)["rule"] for line in lines_of(proxy, 2, "sealed.test")]
    assert sorted(rules) == ["egress.host_mismatch", "egress.opaque"]


def test_without_the_proxy_nothing_leaves(
    pod: Pod, upstreams: dict[str, Upstream], authority: Authority, tmp_path: Path
) -> None:
    """Killed outright, the proxy leaves the redirection behind: clients are refused, nobody goes direct."""
    second = pod.outside.call(lambda: Upstream(authority.leaf("*.upstream.test"), host=SERVER4, port=8080))
    with second, start(pod, authority, tmp_path) as running:
        pod.redirect(running.address[1], 8080)
        assert curl(pod, "http://api.upstream.test:8080/alive")[0] == 200
        running.process.kill()
        refused = pod.run("curl", "-sS", "-m", "5", "http://api.upstream.test:8080/dead")
        assert refused.returncode == COULD_NOT_CONNECT
        assert [message.path for message in second.journal.messages] == ["/alive"]
