"""The shared store when its world is not well: killed, stalled, slow, cut off; skewed clocks; TLS and passwords."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pydantic import ValidationError

from clyra_proxy.errors import StartupError
from clyra_proxy.home import Home
from clyra_proxy.policy.sharing import OnLoss, SharedState, Store, WhenLost
from clyra_proxy.state.breaker import Breaker
from clyra_proxy.state.falling import FallingState
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.opening import open_state
from clyra_proxy.state.redis import RedisState
from clyra_proxy.state.server import Server, find_server
from clyra_proxy.state.sqlite import SqliteState
from clyra_proxy.state.store import StateError
from tests.support.certificates import Authority
from tests.support.processes import free_port
from tests.support.racing import race
from tests.support.redis import RedisServer, Relay, running_redis

PATIENT_S = 10.0
HASTY_S = 0.2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path / "redis") as running:
        yield running


@pytest.fixture
def relay(server: RedisServer) -> Iterator[Relay]:
    made = Relay(server.port)
    yield made
    made.close()


class Clock:
    """Seconds that only tests move."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_replicas_whose_clocks_disagree_count_together(server: RedisServer) -> None:
    clocks = [Clock(1e9), Clock(1e9 + 7200), Clock(1e9 - 86_400)]
    replicas = [RedisState(Server(server.url, timeout_s=PATIENT_S), clock=clock) for clock in clocks]
    totals = [replica.add("k", 1, 60, clock.now) for replica, clock in zip(replicas, clocks, strict=True)]
    assert totals == [1, 2, 3]
    assert [replica.total("k", 60, clock.now) for replica, clock in zip(replicas, clocks, strict=True)] == [3, 3, 3]
    assert replicas[0].put_new("once", "a", clocks[0].now, 600) == "a"
    assert replicas[1].put_new("once", "b", clocks[1].now, 600) == "a"
    assert replicas[2].get("once", clocks[2].now) == "a"
    assert replicas[0].acquire("place", "a", 1, 60, clocks[0].now)
    assert not replicas[1].acquire("place", "b", 1, 60, clocks[1].now)
    assert replicas[2].take("bucket", 5, 0.001, 5.0, clocks[2].now).granted
    assert not replicas[1].take("bucket", 1, 0.001, 5.0, clocks[1].now).granted


def test_a_correction_leaves_the_window_with_what_it_corrects(server: RedisServer) -> None:
    clock = Clock(1e9)
    store = RedisState(Server(server.url, timeout_s=PATIENT_S), clock=clock)
    store.add("k", 100, 1000, clock.now - 990)
    assert store.add("k", -90, 1000, clock.now - 990) == 10
    assert store.total("k", 1000, clock.now) == 10


def test_a_killed_server_is_an_error_until_it_is_back(server: RedisServer) -> None:
    store = RedisState(Server(server.url, timeout_s=PATIENT_S), breaker=Breaker(2, 0.01))
    assert store.add("k", 1, 60, time.time()) == 1
    server.kill()
    for _ in range(3):
        with pytest.raises(StateError):
            store.add("k", 1, 60, time.time())
    assert store.lost
    server.start()
    deadline = time.monotonic() + 60
    while store.lost and time.monotonic() < deadline:
        try:
            store.add("back", 1, 60, time.time())
        except StateError:
            time.sleep(0.02)
    assert not store.lost
    assert store.total("back", 60, time.time()) == 1


def test_a_stalled_server_is_waited_for_once_and_then_left_alone(relay: Relay) -> None:
    clock = Clock()
    store = RedisState(Server(relay.url, timeout_s=HASTY_S), breaker=Breaker(2, 1.0, clock))
    store.add("k", 1, 60, time.time())
    relay.stalled.set()
    for _ in range(2):
        with pytest.raises(StateError, match="does not answer"):
            store.add("k", 1, 60, time.time())
    for _ in range(50):
        with pytest.raises(StateError, match="left alone"):
            store.get("k", time.time())
    relay.mend()
    clock.now = 2.0
    assert store.get("never", time.time()) is None
    assert not store.lost


