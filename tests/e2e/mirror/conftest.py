"""One proxy with mirrors of every kind, the real upstream, and second ones: sound, dead, hung."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.certificates import Authority
from tests.support.journal import Message
from tests.support.proxy import RunningProxy, local_policy
from tests.support.upstream import Upstream

SECONDS = 60.0


@dataclass
class Stage:
    """The parts of a test of mirrors."""

    proxy: RunningProxy
    real: Upstream
    mirror: Upstream

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(proxy=self.proxy.url, base_url=self.real.url, timeout=SECONDS, trust_env=False, **options)

    def mirrored(self, path: str, count: int = 1) -> list[Message]:
        """What the mirror got for a path, once it has that much; what there is when the time is over."""
        self.wait(lambda: len(self.mirror.journal.complete(path)) >= count)
        return self.mirror.journal.complete(path)

    def lines(self) -> list[dict[str, Any]]:
        log = self.proxy.home.mirror_log
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def pairs(self, word: str) -> list[dict[str, Any]]:
        """Lines of compared answers whose route has this word in its path."""
        return [line for line in self.lines() if line["type"] == "pair" and f"/{word}" in line["route"]]

    def counted(self, word: str) -> dict[str, int]:
        """Outcome -> how often, of routes with this word in their path."""
        counts: dict[str, int] = {}
        for line in self.lines():
            for one in line.get("counts", ()):
                if f"/{word}" in one["route"]:
                    counts[one["outcome"]] = counts.get(one["outcome"], 0) + one["count"]
        return counts

    def wait_for_count(self, word: str, outcome: str, count: int = 1) -> int:
        self.wait(lambda: self.counted(word).get(outcome, 0) >= count)
        return self.counted(word).get(outcome, 0)

    def wait(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)


def target(name: str, url: str, *paths: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "url": url, "paths": list(paths), "allow_private": True, **settings}


@pytest.fixture(scope="package")
def silent() -> Iterator[str]:
    """A target that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="package")
def dead() -> str:
    """A target where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def mirror_policy(authority: Authority, upstream: Upstream, silent: str, dead: str, secret: Path) -> dict[str, Any]:
    slow, mirror = {"failures": 1000}, upstream.url
    targets = [
        target("reading", mirror, "/read/**", "/diff/**", "/noise/**", "/halted/**"),
        target("sandbox", mirror, "/sandbox/**", sandbox=True, strip_headers=["X-Own"], compare={"enabled": False}),
        target("keyed", mirror, "/keyed/**", credential={"file": str(secret), "prefix": "Own "}, host="shadow"),
        target("secure", upstream.tls_url, "/secure/**", tls={"ca": str(authority.certificate)}),
        target("untrusted", upstream.tls_url, "/untrusted/**"),
        target("dead", dead, "/dead/**", breaker=slow),
        target("silent", silent, "/silent/**", breaker=slow, timeout_ms=20_000, concurrency=2, queue=40),
        target("share", mirror, "/share/**", percent=50.0, by="path"),
        target("small", mirror, "/small/**", sandbox=True, max_body_bytes=1000),
        target("slowly", mirror, "/slowly/**", per_second=1.0),
        {**target("closed", mirror, "/closed/**"), "allow_private": False},
    ]
    return local_policy(
        authority,
        enforcement={"mirror": {"targets": targets}},
        destinations={"local": {"rules": [{"name": "rows", "paths": ["/sandbox/rows"], "activation": "generic-json"}]}},
        data_platform={
            "activation": {
                "rows": {"rules": [{"name": "few", "fields": {"deny": ["ssn"]}}]},
            }
        },
    )


@pytest.fixture(scope="package")
def staged(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, silent: str, dead: str
) -> Iterator[tuple[RunningProxy, Upstream, Upstream]]:
    folder = tmp_path_factory.mktemp("mirrored")
    secret = folder / "secret"
    secret.write_text("own-secret-of-the-target\n")
    with Upstream() as real, Upstream(authority.leaf()) as mirror:
        policy = mirror_policy(authority, mirror, silent, dead, secret)
        with RunningProxy.start(folder, policy) as proxy:
            yield proxy, real, mirror


@pytest.fixture
def stage(staged: tuple[RunningProxy, Upstream, Upstream]) -> Stage:
    for upstream in staged[1:]:
        upstream.journal.clear()
        upstream.routes.table.clear()
    return Stage(*staged)
