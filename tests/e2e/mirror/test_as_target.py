"""Clyra as the second upstream of somebody else's mirror: answers 204 at once, judges in shadow, calls nobody."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy
from tests.support.upstream import Upstream

BAD = b'{"a":1,"a":2}'
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    policy = local_policy(authority, listen={"mode": "mirror"})
    policy["destinations"]["api"] = {"hosts": ["api.example.com"]}
    with RunningProxy.start(tmp_path_factory.mktemp("target"), policy) as running:
        yield running


def of(path: str) -> Callable[[dict[str, Any]], bool]:
    """Verdicts on a path: others may still come, because a copy is judged after it was answered."""
    return lambda line: bool(line["http_request"]["url"]["path"] == path)


@pytest.mark.parametrize(
    ("method", "path", "body", "would"),
    [
        ("GET", "/v1/users", b"", "allow"),
        ("POST", "/v1/people", b'{"a":1}', "allow"),
        ("POST", "/v1/doubles", BAD, "block"),
        ("PUT", "/v1/users/2", b"[" * 1000, "block"),
        ("DELETE", "/v1/users/1", b"", "allow"),
    ],
)
def test_everything_is_answered_204_and_judged_in_shadow(
    target: RunningProxy, method: str, path: str, body: bytes, would: str
) -> None:
    target.begin_anew()
    with httpx.Client(base_url=target.url, trust_env=False, timeout=60) as client:
        answers = [
            client.request(method, path, content=body, headers={**JSON, "host": "api.example.com-shadow"})
            for _ in range(2)
        ]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    verdicts = target.wait_for_verdicts(2, 60, of(path))
    assert len(verdicts) == 2
    for verdict in verdicts:
        ours = verdict["unmapped"]["clyra"]
        assert verdict["dst_endpoint"]["hostname"] == "api.example.com"
        assert (ours["copy"], ours["action"], ours["would_action"]) == (True, "allow", would)
        assert ours["request_body"]["released"] == 0


def test_a_large_upload_is_read_and_judged_to_its_end(target: RunningProxy) -> None:
    target.begin_anew()
    rows = (b'{"n":1}\n' * 8192 for _ in range(64))
    with httpx.Client(base_url=target.url, trust_env=False, timeout=120) as client:
        answer = client.post(
            "/v1/rows", content=rows, headers={"content-type": "application/x-ndjson", "host": "api.example.com"}
        )
    assert answer.status_code == 204
    (verdict,) = target.wait_for_verdicts(1, 60, of("/v1/rows"))
    assert verdict["http_request"]["length"] == 64 * 8192 * 8


@pytest.mark.parametrize(
    "head",
    [
        b"GET /chat HTTP/1.1\r\nHost: api.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: api.example.com\r\n\r\n",
        b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: no_host?\r\n\r\n",
    ],
)
def test_what_cannot_be_a_copy_is_answered_too(target: RunningProxy, head: bytes) -> None:
    assert exchange(target, head).startswith((b"HTTP/1.1 204", b"HTTP/1.0 204"))


def exchange(target: RunningProxy, head: bytes) -> bytes:
    with socket.create_connection(target.address, 60) as connection:
        connection.settimeout(60)
        connection.sendall(head)
        return connection.recv(4096)


NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen unix:{folder}/nginx.sock;
        location / {{
            mirror /copy;
            proxy_pass {real};
        }}
        location = /copy {{
            internal;
            proxy_set_header Host $host;
            proxy_pass {target}$request_uri;
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, real: str, target: str) -> Iterator[httpx.Client]:
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, real=real, target=target))
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(config)], env={**os.environ, "PATH": path})
    try:
        transport = httpx.HTTPTransport(uds=str(folder / "nginx.sock"), retries=100)
        with httpx.Client(transport=transport, base_url="http://api.example.com", timeout=60) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)


def test_nginx_mirrors_to_it(target: RunningProxy, tmp_path: Path) -> None:
    target.begin_anew()
    with Upstream() as real, nginx(tmp_path, real.url, target.url) as client:
        answers = [client.post("/shop/orders", content=body, headers=JSON) for body in (b'{"a":1}', BAD)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert [bytes(one.body) for one in real.journal.complete("/shop/orders")] == [b'{"a":1}', BAD]
        verdicts = target.wait_for_verdicts(2, 60, of("/shop/orders"))
    told = {verdict["unmapped"]["clyra"]["would_action"]: verdict for verdict in verdicts}
    assert set(told) == {"allow", "block"}
    assert told["block"]["dst_endpoint"]["hostname"] == "api.example.com"
    assert json.dumps(verdicts).count('"/shop/orders"') == 2


def test_copies_come_one_after_the_other_on_a_connection(target: RunningProxy) -> None:
    """As nginx sends them: one after the other on one connection, each answered before it was judged."""
    target.begin_anew()
    with httpx.Client(base_url=target.url, trust_env=False, timeout=60) as client:
        statuses = [
            client.post("/v1/several", content=b'{"a":1}', headers={**JSON, "host": "api.example.com"}).status_code
            for _ in range(50)
        ]
    assert statuses == [204] * 50
    assert len(target.wait_for_verdicts(50, 60, of("/v1/several"))) == 50