@pytest.mark.parametrize(("delay_s", "timeout_s", "answers"), [(0.02, PATIENT_S, True), (2.0, HASTY_S, False)])
def test_a_slow_server_answers_within_the_timeout_or_not_at_all(
    relay: Relay, delay_s: float, timeout_s: float, answers: bool
) -> None:
    store = RedisState(Server(relay.url, timeout_s=timeout_s))
    relay.delay_s = delay_s
    if answers:
        assert store.add("k", 1, 60, time.time()) == 1
    else:
        with pytest.raises(StateError):
            store.add("k", 1, 60, time.time())


def falling(relay: Relay, **on_loss: str) -> FallingState:
    shared = RedisState(Server(relay.url, timeout_s=PATIENT_S), breaker=Breaker(1, 0.01))
    return FallingState(shared, MemoryState(), OnLoss.model_validate_json(json.dumps(on_loss)))


def test_what_may_go_on_locally_does_and_says_so(relay: Relay) -> None:
    store, now = falling(relay), time.time()
    assert store.add("k", 5, 3600, now) == 5
    assert not store.lost
    relay.cut()
    assert store.add("k", 1, 3600, now) == 1
    assert store.lost
    assert store.add_within("k", 1, 1, 3600, now).admitted is False
    assert store.take("b", 1, 1.0, 1.0, now).granted
    assert store.acquire("p", "x", 1, 60, now)
    assert not store.acquire("p", "y", 1, 60, now)
    relay.mend()
    time.sleep(0.05)
    assert store.add("k", 1, 3600, now) == 6
    assert not store.lost
    store.release("p", "x")


def test_what_all_must_see_is_never_answered_locally(relay: Relay) -> None:
    store, now = falling(relay), time.time()
    relay.cut()
    for work in (
        lambda: store.put_new("nonce", "a", now, 60),
        lambda: store.put("k", "v", now),
        lambda: store.get("k", now),
        lambda: store.delete("k"),
        lambda: store.entries("k", now),
    ):
        with pytest.raises(StateError):
            work()


def test_a_policy_may_want_counters_to_fail(relay: Relay) -> None:
    store, now = falling(relay, counters="block", places="block"), time.time()
    relay.cut()
    for work in (
        lambda: store.add("k", 1, 60, now),
        lambda: store.add_within("k", 1, 1, 60, now),
        lambda: store.take("k", 1, 1.0, 1.0, now),
        lambda: store.total("k", 60, now),
        lambda: store.acquire("k", "x", 1, 60, now),
    ):
        with pytest.raises(StateError):
            work()


CHILD = """
import sys, time
from clyra_proxy.state.redis import RedisState
from clyra_proxy.state.server import Server
store = RedisState(Server(sys.argv[1], timeout_s=30.0))
print("ready", flush=True)
sys.stdin.readline()
won = sum(store.put_new(f"token {n}", sys.argv[2], time.time(), 600) == sys.argv[2] for n in range(250))
admitted = sum(store.add_within("limit", 1, 100, 600, time.time()).admitted for _ in range(250))
print(won, admitted)
"""


def test_of_many_processes_exactly_one_wins_each_token(server: RedisServer) -> None:
    told = [[int(word) for word in words] for words in race(CHILD, server.url)]
    assert sum(won for won, _ in told) == 250
    assert sum(admitted for _, admitted in told) == 100


