"""Asking through a running proxy with exact bytes, and finding what the log and the record say about the answer."""

from __future__ import annotations

import json
import socket
import sqlite3
import ssl
import time
from contextlib import closing
from typing import Any

from tests.support.proxy import RunningProxy
from tests.support.raw import Answer, Http1Client, dial


def plain(proxy: RunningProxy, url: str, host: str, headers: str = "") -> Answer:
    """A GET in absolute form."""
    with Http1Client(socket.create_connection(proxy.address, 20)) as client:
        return client.request("GET", url, host, headers=headers)


def connect(proxy: RunningProxy, target: str, headers: str = "") -> Answer:
    """The answer to CONNECT; for answers that refuse."""
    with Http1Client(socket.create_connection(proxy.address, 20)) as client:
        client.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{headers}\r\n".encode())
        return client.read()


def tunnelled(
    proxy: RunningProxy,
    host: str,
    port: int,
    path: str = "/x",
    *,
    sni: str = "",
    trust: ssl.SSLContext | None = None,
    proxy_headers: str = "",
    headers: str = "",
) -> Answer:
    """A GET over HTTP/1.1 and TLS inside a tunnel. sni: server name and Host, when not `host`."""
    tls = trust or proxy.trust()
    connection = dial((host, port), proxy=proxy.address, tls=tls, server_name=sni or host, proxy_headers=proxy_headers)
    with Http1Client(connection) as client:
        return client.request("GET", path, f"{sni or host}:{port}", headers=headers)


def line_of(proxy: RunningProxy, answer: Answer) -> dict[str, Any]:
    """The verdict line that the answer names."""
    identifier = answer.header("Clyra-Verdict")
    assert identifier, answer.raw
    found = proxy.wait_for_verdicts(1, where=lambda line: line["metadata"]["uid"] == identifier)
    assert len(found) == 1
    return found[0]


def assert_denied(proxy: RunningProxy, answer: Answer, rule: str, status: int = 403) -> dict[str, Any]:
    """The answer is a whole denial by `rule`, and its verdict line agrees; returns the line."""
    assert answer.status == status, answer.raw
    assert answer.complete
    assert json.loads(answer.body)["rule"] == rule
    line = line_of(proxy, answer)
    assert line["unmapped"]["clyra"]["rule"] == rule
    assert line["disposition"] == "Blocked"
    return line


def ours(line: dict[str, Any]) -> dict[str, Any]:
    """Clyra's own part of a verdict line."""
    found: dict[str, Any] = line["unmapped"]["clyra"]
    return found


def only_line(proxy: RunningProxy, **wanted: Any) -> dict[str, Any]:
    """The one verdict line whose destination has these members (`hostname`, `port`)."""

    def fits(line: dict[str, Any]) -> bool:
        return all(line["dst_endpoint"][name] == value for name, value in wanted.items())

    found = proxy.wait_for_verdicts(1, where=fits)
    assert len(found) == 1, found or proxy.verdicts()
    return found[0]


def wait_for_records(proxy: RunningProxy, verdict: str, count: int = 1, seconds: float = 10.0) -> list[dict[str, Any]]:
    """The recorder's records of one exchange, oldest first, once there are `count`."""
    deadline = time.monotonic() + seconds
    while True:
        with closing(sqlite3.connect(f"file:{proxy.home.recorder / 'log.db'}?mode=ro", uri=True)) as database:
            lines = [json.loads(bytes(line)) for (line,) in database.execute("SELECT line FROM records ORDER BY seq")]
        found = [line for line in lines if line.get("data", {}).get("exchange") == verdict]
        if len(found) >= count or time.monotonic() > deadline:
            assert len(found) >= count, f"{len(found)} records of {verdict}"
            return found
        time.sleep(0.1)
