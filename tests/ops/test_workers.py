"""Workers on one port: shared, replaced when killed, restarted one by one, gone with their parent."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from clyra_proxy.engine.control import ask_supervisor
from tests.support.keepalive_load import KeepaliveLoad
from tests.support.processes import accepts
from tests.support.proxy import RunningProxy, local_policy
from tests.support.raw import Answer, Http1Client, dial
from tests.support.upstream import Upstream


def state(proxy: RunningProxy) -> dict[str, Any]:
    return ask_supervisor(proxy.home.proxy_control, {"command": "status"}, 10)


def worker_pids(proxy: RunningProxy) -> list[int]:
    return [worker["pid"] for worker in state(proxy)["workers"] if worker["state"] == "ready"]


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def get(proxy: RunningProxy, upstream: Upstream, path: str) -> Answer:
    with Http1Client(dial(proxy.address)) as client:
        return client.request("GET", f"{upstream.url}{path}", f"{upstream.host}:{upstream.port}")


def test_two_workers_share_one_port(start: Callable[..., RunningProxy], upstream: Upstream) -> None:
    proxy = start(workers=2)
    connections = [Http1Client(dial(proxy.address)) for _ in range(32)]
    for client in connections:
        assert client.request("GET", f"{upstream.url}/json", f"127.0.0.1:{upstream.port}").status == 200
    until(lambda: sum(worker["connections"] for worker in state(proxy)["workers"]) == 32)
    assert all(worker["connections"] > 0 for worker in state(proxy)["workers"])
    for client in connections:
        client.socket.close()


def test_a_killed_worker_is_replaced_and_the_port_serves_all_the_time(
    start: Callable[..., RunningProxy], upstream: Upstream
) -> None:
    proxy = start(workers=2)
    with KeepaliveLoad(proxy.address, (upstream.host, upstream.port), "/json", clients=6, requests=3) as load:
        load.go_on(60)
        for _ in range(2):
            victim = worker_pids(proxy)[0]
            os.kill(victim, signal.SIGKILL)
            until(lambda victim=victim: is_gone(victim))
            dead_at = time.monotonic()
            load.go_on(60)
            until(lambda victim=victim: len(pids := worker_pids(proxy)) == 2 and victim not in pids)
            load.go_on(60)
            late = [failure for failure in load.failures if failure.opened > dead_at]
            assert not late, "a connection opened after the death failed: the port did not serve"
    assert len(load.failures) <= 2 * 6, "only requests that the dead worker held may be lost"
    assert state(proxy)["restarts"] == 2


def test_both_workers_killed_at_once_are_waited_for(start: Callable[..., RunningProxy], upstream: Upstream) -> None:
    proxy = start(workers=2)
    victims = worker_pids(proxy)
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(is_gone(pid) for pid in victims))
    assert get(proxy, upstream, "/json").status == 200, "the connection waits in the queue of the lent socket"


@pytest.mark.comprehensive
def test_a_hung_worker_is_ended_and_replaced(start: Callable[..., RunningProxy], upstream: Upstream) -> None:
    proxy = start(workers=2)
    victim = worker_pids(proxy)[0]
    os.kill(victim, signal.SIGSTOP)
    until(lambda: state(proxy)["restarts"] == 1, 90)
    assert is_gone(victim)
    assert get(proxy, upstream, "/json").status == 200


def test_rolling_restart_loses_nothing(start: Callable[..., RunningProxy], upstream: Upstream) -> None:
    proxy = start(workers=2)
    before = worker_pids(proxy)
    with KeepaliveLoad(proxy.address, (upstream.host, upstream.port), "/json", clients=4) as load:
        load.go_on(50)
        proxy.process.process.send_signal(signal.SIGUSR2)
        until(lambda: not set(before) & set(worker_pids(proxy)) and len(worker_pids(proxy)) == 2, 60)
        load.go_on(50)
    assert load.failures == []


def test_a_request_in_flight_outlives_the_restart_of_its_worker(
    start: Callable[..., RunningProxy], upstream: Upstream
) -> None:
    proxy = start(workers=1)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(get(proxy, upstream, "/slow?seconds=3")))
    thread.start()
    assert upstream.journal.wait_for(lambda: upstream.journal.requests("/slow"))
    assert proxy.clyra("proxy", "restart", check=True, seconds=60).stdout.strip() == "1 workers replaced"
    thread.join(20)
    assert [answer.status for answer in answers] == [200]


def test_everything_ends_with_the_parent_and_nothing_hinders_the_next_start(
    start: Callable[..., RunningProxy], upstream: Upstream
) -> None:
    proxy = start(workers=2)
    family = psutil.Process(proxy.process.pid).children(recursive=True)
    assert len(family) >= 3
    proxy.process.process.kill()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    assert not accepts(*proxy.address)
    with RunningProxy.start(proxy.home.root.parent, local_policy(), workers=1) as again:
        assert get(again, upstream, "/json").status == 200
