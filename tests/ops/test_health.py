"""The probes: honest about the recorder, the workers and the drain, and answered under load."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from clyra_proxy.engine.control import ask_supervisor
from clyra_proxy.home import Home
from tests.support.keepalive_load import KeepaliveLoad
from tests.support.processes import Running
from tests.support.proxy import CLYRA, RunningProxy, local_policy
from tests.support.raw import Http1Client, dial
from tests.support.upstream import Upstream


def probe(proxy: RunningProxy, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{proxy.health}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def state(proxy: RunningProxy) -> dict[str, Any]:
    return ask_supervisor(proxy.home.proxy_control, {"command": "status"}, 10)


def test_ready_means_intercepted_and_recorded(start: Callable[..., RunningProxy]) -> None:
    proxy = start(workers=2)
    status, text = probe(proxy, "/readyz")
    assert (status, json.loads(text)) == (200, {"ready": True, "waiting_for": [], "workers": 2, "draining": False})
    assert all(worker["recorded"] for worker in state(proxy)["workers"])
    assert probe(proxy, "/healthz")[0] == 200
    assert probe(proxy, "/elsewhere")[0] == 404


def post(proxy: RunningProxy, upstream: Upstream) -> int:
    with Http1Client(dial(proxy.address)) as client:
        return client.request("POST", f"{upstream.url}/rows", f"127.0.0.1:{upstream.port}", b"{}").status


def test_a_recorder_that_dies_is_started_again(start: Callable[..., RunningProxy], upstream: Upstream) -> None:
    proxy = start(workers=1)
    recorder = state(proxy)["recorder_pid"]
    os.kill(recorder, signal.SIGKILL)
    until(lambda: state(proxy)["recorder_pid"] not in {recorder, None})
    until(lambda: probe(proxy, "/readyz")[0] == 200 and post(proxy, upstream) == 200)
    assert probe(proxy, "/readyz")[0] == 200


def test_not_ready_until_a_recorder_has_recorded_the_self_test(tmp_path: Path, upstream: Upstream) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump(local_policy()))
    home = Home(tmp_path / "home")
    options = ("--home", home.root, "--policy", policy, "--port", "0", "--workers", "1", "--no-recorder")
    with Running([*CLYRA, "proxy", *options], tmp_path / "proxy.log") as running:
        running.wait_for_line("running, not ready yet")
        document = json.loads(home.proxy_state.read_text())
        proxy = RunningProxy(running, home, (document["host"], document["port"]), document["health"], policy)
        status, text = probe(proxy, "/readyz")
        assert status == 503
        assert json.loads(text)["waiting_for"] == [
            "the recorder is not reachable",
            "the self-test has not been recorded yet",
        ]
        assert probe(proxy, "/healthz")[0] == 200, "not being ready is no reason to be restarted"
        assert post(proxy, upstream) == 503, "no evidence, no action"
        assert not upstream.journal.requests("/rows")
        recorder = [sys.executable, "-m", "recorder.main", "serve", "--home", str(home.root)]
        with Running(recorder, tmp_path / "recorder.log"):
            until(lambda: probe(proxy, "/readyz")[0] == 200)
            assert post(proxy, upstream) == 200


def test_metrics_are_summed_over_workers(start: Callable[..., RunningProxy], upstream: Upstream) -> None:
    proxy = start(workers=2)
    with KeepaliveLoad(proxy.address, (upstream.host, upstream.port), "/json", clients=4, requests=2) as load:
        load.go_on(40)
        assert probe(proxy, "/readyz")[0] == 200, "load does not fail the probes"
    sent = load.done

    def counted() -> float:
        lines = probe(proxy, "/metrics")[1].splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("clyra_exchanges_total{"))

    until(lambda: counted() >= sent)
    assert "clyra_workers 2.0" in probe(proxy, "/metrics")[1]


def test_a_slow_prober_does_not_block_the_others(start: Callable[..., RunningProxy]) -> None:
    proxy = start(workers=1)
    host, _, port = proxy.health.rpartition(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"GET /readyz HT")
        assert probe(proxy, "/readyz")[0] == 200
