"""A proxy with mirrors comes and goes, and takes another policy, as one without."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
import yaml

from tests.e2e.mirror.conftest import SECONDS, Stage, target
from tests.support.certificates import Authority
from tests.support.memory import MIB, Peak, worker_of
from tests.support.proxy import RunningProxy, local_policy
from tests.support.upstream import Upstream


def test_a_reload_takes_mirrors_in_and_out(tmp_path: Path, authority: Authority) -> None:
    with Upstream() as real, Upstream() as first, Upstream() as second:
        policy = local_policy(authority)
        with RunningProxy.start(tmp_path, policy) as proxy:
            stage = Stage(proxy, real, first)

            def mirror_to(*upstreams: Upstream) -> None:
                targets = [target("one", upstream.url, "/x/**") for upstream in upstreams]
                policy["enforcement"]["mirror"] = {"targets": targets}
                proxy.policy.write_text(yaml.safe_dump(policy, sort_keys=False))
                proxy.clyra("proxy", "reload", check=True)

            with stage.client() as client:
                client.get("/x/none")
                assert not proxy.home.mirror_log.exists()
                mirror_to(first)
                client.get("/x/first")
                assert stage.mirrored("/x/first")
                mirror_to(second)
                client.get("/x/second")
                stage.wait(lambda: second.journal.complete("/x/second"))
                mirror_to()
                client.get("/x/last")
            assert len(real.journal.complete("/x/last")) == 1
        assert [len(one.journal.complete("/x/second")) for one in (first, second)] == [0, 1]
        assert not any(one.journal.complete("/x/last") or one.journal.complete("/x/none") for one in (first, second))


def test_a_proxy_whose_mirror_hangs_leaves_in_time_and_says_what_was_cut(
    tmp_path: Path, authority: Authority, silent: str
) -> None:
    hung = target("hung", silent, timeout_ms=600_000, concurrency=1)
    with Upstream() as real:
        with RunningProxy.start(
            tmp_path, local_policy(authority, enforcement={"mirror": {"targets": [hung]}})
        ) as proxy:
            stage = Stage(proxy, real, real)
            with stage.client() as client:
                for _ in range(5):
                    client.get("/gone")
            began = time.monotonic()
            proxy.process.stop(60)
            assert time.monotonic() - began < 60
            assert proxy.process.process.returncode == 0
        assert stage.counted("gone") == {"dropped_shutdown": 5}


@pytest.mark.comprehensive
def test_memory_stays_bounded_when_large_copies_cannot_leave(tmp_path: Path, authority: Authority, silent: str) -> None:
    """200 uploads of 1 MiB for a mirror that hangs, with room for 8 MiB: the rest is dropped, not kept."""
    room = {"queue_bytes": 8 << 20, "max_body_bytes": 2 << 20, "timeout_ms": 600_000, "sandbox": True}
    hung = target("hung", silent, **room, find_secrets=False)
    with (
        Upstream() as real,
        RunningProxy.start(tmp_path, local_policy(authority, enforcement={"mirror": {"targets": [hung]}})) as proxy,
    ):
        stage = Stage(proxy, real, real)
        with httpx.Client(proxy=proxy.url, base_url=real.url, timeout=SECONDS, trust_env=False) as client:
            for _ in range(20):
                client.post("/large", content=b"x" * MIB)
            peak = Peak(worker_of(proxy))
            for _ in range(180):
                assert client.post("/large", content=b"x" * MIB).status_code == 200
        assert peak.grown < 24 * MIB
        assert stage.wait_for_count("large", "dropped_memory", 100) >= 100
