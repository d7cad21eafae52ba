"""One suite for every store: counters, values, leases, expiry, bounds, and atomicity between threads and processes."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.state import sqlite_file
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.redis import RedisState
from clyra_proxy.state.server import Server
from clyra_proxy.state.sqlite import SqliteState
from clyra_proxy.state.store import SLOTS, Addition, StateError, StateStore, Taken
from tests.support.racing import race
from tests.support.redis import RedisServer, running_redis, valkey_program

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("valkey"), program=valkey_program()) as running:
        yield running


def _in_redis(server: RedisServer) -> RedisState:
    """A store of its own on the shared server; moments given by tests count."""
    return RedisState(Server(server.url, f"test-{secrets.token_hex(6)}", 10.0), server_time=False)


@pytest.fixture(params=["memory", "sqlite", "redis", pytest.param("valkey", marks=pytest.mark.comprehensive)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    if request.param == "memory":
        yield MemoryState()
        return
    if request.param in ("redis", "valkey"):
        shared = _in_redis(request.getfixturevalue("server" if request.param == "redis" else "valkey"))
        yield shared
        shared.close()
        return
    opened = SqliteState(tmp_path / "state.sqlite")
    yield opened
    opened.close()


def test_counter_adds_and_forgets(store: StateStore) -> None:
    assert store.total("k", 60, NOW) == 0
    assert store.add("k", 2, 60, NOW) == 2
    assert store.add("k", 3, 60, NOW + 30) == 5
    assert store.total("k", 60, NOW + 59) == 5
    assert store.total("k", 60, NOW + 64) == 3
    assert store.total("k", 60, NOW + 200) == 0


@pytest.mark.parametrize("keys", [3, 70, 150])
def test_many_additions_are_each_judged_by_their_own_counter(store: StateStore, keys: int) -> None:
    additions = [Addition(f"k{at}", at, 60, limit=50) for at in range(keys)]
    told = store.add_all(additions, NOW)
    assert [one.admitted for one in told] == [at <= 50 for at in range(keys)]
    assert [one.total for one in told] == [at if at <= 50 else 0 for at in range(keys)]
    again = store.add_all([Addition("k1", 2, 60, 4), Addition("k1", 2, 60, 4), Addition("k1", 2, 3600, 4)], NOW)
    assert [(one.admitted, one.total) for one in again] == [(True, 3), (False, 3), (True, 2)]


def test_windows_of_one_key_are_counted_apart(store: StateStore) -> None:
    store.add("k", 1, 60, NOW)
    assert store.total("k", 3600, NOW) == 0


def test_correction_leaves_the_window_with_what_it_corrects(store: StateStore) -> None:
    store.add("k", 100, 60, NOW)
    assert store.add("k", -90, 60, NOW) == 10
    store.add("k", 5, 60, NOW + 55)
    assert store.total("k", 60, NOW + 70) == 5


def test_add_within_refuses_without_counting(store: StateStore) -> None:
    assert store.add_within("k", 6, 10, 60, NOW).admitted
    refused = store.add_within("k", 5, 10, 60, NOW)
    assert (refused.admitted, refused.total) == (False, 6)
    exact = store.add_within("k", 4, 10, 60, NOW)
    assert (exact.admitted, exact.total) == (True, 10)


def test_additions_together_are_judged_alone(store: StateStore) -> None:
    both = [Addition("rows", 6, 60, 10), Addition("deletes", 6, 3600, 5), Addition("seen", 6, 60)]
    assert [one.admitted for one in store.add_all(both, NOW)] == [True, False, True]
    assert [(one.admitted, one.total) for one in store.add_all(both, NOW)] == [(False, 6), (False, 0), (True, 12)]
    assert store.add_all((), NOW) == []


def test_bucket_is_full_at_first_and_fills_again(store: StateStore) -> None:
    assert store.take("b", 80, 10.0, 100.0, NOW).granted
    refused = store.take("b", 40, 10.0, 100.0, NOW + 1)
    assert (refused.granted, round(refused.wait_s, 6)) == (False, 1.0)
    assert store.take("b", 40, 10.0, 100.0, NOW + 2).granted
    assert store.take("b", 100, 10.0, 100.0, NOW + 100).granted


def test_what_is_larger_than_the_bucket_is_paid_for_afterwards(store: StateStore) -> None:
    assert store.take("b", 250, 10.0, 100.0, NOW).granted
    assert not store.take("b", 1, 10.0, 100.0, NOW + 15).granted
    assert store.take("b", 1, 10.0, 100.0, NOW + 15.2).granted


def test_tokens_are_given_back_and_never_more_than_it_holds(store: StateStore) -> None:
    assert store.take("b", 250, 10.0, 100.0, NOW).granted
    assert store.take("b", -240, 10.0, 100.0, NOW).granted
    assert store.take("b", 90, 10.0, 100.0, NOW).granted
    assert store.take("b", -1000, 10.0, 100.0, NOW).granted
    assert store.take("b", 100, 10.0, 100.0, NOW).granted
    assert not store.take("b", 1, 10.0, 100.0, NOW).granted


def test_a_reserve_stays_in_the_bucket(store: StateStore) -> None:
    assert store.take("b", 50, 10.0, 100.0, NOW, reserve=50.0).granted
    assert not store.take("b", 1, 10.0, 100.0, NOW, reserve=50.0).granted
    assert store.take("b", 50, 10.0, 100.0, NOW).granted


def test_a_clock_that_goes_back_fills_nothing(store: StateStore) -> None:
    assert store.take("b", 100, 10.0, 100.0, NOW) == Taken(True)
    assert not store.take("b", 50, 10.0, 100.0, NOW - 60).granted
    assert not store.take("b", 50, 10.0, 100.0, NOW + 1).granted


@settings(max_examples=60)
@given(
    additions=st.lists(st.tuples(st.floats(0, 500), st.integers(0, 50)), max_size=30),
    window=st.sampled_from([10, 60, 86_400]),
)
def test_total_is_the_window_and_at_most_a_twentieth_more(additions: list[tuple[float, int]], window: int) -> None:
    store, moment = MemoryState(), NOW
    for step, amount in additions:
        moment += step
        store.add("k", amount, window, moment)
    total = store.total("k", window, moment)
    times, clock = [], NOW
    for step, amount in additions:
        clock += step
        times.append((clock, amount))
    least = sum(amount for time, amount in times if time > moment - window)
    most = sum(amount for time, amount in times if time >= moment - window * (SLOTS + 1) / SLOTS)
    assert least <= total <= most


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "within", "put", "new", "get", "delete", "acquire", "release", "entries", "all", "take"]
        ),
        st.sampled_from(["a", "b", "a/x"]),
        st.integers(0, 6),
        st.floats(0, 40),
    ),
    max_size=40,
)


def _do(store: StateStore, kind: str, key: str, number: int, now: float) -> object:
    operations: dict[str, Callable[[], object]] = {
        "add": lambda: store.add(key, number, 60, now),
        "within": lambda: store.add_within(key, number, 9, 60, now),
        "put": lambda: store.put(key, str(number), now, number * 10 or None),
        "new": lambda: store.put_new(key, str(number), now, number * 10 or None),
        "get": lambda: store.get(key, now),
        "delete": lambda: store.delete(key),
        "acquire": lambda: store.acquire(key, str(number), 2, 30, now),
        "release": lambda: store.release(key, str(number)),
        "entries": lambda: store.entries("a", now),
        "all": lambda: store.add_all([Addition(key, number, 60, 9), Addition(key, 1, 30)], now),
        "take": lambda: store.take(f"bucket {key}", number, 0.5, 8.0, now, number % 3),
    }
    return operations[kind]()


@settings(max_examples=80)
@given(operations=OPERATIONS)
def test_all_stores_give_the_same_answers(
    tmp_path_factory: pytest.TempPathFactory, server: RedisServer, operations: list[tuple[str, str, int, float]]
) -> None:
    memory, sqlite = MemoryState(), SqliteState(tmp_path_factory.mktemp("same") / "state.sqlite")
    shared = _in_redis(server)
    moment = NOW
    for kind, key, number, step in operations:
        moment += step
        told = _do(memory, kind, key, number, moment)
        assert told == _do(sqlite, kind, key, number, moment)
        assert told == _do(shared, kind, key, number, moment)
    sqlite.close()
    shared.close()


def test_values_come_and_go(store: StateStore) -> None:
    assert store.get("k", NOW) is None
    store.put("k", "v", NOW, 10)
    assert store.get("k", NOW + 9) == "v"
    assert store.get("k", NOW + 10) is None
    assert store.put_new("k", "w", NOW + 11) == "w"
    assert store.put_new("k", "x", NOW + 12) == "w"
    assert store.get("k", NOW + 1e9) == "w"
    store.delete("k")
    assert store.get("k", NOW) is None


def test_entries_are_those_of_the_prefix_in_order(store: StateStore) -> None:
    for key in ("pin/b", "pin/a", "pine", "pin", "other", "pin/\U0010fffe"):
        store.put(key, key.upper(), NOW)
    store.put("pin/gone", "", NOW, 5)
    assert [key for key, _ in store.entries("pin/", NOW + 6)] == ["pin/a", "pin/b", "pin/\U0010fffe"]
    assert len(store.entries("pin/", NOW, limit=1)) == 1


def test_leases_are_limited_renewed_and_end(store: StateStore) -> None:
    assert store.acquire("k", "one", 2, 30, NOW)
    assert store.acquire("k", "two", 2, 30, NOW)
    assert not store.acquire("k", "three", 2, 30, NOW)
    assert store.acquire("k", "one", 2, 30, NOW + 20)
    assert store.acquire("k", "three", 2, 30, NOW + 31)
    assert not store.acquire("k", "two", 2, 30, NOW + 31)
    store.release("k", "one")
    store.release("k", "never")
    assert store.acquire("k", "two", 2, 30, NOW + 31)


@pytest.mark.parametrize(
    ("key", "value"), [("k" * 513, "v"), ("k", "v" * (1 << 20) + "v"), ("\ud800", "v"), ("k", "\ud800")]
)
def test_what_cannot_be_stored_is_an_error(store: StateStore, key: str, value: str) -> None:
    with pytest.raises(StateError):
        store.put(key, value, NOW)


def test_threads_do_not_overshoot(store: StateStore) -> None:
    def take(_: int) -> bool:
        return store.add_within("k", 3, 100, 60, NOW).admitted

    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(take, range(200)))
    assert taken == 33
    assert store.total("k", 60, NOW) == 99


CHILD = """
import sys
from pathlib import Path
from clyra_proxy.state.sqlite import SqliteState
store = SqliteState(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
taken = sum(store.add_within("limit", 7, 1000, 60, 1.8e9).admitted for _ in range(150))
for _ in range(150):
    store.add("sum", 1, 60, 1.8e9)
first = store.put_new("first", sys.argv[2], 1.8e9)
leases = sum(store.acquire("lease", f"{sys.argv[2]}-{n}", 10, 60, 1.8e9) for n in range(10))
print(taken, first, leases)
"""


def test_processes_do_not_overshoot(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    answers = race(CHILD, str(path))
    assert sum(int(answer[0]) for answer in answers) == 142
    assert len({answer[1] for answer in answers}) == 1
    assert sum(int(answer[2]) for answer in answers) == 10
    store = SqliteState(path)
    assert store.total("limit", 60, NOW) == 994
    assert store.total("sum", 60, NOW) == 600


def test_forked_child_has_its_own_connection(tmp_path: Path) -> None:
    store = SqliteState(tmp_path / "state.sqlite")
    store.add("k", 1, 60, NOW)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if store.add("k", 1, 60, NOW) == 2 else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.add("k", 1, 60, NOW) == 3


def test_file_is_private_and_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    store = SqliteState(path)
    store.put("k", "v", NOW)
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    elsewhere = tmp_path / "link"
    elsewhere.symlink_to(path)
    with pytest.raises(StateError):
        SqliteState(elsewhere).get("k", NOW)


def test_wider_permissions_are_narrowed(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.touch(0o644)
    SqliteState(path).put("k", "v", NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_broken_file_is_an_error_for_every_operation(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    store = SqliteState(path)
    for kind in ("add", "within", "put", "new", "get", "delete", "acquire", "release", "entries", "all", "take"):
        with pytest.raises(StateError):
            _do(store, kind, "k", 1, NOW)


def test_together_is_all_or_nothing(tmp_path: Path) -> None:
    store = SqliteState(tmp_path / "state.sqlite")
    with store.together(NOW):
        store.add("k", 2, 60, NOW)
        assert store.put_new("v", "1", NOW) == "1"
        assert (store.get("v", NOW), store.total("k", 60, NOW)) == ("1", 2)

    def fail() -> None:
        with store.together(NOW):
            store.add("k", 5, 60, NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (store.get("v", NOW), store.total("k", 60, NOW)) == ("1", 2)


def test_a_part_that_failed_fails_what_it_was_together_with(tmp_path: Path) -> None:
    store = SqliteState(tmp_path / "state.sqlite")

    def fail_in_part() -> None:
        with store.together(NOW):
            store.add("k", 5, 60, NOW)
            with contextlib.suppress(StateError):
                store.add("huge", 1 << 70, 60, NOW)  # no integer that the file holds

    with pytest.raises(StateError):
        fail_in_part()
    assert store.total("k", 60, NOW) == 0
    assert store.add("k", 1, 60, NOW) == 1


def test_a_file_that_was_slow_is_not_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteState(tmp_path / "state.sqlite")
    assert not store.prompt
    monkeypatch.setattr(sqlite_file, "SLOW_S", 60.0)
    store.add("k", 1, 60, NOW)
    assert store.prompt
    monkeypatch.setattr(sqlite_file, "SLOW_S", -1.0)
    monkeypatch.setattr(sqlite_file, "DISTRUST", 10**9)
    store.add("k", 1, 60, NOW)
    assert not store.prompt
