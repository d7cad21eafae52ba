"""Trials of the kill switch: two replicas of two workers, watchers, streams, and four ways to halt.

Rule: what is timed is what a client sees, with one clock: this process makes the order and hears the refusals. Watchers
are threads with raw sockets, one request at a time, so that a refusal is noticed when it arrives.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clyra_proxy.enforcement.halt.file import SENTINEL
from clyra_proxy.engine.control import ask_supervisor
from recorder import signature
from tests.support.proxy import RunningProxy, local_policy
from tests.support.redis import running_redis
from tests.support.upstream import Upstream

CALM_S = 60.0
TRIGGER = {
    "scope": "global",
    "count": 3,
    "percent": None,
    "minimum_sample": 3,
    "window_seconds": 1,
    "halt_seconds": 600,
}


@dataclass(frozen=True, slots=True)
class Ground:
    """replicas: two running proxies that share halts. upstream: what they protect."""

    replicas: tuple[RunningProxy, RunningProxy]
    upstream: Upstream

    @classmethod
    def prepare(cls, folder: Path, stack: ExitStack) -> Ground:
        """Start everything; it ends with the stack."""
        server = stack.enter_context(running_redis(folder / "redis"))
        upstream = stack.enter_context(Upstream())
        halt = {"automatic": "enforce", "triggers": {"upstream_errors": TRIGGER}}
        state = {"store": "redis", "url": server.url, "timeout_ms": 2000}
        policy = local_policy(enforcement={"halt": halt, "state": state})
        first, second = (
            stack.enter_context(RunningProxy.start(folder / name, policy, workers=2)) for name in ("one", "two")
        )
        return cls((first, second), upstream)

    def order(self, command: str, **more: Any) -> dict[str, Any]:
        """Over the control socket of the first replica."""
        return ask_supervisor(
            self.replicas[0].home.proxy_control,
            {"command": command, "scope": "global", "reason": "bench", **more},
            60.0,
        )

    def calm(self) -> None:
        """Resume, and wait until every replica lets pass again."""
        (self.replicas[0].home.halts / SENTINEL).unlink(missing_ok=True)
        deadline = time.monotonic() + CALM_S
        while time.monotonic() < deadline:
            self.order("resume")
            if all(_ask(proxy, self.upstream, "/json") == 200 for proxy in self.replicas for _ in range(4)):
                return
            time.sleep(0.05)
        raise RuntimeError("traffic did not come back")


@dataclass(slots=True)
class Watcher:
    """Asks again and again. refused_at: when it was first refused. after: requests that passed later than that."""

    proxy: RunningProxy
    upstream: Upstream
    stop: threading.Event = field(default_factory=threading.Event)
    refused: threading.Event = field(default_factory=threading.Event)
    refused_at: float = 0.0
    after: int = 0

    def run(self) -> None:
        while not self.stop.is_set():
            status = _ask(self.proxy, self.upstream, "/json")
            if status == 503 and not self.refused_at:
                self.refused_at = time.perf_counter()
                self.refused.set()
            elif status == 200 and self.refused_at:
                self.after += 1


@dataclass(slots=True)
class Reader:
    """One open stream of events. ended_at: when it was cut."""

    proxy: RunningProxy
    upstream: Upstream
    began: threading.Event = field(default_factory=threading.Event)
    ended_at: float = 0.0

    def run(self) -> None:
        with socket.create_connection(self.proxy.address, 60) as stream:
            host = f"{self.upstream.host}:{self.upstream.port}"
            stream.sendall(
                f"GET {self.upstream.url}/sse?events=100000&gap=0.05 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
            )
            stream.settimeout(60)
            try:
                while data := stream.recv(65536):
                    if b"data:" in data:
                        self.began.set()
                    if data.endswith(b"0\r\n\r\n"):
                        break
            except OSError:
                pass
            self.ended_at = time.perf_counter()


def measure(ground: Ground, trials: int, watchers: int, streams: int) -> dict[str, Any]:
    """Run the trials; the line to print."""
    ways: list[tuple[str, Callable[[Ground], float]]] = [
        ("command", _by_command),
        ("file", _by_file),
        ("signed call", _by_signed_call),
        ("threshold", _by_threshold),
    ]
    times: dict[str, list[float]] = {name: [] for name, _ in ways}
    cuts: list[float] = []
    after = 0
    for number in range(trials):
        ground.calm()
        name, way = ways[number % len(ways)]
        took, cut, passed = _trial(ground, way, watchers, streams)
        times[name].append(took)
        cuts.append(cut)
        after += passed
    ground.calm()
    every = sorted(taken for taken_by in times.values() for taken in taken_by)
    return {
        "trials": len(every),
        "p50_ms": _at(every, 0.5),
        "p99_ms": _at(every, 0.99),
        "worst_ms": _at(every, 1.0),
        "cut_p99_ms": _at(sorted(cuts), 0.99),
        "after": after,
        "p99_ms_by_way": {name: _at(sorted(taken), 0.99) for name, taken in times.items() if taken},
    }


def _trial(ground: Ground, way: Callable[[Ground], float], watchers: int, streams: int) -> tuple[float, float, int]:
    """Seconds to the last first refusal, seconds to the last cut, and requests that passed after a refusal."""
    watching = [Watcher(proxy, ground.upstream) for proxy in ground.replicas for _ in range(watchers)]
    reading = [Reader(proxy, ground.upstream) for proxy in ground.replicas for _ in range(streams)]
    runs = [watcher.run for watcher in watching] + [reader.run for reader in reading]
    threads = [threading.Thread(target=run, daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    if not all(reader.began.wait(60) for reader in reading):
        raise RuntimeError("a stream did not begin")
    began = way(ground)
    if not all(watcher.refused.wait(60) for watcher in watching):
        raise RuntimeError("a watcher was never refused")
    time.sleep(0.1)
    for watcher in watching:
        watcher.stop.set()
    for thread in threads:
        thread.join(60)
    took = max(watcher.refused_at for watcher in watching) - began
    cut = max((reader.ended_at for reader in reading), default=began) - began
    return took, cut, sum(watcher.after for watcher in watching)


def _by_command(ground: Ground) -> float:
    began = time.perf_counter()
    ground.order("halt")
    return began


def _by_file(ground: Ground) -> float:
    began = time.perf_counter()
    (ground.replicas[0].home.halts / SENTINEL).touch()
    return began


def _by_signed_call(ground: Ground) -> float:
    proxy = ground.replicas[0]
    body = json.dumps({"scope": "global", "reason": "bench"}).encode()
    key = bytes.fromhex((proxy.home.halts / "keys" / "operator.key").read_text())
    lines = signature.sign("POST", "/v0/halt", "application/json", body, "operator", key)
    connection = http.client.HTTPConnection(proxy.health, timeout=60)
    began = time.perf_counter()
    connection.request("POST", "/v0/halt", body, dict(line.split(": ", 1) for line in lines.split("\r\n") if line))
    connection.getresponse().read()
    connection.close()
    return began


def _by_threshold(ground: Ground) -> float:
    """Bad answers until the threshold is reached; the time runs from the last one that was needed."""
    began = 0.0
    while (status := _ask(ground.replicas[0], ground.upstream, "/status/500")) != 503:
        if status == 500:
            began = time.perf_counter()
    return began


def _ask(proxy: RunningProxy, upstream: Upstream, path: str) -> int:
    """The status of one request on a connection of its own; 0 when it broke off."""
    connection = http.client.HTTPConnection(*proxy.address, timeout=60)
    try:
        connection.request("GET", upstream.url + path, headers={"Host": f"{upstream.host}:{upstream.port}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _at(values: list[float], share: float) -> float | None:
    """A quantile in milliseconds, by the nearest rank."""
    if not values:
        return None
    return round(values[max(0, min(len(values) - 1, round(share * len(values) + 0.5) - 1))] * 1000, 1)
