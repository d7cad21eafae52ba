"""Ends and changes while traffic runs: drain, second signal, reload of policy and certificates, lame duck."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from clyra_proxy.engine import certificates
from clyra_proxy.engine.control import ask_supervisor
from tests.support.certificates import Authority
from tests.support.processes import accepts
from tests.support.proxy import RunningProxy, local_policy
from tests.support.raw import Answer, Http1Client, dial
from tests.support.upstream import Upstream


def probe(proxy: RunningProxy, path: str = "/readyz") -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"http://{proxy.health}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Slow:
    """One request that takes a while, made in the background."""

    def __init__(self, proxy: RunningProxy, upstream: Upstream, seconds: float) -> None:
        self.answer: Answer | None = None
        self._target = f"{upstream.url}/slow?seconds={seconds}"
        self._host = f"{upstream.host}:{upstream.port}"
        self._proxy = proxy
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert upstream.journal.wait_for(lambda: upstream.journal.requests("/slow"))

    def _run(self) -> None:
        with Http1Client(dial(self._proxy.address)) as client:
            self.answer = client.request("GET", self._target, self._host)

    def wait(self) -> Answer:
        self._thread.join(30)
        assert self.answer is not None
        return self.answer


def get(proxy: RunningProxy, upstream: Upstream, path: str = "/json") -> Answer:
    with Http1Client(dial(proxy.address)) as client:
        return client.request("GET", f"{upstream.url}{path}", f"{upstream.host}:{upstream.port}")


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.comprehensive)])
def test_a_stop_lets_the_request_in_flight_finish(
    start: Callable[..., RunningProxy], upstream: Upstream, number: signal.Signals
) -> None:
    proxy = start(workers=2)
    slow = Slow(proxy, upstream, 2)
    idle = Http1Client(dial(proxy.address))
    assert idle.request("GET", f"{upstream.url}/json", f"127.0.0.1:{upstream.port}").status == 200
    proxy.process.process.send_signal(number)
    until(lambda: not accepts(*proxy.address))
    answer = slow.wait()
    assert (answer.status, answer.complete, answer.header("connection")) == (200, True, "close")
    assert idle.rest() == b"", "idle connections are closed"
    assert proxy.process.process.wait(30) == 0
    assert not proxy.home.proxy_state.exists()


def test_a_second_signal_stops_at_once(start: Callable[..., RunningProxy], upstream: Upstream) -> None:
    proxy = start(workers=1)
    slow = Slow(proxy, upstream, 60)
    proxy.process.process.send_signal(signal.SIGTERM)
    until(lambda: "draining" in proxy.process.output())
    proxy.process.process.send_signal(signal.SIGTERM)
    assert proxy.process.process.wait(15) == 1
    assert not slow.wait().complete


def test_the_drain_is_bounded(start: Callable[..., RunningProxy], upstream: Upstream) -> None:
    proxy = start(local_policy(listen={"drain_seconds": 1.0}), workers=1)
    slow = Slow(proxy, upstream, 60)
    assert proxy.process.stop(20) == 0
    assert not slow.wait().complete
    assert "cut at the end of the drain" in proxy.process.output()


def test_a_lame_duck_is_not_ready_but_still_serves(start: Callable[..., RunningProxy], upstream: Upstream) -> None:
    proxy = start(workers=1, arguments=("--lameduck", "3"))
    proxy.process.process.send_signal(signal.SIGTERM)
    until(lambda: probe(proxy)[0] == 503)
    assert probe(proxy)[1]["waiting_for"] == ["draining"]
    assert probe(proxy, "/healthz") == (200, {"alive": True})
    assert get(proxy, upstream).status == 200
    assert proxy.process.process.wait(30) == 0


def write(proxy: RunningProxy, policy: dict[str, Any]) -> None:
    proxy.policy.write_text(yaml.safe_dump(policy))


def state(proxy: RunningProxy) -> dict[str, Any]:
    return ask_supervisor(proxy.home.proxy_control, {"command": "status"}, 10)


def generation(proxy: RunningProxy) -> set[int]:
    return {worker["generation"] for worker in state(proxy)["workers"]}


def test_a_reload_changes_every_worker(start: Callable[..., RunningProxy], upstream: Upstream) -> None:
    proxy = start(workers=2)
    assert get(proxy, upstream).status == 200
    write(proxy, local_policy(destinations={"local": {"allow_private": False}}))
    proxy.process.process.send_signal(signal.SIGHUP)
    until(lambda: generation(proxy) == {2})
    assert {get(proxy, upstream).status for _ in range(8)} == {403}
    write(proxy, local_policy())
    answer = json.loads(proxy.clyra("proxy", "reload", "--json", check=True).stdout)
    assert answer["generation"] == 3
    assert get(proxy, upstream).status == 200
    lines = sorted(proxy.wait_for_verdicts(10), key=lambda line: line["time"])
    generations = [line["unmapped"]["clyra"]["policy_generation"] for line in lines]
    assert generations == [1, *[2] * 8, 3]


BAD_POLICIES: dict[str, tuple[str | None, str]] = {
    "syntax": ("enforcement: {mode: enforce\n", "policy.yaml"),
    "unknown key": ("enforcement: {moed: enforce}\n", "moed"),
    "missing schema": ("destinations: {x: {hosts: [a.test], schema: {request: missing.json}}}\n", "missing.json"),
    "no file": (None, "policy.yaml"),
}


def test_a_bad_reload_keeps_the_last_good_policy(start: Callable[..., RunningProxy], upstream: Upstream) -> None:
    proxy = start(workers=2)
    slow = Slow(proxy, upstream, 2)
    for content, says in BAD_POLICIES.values():
        if content is None:
            proxy.policy.unlink()
        else:
            proxy.policy.write_text(content)
        refused = ask_supervisor(proxy.home.proxy_control, {"command": "reload"}, 30)
        assert refused["ok"] is False
        assert says in f"{refused['what']} {refused['why']}"
        assert generation(proxy) == {1}
        assert get(proxy, upstream).status == 200
    proxy.process.process.send_signal(signal.SIGHUP)
    until(lambda: proxy.process.output().count("reload refused, generation 1 stays in force") == len(BAD_POLICIES) + 1)
    told = proxy.clyra("proxy", "reload")
    assert (told.returncode, told.stderr.count("error: ")) == (1, 1)
    assert "Traceback" not in told.stderr + proxy.process.output()
    assert slow.wait().status == 200
    assert probe(proxy)[0] == 200


def test_a_worker_that_dies_beside_a_broken_policy_file_comes_back_with_the_last_good_one(
    start: Callable[..., RunningProxy], upstream: Upstream
) -> None:
    proxy = start(workers=1)
    proxy.policy.write_text("enforcement: {moed: enforce}\n")
    os.kill(state(proxy)["workers"][0]["pid"], signal.SIGKILL)
    until(lambda: state(proxy)["restarts"] == 1)
    assert get(proxy, upstream).status == 200
    assert generation(proxy) == {1}


def issuer(proxy: RunningProxy, port: int) -> bytes:
    """The certificate a client of the proxy is shown, checked against the published bundle."""
    context = ssl.create_default_context(cafile=str(proxy.home.ca_bundle))
    with dial(("localhost", port), proxy=proxy.address, tls=context) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        shown = connection.getpeercert()
        assert shown
        return json.dumps(shown["issuer"]).encode()


def test_the_authority_is_rotated_without_a_restart(start: Callable[..., RunningProxy], tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    with Upstream(authority.leaf()) as upstream:
        proxy = start(local_policy(authority), workers=2)
        old = issuer(proxy, upstream.tls_port)
        with dial(("localhost", upstream.tls_port), proxy=proxy.address, tls=proxy.trust()) as kept:
            client = Http1Client(kept)
            proxy.clyra("proxy", "rotate-ca", check=True)
            assert issuer(proxy, upstream.tls_port) == old
            proxy.clyra("proxy", "rotate-ca", "--complete", check=True)
            assert {issuer(proxy, upstream.tls_port) for _ in range(6)} != {old}
            assert old not in {issuer(proxy, upstream.tls_port) for _ in range(6)}
            assert client.request("GET", "/json", "localhost").status == 200, "open connections stay open"


def test_a_broken_authority_does_not_replace_the_one_in_force(
    start: Callable[..., RunningProxy], tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    with Upstream(authority.leaf()) as upstream:
        proxy = start(local_policy(authority), workers=1)
        old = issuer(proxy, upstream.tls_port)
        certificates.authority_file(proxy.home).write_text("not a key")
        assert proxy.clyra("proxy", "reload").returncode == 1
        assert issuer(proxy, upstream.tls_port) == old


def test_the_service_manager_is_told(start: Callable[..., RunningProxy], tmp_path: Path) -> None:
    path = tmp_path / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(20)
        proxy = start(workers=1, env={"NOTIFY_SOCKET": str(path)})
        assert manager.recv(4096).startswith(b"READY=1\n")
        proxy.clyra("proxy", "reload", check=True)
        assert manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert manager.recv(4096) == b"READY=1"
        proxy.process.process.send_signal(signal.SIGTERM)
        assert manager.recv(4096) == b"STOPPING=1"
