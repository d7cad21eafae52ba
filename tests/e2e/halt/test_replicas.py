"""Two replicas that share halts through a real Redis: halted together, and each by itself while Redis is away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.halt.test_halt import _Download
from tests.support.certificates import Authority
from tests.support.halting import Switch, wait_for
from tests.support.proxy import RunningProxy, local_policy
from tests.support.redis import RedisServer, Relay, running_redis
from tests.support.upstream import Upstream


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def relays(server: RedisServer) -> Iterator[tuple[Relay, Relay]]:
    made = Relay(server.port), Relay(server.port)
    yield made
    for relay in made:
        relay.close()


@pytest.fixture(scope="module")
def replicas(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, relays: tuple[Relay, Relay]
) -> Iterator[tuple[Switch, Switch]]:
    """Each reaches Redis by a relay of its own; the budget of calls is shared."""
    started = []
    for number, relay in enumerate(relays):
        state = {"store": "redis", "url": relay.url, "timeout_ms": 2000}
        policy = local_policy(authority, enforcement={"state": state})
        started.append(RunningProxy.start(tmp_path_factory.mktemp(f"r{number}"), policy, workers=1))
    yield Switch(started[0]), Switch(started[1])
    for proxy in started:
        proxy.process.stop(30)


def test_a_halt_holds_on_every_replica_and_cuts_there_too(replicas: tuple[Switch, Switch], upstream: Upstream) -> None:
    here, there = replicas
    reader = _Download(there, f"{upstream.url}/sse?events=2000&gap=0.05")
    assert reader.began.wait(60)
    assert here.halt("global")["shared"] is True
    there.wait_until_halted(upstream.url)
    reader.join(60)
    assert reader.text.count("data:") < 2000
    (standing,) = there.standing()
    assert (standing["by"], standing["reason"]) == (here.standing()[0]["by"], "a drill")
    there.resume("global")
    here.wait_until_halted(upstream.url, halted=False)
    assert not there.is_halted(upstream.url)


def test_both_have_it_in_their_own_evidence(replicas: tuple[Switch, Switch]) -> None:
    here, there = replicas
    begun = here.halt("agent:proved")["halt"]["id"]
    wait_for(there.standing, "told")
    there.resume("agent:proved")
    wait_for(lambda: not here.standing(), "resumed")
    for switch in replicas:
        told = [record["data"] for record in switch.records("pef.halt") if record["data"]["halt"] == begun]
        assert [data["change"] for data in told] == ["halt", "resume"]
        assert told[1]["reason"] == "it is over"


def test_while_the_store_is_away_each_keeps_what_it_knows_and_they_agree_afterwards(
    replicas: tuple[Switch, Switch], relays: tuple[Relay, Relay], upstream: Upstream
) -> None:
    here, there = replicas
    here.halt("agent:before")
    wait_for(there.standing, "told")
    for relay in relays:
        relay.cut()
    told = here.halt("agent:meanwhile")
    assert told["shared"] is False
    assert here.is_halted(upstream.url, "meanwhile")
    assert there.is_halted(upstream.url, "before")
    assert not there.is_halted(upstream.url, "meanwhile")
    assert there.resume("agent:before")["shared"] is False
    for relay in relays:
        relay.mend()
    there.wait_until_halted(upstream.url, "meanwhile")
    here.wait_until_halted(upstream.url, "before", halted=False)
    here.resume("agent:meanwhile")
    there.wait_until_halted(upstream.url, "meanwhile", halted=False)


def test_a_partition_in_which_nothing_answers_stalls_nobody(
    replicas: tuple[Switch, Switch], relays: tuple[Relay, Relay], upstream: Upstream
) -> None:
    here, there = replicas
    relays[0].stalled.set()
    assert here.halt("agent:cut-off")["shared"] is False
    assert here.is_halted(upstream.url, "cut-off")
    assert not there.is_halted(upstream.url, "cut-off")
    relays[0].mend()
    there.wait_until_halted(upstream.url, "cut-off")
    there.resume("agent:cut-off")
    here.wait_until_halted(upstream.url, "cut-off", halted=False)


def test_a_killed_store_forgets_nothing_that_replicas_know(
    replicas: tuple[Switch, Switch], server: RedisServer, upstream: Upstream
) -> None:
    here, there = replicas
    here.halt("agent:kept")
    there.wait_until_halted(upstream.url, "kept")
    server.kill()
    assert here.is_halted(upstream.url, "kept")
    server.start()
    there.resume("agent:kept")
    here.wait_until_halted(upstream.url, "kept", halted=False)


def test_exchanges_say_that_the_store_is_away(tmp_path: Path, authority: Authority, upstream: Upstream) -> None:
    state = {"store": "redis", "url": "redis://127.0.0.1:1/0", "timeout_ms": 50}
    budget = {"limits": [{"name": "calls", "calls": 1000}]}
    policy = local_policy(authority, enforcement={"state": state}, genai_security={"budgets": budget})
    with RunningProxy.start(tmp_path, policy, workers=1) as proxy:
        told: list[dict[str, Any]] = []
        deadline = time.monotonic() + 60
        while not told and time.monotonic() < deadline:
            with httpx.Client(proxy=proxy.url, timeout=60) as client:
                client.post(f"{upstream.url}/v1/chat/completions", json={"model": "m", "messages": []})
            told = [line for line in proxy.wait_for_verdicts(1) if "state.local" in json.dumps(line)]
        assert told
