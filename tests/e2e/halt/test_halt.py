"""The kill switch end to end: two workers, real clients, restarts."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy
from tests.support.upstream import Upstream


@pytest.fixture
def halted(tmp_path: Path, authority: Authority) -> RunningProxy:
    running = RunningProxy.start(tmp_path, local_policy(authority), workers=2)
    yield running
    running.process.stop(30)


def ask(proxy: RunningProxy, upstream: Upstream, path: str = "/x") -> httpx.Response:
    with httpx.Client(proxy=proxy.url, verify=proxy.trust(), timeout=30) as client:
        return client.get(upstream.url + path)


def test_halt_and_resume(halted: RunningProxy, upstream: Upstream) -> None:
    assert ask(halted, upstream).status_code == 200
    said = json.loads(halted.clyra("halt", "global", "--reason", "drill", "--json", check=True).stdout)
    print(said)
    assert said["workers"] == 2
    for _ in range(10):
        answer = ask(halted, upstream)
        assert answer.status_code == 503
        assert answer.headers["clyra-reason"] == "halted"
    print(halted.clyra("status").stdout)
    print(halted.clyra("resume", "global", "--reason", "over").stdout)
    assert ask(halted, upstream).status_code == 200
