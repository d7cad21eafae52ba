"""Who is calling, established by the running proxy from credentials, certificates, processes and the environment."""

from __future__ import annotations

import socket
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.identity.proxy_auth import new_token
from tests.support.asking import assert_denied, connect, ours, plain, tunnelled, wait_for_records
from tests.support.certificates import Authority, Leaf
from tests.support.processes import run
from tests.support.proxy import CLYRA, RunningProxy, local_policy
from tests.support.raw import SocketEnded, dial
from tests.support.upstream import Upstream

TOKEN, TOKEN_HASH = new_token()
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def basic(user: str, token: str) -> str:
    return f"Proxy-Authorization: Basic {b64encode(f'{user}:{token}'.encode()).decode()}\r\n"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Issues certificates to clients."""
    return Authority(tmp_path_factory.mktemp("clients"), "Clients")


@pytest.fixture(scope="module")
def asking(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, clients: Authority
) -> Iterator[RunningProxy]:
    """A proxy that wants to know."""
    identity = {
        "required": True,
        "agents": {"billing-sync": {"token": TOKEN_HASH, "tenant": "acme"}},
        "client_ca": str(clients.certificate),
    }
    with RunningProxy.start(tmp_path_factory.mktemp("asking"), local_policy(authority, identity=identity)) as running:
        yield running


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    """A proxy that serves whoever comes, and stands beside a pod."""
    pod = {
        "CLYRA_POD_NAME": "sync-7d9f",
        "CLYRA_POD_NAMESPACE": "data",
        "CLYRA_POD_LABELS": 'app.kubernetes.io/name="sync",clyra.dev/tenant="acme"',
    }
    policy = local_policy(authority, identity={"process": False})
    with RunningProxy.start(tmp_path_factory.mktemp("pod"), policy, env=pod) as running:
        yield running


def line_at(proxy: RunningProxy, path: str) -> dict[str, Any]:
    found = proxy.wait_for_verdicts(1, where=lambda line: line["http_request"]["url"]["path"] == path)
    assert len(found) == 1
    return ours(found[0])


# -- credentials ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_good_credentials_name_agent_run_and_tenant(asking: RunningProxy, upstream: Upstream, tls: bool) -> None:
    path, shown = f"/known-{tls}", basic("billing-sync+run-42", TOKEN)
    if tls:
        answer = tunnelled(asking, "localhost", upstream.tls_port, path, proxy_headers=shown)
    else:
        answer = plain(asking, f"{upstream.url}{path}", f"127.0.0.1:{upstream.port}", shown)
    assert answer.status == 200
    said = line_at(asking, path)
    assert (said["agent"], said["run"], said["tenant"], said["auth"]) == ("billing-sync", "run-42", "acme", "proxy")
    (message,) = upstream.journal.complete(path)
    assert not [name for name, _ in message.fields if name.lower().startswith(b"proxy-")]
    assert TOKEN not in repr(message.fields)
    record = wait_for_records(asking, said["verdict"])[0]
    assert record["agent"] == {"uid": "billing-sync", "auth": "proxy", "instance_uid": "run-42", "tenant": "acme"}


@pytest.mark.parametrize(
    ("shown", "rule"),
    [
        ("", "identity.required"),
        (basic("billing-sync", "wrong"), "identity.rejected"),
        (basic("nobody", TOKEN), "identity.rejected"),
        ("Proxy-Authorization: Bearer x\r\n", "identity.rejected"),
        ("Proxy-Authorization: Basic !!!\r\n", "identity.rejected"),
    ],
    ids=["none", "wrong token", "unknown agent", "another scheme", "malformed"],
)
def test_others_are_asked_to_authenticate(asking: RunningProxy, upstream: Upstream, shown: str, rule: str) -> None:
    for answer in (
        connect(asking, f"localhost:{upstream.tls_port}", shown),
        plain(asking, f"{upstream.url}/closed", f"127.0.0.1:{upstream.port}", shown),
    ):
        assert_denied(asking, answer, rule, 407)
        assert (answer.header("Proxy-Authenticate") or "").startswith('Basic realm="clyra"')
    assert not upstream.journal.connections


def test_credentials_inside_the_tunnel_do_not_count(asking: RunningProxy, upstream: Upstream) -> None:
    with pytest.raises(SocketEnded, match="407"):
        dial(("localhost", upstream.tls_port), proxy=asking.address)
    answer = tunnelled(
        asking,
        "localhost",
        upstream.tls_port,
        "/inside",
        proxy_headers=basic("billing-sync", TOKEN),
        headers=basic("somebody-else", "x"),
    )
    assert answer.status == 200
    assert line_at(asking, "/inside")["agent"] == "billing-sync"
    assert not [name for name, _ in upstream.journal.messages[-1].fields if name.lower() == b"proxy-authorization"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_curl_tries_again_when_asked(asking: RunningProxy, upstream: Upstream, scheme: str) -> None:
    """With --proxy-anyauth curl shows nothing until a 407 tells it what to show."""
    base = upstream.url if scheme == "http" else upstream.tls_url
    words = ["curl", "-sS", "-w", "%{http_code}", "-o", "/dev/null", "--proxy-anyauth"]
    words += ["-x", asking.url, "-U", f"billing-sync+again:{TOKEN}", "--cacert", str(asking.home.ca_certificate)]
    done = run([*words, f"{base}/again-{scheme}"], check=True)
    assert done.stdout == "200"
    path = f"/again-{scheme}"
    (message,) = upstream.journal.complete(path)
    lines = asking.wait_for_verdicts(
        1, where=lambda line: line["http_request"]["url"]["path"] == path and line["http_response"]["code"] == 200
    )
    assert [ours(line)["run"] for line in lines] == ["again"]
    assert message.header("proxy-authorization") is None


def test_a_listener_for_other_machines_must_ask(tmp_path: Path, authority: Authority) -> None:
    policy = tmp_path / "policy.yaml"
    words = [*CLYRA, "proxy", "--home", str(tmp_path / "home"), "--policy", str(policy), "--port", "0"]
    policy.write_text("version: 1\n")
    refused = run([*words, "--host", "0.0.0.0"])
    assert refused.returncode != 0
    assert "identity.required" in refused.stderr
    policy.write_text("version: 1\nlisten: {host: 0.0.0.0}\n")
    refused = run(words)
    assert refused.returncode != 0
    assert "identity.required" in refused.stderr


# -- certificates ----------------------------------------------------------------------------------------------------


def curl_with(proxy: RunningProxy, leaf: Leaf, url: str, *more: str) -> tuple[str, str]:
    """HTTP status and status of the CONNECT, of a request through TLS to the proxy with a client certificate."""
    trust = str(proxy.home.ca_certificate)
    words = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{http_connect}", "--cacert", trust]
    words += ["-x", f"https://localhost:{proxy.address[1]}", "--proxy-cacert", trust]
    words += ["--proxy-cert", str(leaf.certificate), "--proxy-key", str(leaf.key), *more, url]
    status, connected = run(words).stdout.split()
    return status, connected


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_certificate_names_its_subject(
    asking: RunningProxy, upstream: Upstream, clients: Authority, scheme: str
) -> None:
    base = upstream.url if scheme == "http" else upstream.tls_url
    leaf = clients.leaf("agent-seven.example", client=True)
    assert curl_with(asking, leaf, f"{base}/shown-{scheme}")[0] == "200"
    said = line_at(asking, f"/shown-{scheme}")
    assert (said["agent"], said["auth"]) == ("agent-seven.example", "mtls")


@pytest.mark.parametrize("kind", ["another authority", "expired", "a server's"])
def test_a_client_certificate_that_does_not_verify_is_refused(
    asking: RunningProxy, upstream: Upstream, clients: Authority, tmp_path: Path, kind: str
) -> None:
    leaf = {
        "another authority": lambda: Authority(tmp_path / "rogue", "Clients").leaf("agent-seven.example", client=True),
        "expired": lambda: clients.leaf("agent-seven.example", client=True, expired=True),
        "a server's": lambda: clients.leaf("agent-seven.example"),
    }[kind]()
    assert curl_with(asking, leaf, f"{upstream.tls_url}/x") == ("000", "407")
    good = ("--proxy-user", f"billing-sync:{TOKEN}")
    assert curl_with(asking, leaf, f"{upstream.tls_url}/x", *good) == ("000", "407")  # nor beside good credentials
    assert not upstream.journal.connections


def test_a_certificate_meant_for_the_upstream_is_not_taken_for_ours(
    asking: RunningProxy, upstream: Upstream, clients: Authority, tmp_path: Path
) -> None:
    """A client may hold one for its upstream; shown inside the tunnel, it neither helps nor hurts."""
    trust = asking.trust()
    leaf = Authority(tmp_path / "elsewhere").leaf("workload.example", client=True)
    trust.load_cert_chain(leaf.certificate, leaf.key)
    shown = basic("billing-sync", TOKEN)
    answer = tunnelled(asking, "localhost", upstream.tls_port, "/mutual", trust=trust, proxy_headers=shown)
    assert answer.status == 200
    assert line_at(asking, "/mutual")["auth"] == "proxy"


def test_tls_to_the_proxy_names_the_proxy_and_not_the_destination(proxy: RunningProxy, upstream: Upstream) -> None:
    """The outer server name (localhost) is another than the destination's (127.0.0.1): no mismatch."""
    outer = proxy.trust().wrap_socket(socket.create_connection(proxy.address, 20), server_hostname="localhost")
    with outer:
        host = f"127.0.0.1:{upstream.port}"
        outer.sendall(f"GET http://{host}/outer HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert outer.recv(12) == b"HTTP/1.1 200"
    assert line_at(proxy, "/outer")["findings"] == []


# -- without the client's help -----------------------------------------------------------------------------------------

SCRIPT = """
import sys, urllib.request
proxy = urllib.request.ProxyHandler({"http": sys.argv[1]})
print(urllib.request.build_opener(proxy).open(sys.argv[2], timeout=20).status)
"""


def test_the_process_behind_a_loopback_connection_is_named(proxy: RunningProxy, upstream: Upstream) -> None:
    """The answer is slow, so that the search, which nothing waits for, has ended before the exchange does."""
    done = run([sys.executable, "-c", SCRIPT, proxy.url, f"{upstream.url}/slow?seconds=1"], check=True)
    assert done.stdout.strip() == "200"
    said = line_at(proxy, "/slow")
    assert said["auth"] == "process"
    assert said["agent"].startswith("python")


def test_the_pod_is_named_by_the_environment(open_house: RunningProxy, upstream: Upstream) -> None:
    assert plain(open_house, f"{upstream.url}/pod", f"127.0.0.1:{upstream.port}").status == 200
    said = line_at(open_house, "/pod")
    assert (said["agent"], said["tenant"], said["auth"]) == ("sync", "acme", "kubernetes")


def test_a_claimed_name_is_taken_down_as_a_claim(open_house: RunningProxy, upstream: Upstream) -> None:
    shown = basic("self-styled+1", "anything")
    assert plain(open_house, f"{upstream.url}/claim", f"127.0.0.1:{upstream.port}", shown).status == 200
    said = line_at(open_house, "/claim")
    assert (said["agent"], said["run"], said["auth"]) == ("self-styled", "1", "header")


# -- trace -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "continued"),
    [
        ("", False),
        (f"traceparent: {PARENT}\r\ntracestate: vendor=1\r\n", True),
        ("traceparent: 00-garbage-00f067aa0ba902b7-01\r\ntracestate: vendor=1\r\n", False),
        (f"traceparent: {PARENT}\r\ntraceparent: {PARENT}\r\n", False),
        (f"traceparent: 00-{'0' * 32}-00f067aa0ba902b7-01\r\n", False),
    ],
    ids=["none", "good", "malformed", "twice", "zero"],
)
def test_the_trace_is_continued_or_begun_and_passed_on(
    open_house: RunningProxy, upstream: Upstream, sent: str, continued: bool
) -> None:
    path = f"/trace-{len(sent)}"
    assert plain(open_house, f"{upstream.url}{path}", f"127.0.0.1:{upstream.port}", sent).status == 200
    (message,) = upstream.journal.complete(path)
    passed = [value for name, value in message.fields if name.lower() == b"traceparent"]
    assert len(passed) == 1
    version, trace_id, span_id, _ = passed[0].decode().split("-")
    said = line_at(open_house, path)
    assert (version, trace_id, span_id) == ("00", said["trace_id"], said["span_id"])
    assert (trace_id == TRACE) is continued
    assert span_id != "00f067aa0ba902b7"
    assert message.header("tracestate") == ("vendor=1" if continued else None)
    record = wait_for_records(open_house, said["verdict"])[0]["trace"]
    assert record["trace_id"] == trace_id
    assert record.get("parent_span_id") == ("00f067aa0ba902b7" if continued else None)