def test_password_and_tls(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    other = Authority(tmp_path_factory.mktemp("other"))
    leaf, port = authority.leaf(), free_port()
    tls = ["--tls-port", str(port), "--tls-cert-file", str(leaf.certificate), "--tls-key-file", str(leaf.key)]
    tls += ["--tls-ca-cert-file", str(authority.certificate), "--tls-auth-clients", "no"]
    with running_redis(tmp_path / "redis", *tls, password="s3cret"):
        url = f"rediss://:s3cret@127.0.0.1:{port}/0"
        trusted = Server(url, timeout_s=PATIENT_S, ca=str(authority.certificate))
        assert RedisState(trusted).add("k", 1, 60, time.time()) == 1
        for wrong in (
            Server(url, timeout_s=PATIENT_S, ca=str(other.certificate)),
            Server(url.replace("s3cret", "guess"), timeout_s=PATIENT_S, ca=str(authority.certificate)),
        ):
            with pytest.raises(StateError) as refused:
                RedisState(wrong).add("k", 1, 60, time.time())
            assert "s3cret" not in str(refused.value)
        assert "s3cret" not in repr(trusted)


def test_a_store_that_was_restarted_knows_its_scripts_again(server: RedisServer) -> None:
    store = RedisState(Server(server.url, timeout_s=PATIENT_S))
    store.put("k", "v", time.time())
    redis.Redis.from_url(server.url).script_flush()
    assert store.get("k", time.time()) == "v"


def test_names_of_values_that_ended_are_swept(server: RedisServer) -> None:
    store = RedisState(Server(server.url, timeout_s=PATIENT_S), server_time=False)
    for number in range(200):
        store.put(f"gone {number}", "v", 1.8e9, 1)
    for number in range(400):
        store.put("stays", str(number), 1.8e9 + 100)
    assert int(redis.Redis.from_url(server.url).zcard("{clyra}:i")) < 50


@pytest.mark.parametrize(
    "fields",
    [
        {"store": "redis"},
        {"store": "embedded", "url": "redis://h:1/0"},
        {"store": "redis", "url": "redis://h:1/0", "url_env": "X"},
        {"store": "redis", "url": "redis://user:pw@h:1/0"},
        {"store": "redis", "url": "http://h:1/0"},
        {"store": "redis", "url": "redis://h:1/0", "certificate": "c.pem"},
        {"store": "redis", "url": "redis://h:1/0", "on_loss": {"values": "local"}},
        {"store": "redis", "url": "redis://h:1/0", "on_loss": {"halts": "forget"}},
    ],
)
def test_what_a_policy_may_not_say(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SharedState.model_validate_json(json.dumps(fields))


def test_addresses_come_from_files_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text("rediss://u:pw@h:6380/1\n")
    monkeypatch.setenv("THE_URL", "redis://:pw@h/0")
    in_file = SharedState(store=Store.REDIS, url_file="url", ca="ca.pem", timeout_ms=100)
    assert find_server(in_file, tmp_path) == Server("rediss://u:pw@h:6380/1", "clyra", 0.1, str(tmp_path / "ca.pem"))
    assert find_server(SharedState(store=Store.REDIS, url_env="THE_URL"), tmp_path).url == "redis://:pw@h/0"
    for wrong in (SharedState(store=Store.REDIS, url_file="none"), SharedState(store=Store.REDIS, url_env="NONE_SUCH")):
        with pytest.raises(StartupError):
            find_server(wrong, tmp_path)


def test_the_store_is_the_one_the_policy_asks_for(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert isinstance(open_state(SharedState(), home, tmp_path), SqliteState)
    shared = open_state(SharedState(store=Store.REDIS, url="redis://127.0.0.1:1/0"), home, tmp_path)
    assert isinstance(shared, FallingState)
    assert shared.add("k", 1, 60, time.time()) == 1
    assert shared.lost
    assert OnLoss().counters is WhenLost.LOCAL


def test_a_breaker_tries_once_after_each_pause_and_pauses_longer() -> None:
    clock = Clock()
    breaker = Breaker(2, 1.0, clock)
    breaker.failed()
    assert breaker.admit()
    breaker.failed()
    assert not breaker.admit()
    clock.now = 1.0
    assert [breaker.admit(), breaker.admit()] == [True, False]
    breaker.failed()
    clock.now = 2.5
    assert not breaker.admit()
    clock.now = 3.0
    assert breaker.admit()
    breaker.succeeded()
    assert [breaker.admit(), breaker.admit()] == [True, True]
