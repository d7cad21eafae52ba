"""Halts of replicas through a real Redis: who knows what, when, and what nonsense in it does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.enforcement.halt.book import HaltBook, Order
from clyra_proxy.enforcement.halt.model import EVERYTHING, Actor, Cause, Channel, Halt, Phase, Place
from clyra_proxy.enforcement.halt.shared import SharedHalts, decode, encode, read_counts
from clyra_proxy.state.server import Server
from tests.support.certificates import Authority
from tests.support.processes import free_port
from tests.support.redis import RedisServer, running_redis

ANN = Actor("ann", "os")
BY_HAND = Order(Cause.MANUAL, Channel.CLI, "incident", ANN)
BOT = Place.parse("agent:bot")


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def server(one_server: RedisServer) -> RedisServer:
    redis.Redis.from_url(one_server.url).flushall()
    return one_server


class Replica:
    """A book that is kept up by the store."""

    def __init__(self, url: str) -> None:
        self.book = HaltBook()
        self.shared = SharedHalts(Server(url, timeout_s=10.0), lambda: self.book.all, self._merge)
        self.running: asyncio.Task[None] | None = None

    async def _merge(self, halts: Iterable[Halt]) -> None:
        self.book.merge(halts)

    async def halt(self, place: Place = EVERYTHING) -> bool:
        change = self.book.halt(place, BY_HAND, time.time())
        return await self.shared.tell([change.halt] if change is not None else [])

    def phase(self, place: Place = EVERYTHING) -> Phase | None:
        found = self.book.find(place)
        return None if found is None else found.phase


def together(url: str, work: Callable[[Replica, Replica], Awaitable[None]]) -> None:
    """Two replicas while `work` runs."""

    async def inside() -> None:
        replicas = Replica(url), Replica(url)
        tasks = [asyncio.create_task(replica.shared.run()) for replica in replicas]
        try:
            async with asyncio.timeout(60):
                await work(*replicas)
        finally:
            for task in tasks:
                task.cancel()
            for replica in replicas:
                await replica.shared.close()

    asyncio.run(inside())


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - another process has no event
        await asyncio.sleep(0.01)


def test_one_halts_and_the_other_resumes(server: RedisServer) -> None:
    async def work(here: Replica, there: Replica) -> None:
        await until(lambda: not here.shared.lost and not there.shared.lost)
        assert await here.halt()
        await until(lambda: there.phase() is Phase.HALTED)
        change = there.book.resume(EVERYTHING, ANN, Channel.CLI, "over", time.time())
        assert change is not None
        await there.shared.tell([change.halt])
        await until(lambda: here.phase() is None)

    together(server.url, work)


def test_who_comes_later_learns_at_once(server: RedisServer) -> None:
    async def first(here: Replica, _: Replica) -> None:
        await here.halt(BOT)

    async def later(here: Replica, _: Replica) -> None:
        await here.shared.begin()
        assert here.phase(BOT) is Phase.HALTED

    together(server.url, first)
    together(server.url, later)


def test_a_store_that_forgot_everything_is_told_again(server: RedisServer) -> None:
    async def work(here: Replica, there: Replica) -> None:
        await here.halt(BOT)
        await until(lambda: there.phase(BOT) is Phase.HALTED)
        client = redis.Redis.from_url(server.url)
        client.flushall()
        await until(lambda: client.hlen("{clyra}:halts") == 1)
        assert here.phase(BOT) is Phase.HALTED

    together(server.url, work)


def test_an_older_halt_does_not_replace_a_newer_one(server: RedisServer) -> None:
    async def work(here: Replica, there: Replica) -> None:
        await here.halt(BOT)
        (old,) = here.book.all
        change = here.book.resume(BOT, ANN, Channel.CLI, "over", time.time())
        assert change is not None
        await here.shared.tell([change.halt])
        await there.shared.tell([old])
        await until(lambda: there.book.all)
        await asyncio.sleep(0.6)
        assert [halt.phase for halt in there.book.all] == [Phase.RESUMED]

    together(server.url, work)


def test_nonsense_in_the_store_is_passed_over(server: RedisServer) -> None:
    async def work(here: Replica, there: Replica) -> None:
        client = redis.Redis.from_url(server.url)
        for number, text in enumerate(("", "|", "x|{", "zzz|null", "\x00", '9|{"version":1}')):
            client.hset("{clyra}:halts", f"agent:{number}", text)
        client.hset("{clyra}:halts", b"\xff", b"\xff")
        await here.halt(BOT)
        await until(lambda: there.phase(BOT) is Phase.HALTED)

    together(server.url, work)


def test_moments_are_the_stores(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(here: Replica, there: Replica) -> None:
        real = time.time
        monkeypatch.setattr("clyra_proxy.enforcement.halt.shared.time.time", lambda: real() + 7200)
        await here.shared.begin()
        told = here.shared.now()
        monkeypatch.undo()
        assert abs(told - time.time()) < 600

    together(server.url, work)


def test_without_a_store_nothing_is_shared_and_nothing_is_stopped() -> None:
    async def work(here: Replica, there: Replica) -> None:
        assert await here.halt() is False
        assert here.shared.lost
        assert here.phase() is Phase.HALTED
        assert there.phase() is None

    together("redis://127.0.0.1:1/0", work)


def test_tls_and_passwords(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    authority, other = (Authority(tmp_path_factory.mktemp(name)) for name in ("authority", "other"))
    leaf, port = authority.leaf(), free_port()
    words = ["--tls-port", str(port), "--tls-cert-file", str(leaf.certificate), "--tls-key-file", str(leaf.key)]
    words += ["--tls-ca-cert-file", str(authority.certificate), "--tls-auth-clients", "no"]

    async def told(password: str, trusted: Authority) -> bool:
        server = Server(f"rediss://:{password}@127.0.0.1:{port}/0", timeout_s=10.0, ca=str(trusted.certificate))
        shared = SharedHalts(server, tuple, lambda _: asyncio.sleep(0))
        change = HaltBook().halt(BOT, BY_HAND, 1.0)
        assert change is not None
        try:
            return await shared.tell([change.halt])
        finally:
            await shared.close()

    with running_redis(tmp_path / "redis", *words, password="s3cret"):
        assert asyncio.run(told("s3cret", authority))
        assert not asyncio.run(told("guess", authority))
        assert not asyncio.run(told("s3cret", other))


@given(st.lists(st.text(max_size=60), max_size=5))
def test_decoding_never_raises(texts: list[str]) -> None:
    assert decode(texts) == []


def test_what_is_encoded_comes_back_and_a_false_rank_is_not_believed(tmp_path: Path) -> None:
    book = HaltBook()
    change = book.halt(BOT, BY_HAND, 5.0)
    assert change is not None
    name, text = encode(change.halt)
    assert name == "agent:bot"
    assert decode([text]) == [change.halt]
    assert decode([text.replace("000000000000001.", "999999999999999.", 1)]) == []


def test_thresholds_count_what_happens_on_all_replicas(server: RedisServer) -> None:
    counted: dict[str, list[object]] = {"one": [], "other": []}

    def listening(name: str) -> Callable[[object], Awaitable[None]]:
        async def hear(tally: object) -> None:
            counted[name].append(tally)

        return hear

    async def work(one: Replica, other: Replica) -> None:
        one.shared.hear, other.shared.hear = listening("one"), listening("other")
        await until(lambda: not one.shared.lost and not other.shared.lost)
        channel = "{clyra}:counts"
        watch = redis.Redis.from_url(server.url)
        await until(lambda: dict(watch.pubsub_numsub(channel)).get(channel.encode()) == 2)
        watch.publish(channel, b'{"from": 1, "tally": []}')
        watch.publish(channel, b'{"from": "x", "tally": {"agent:bot": {"injections": -1}}}')
        await one.shared.count({"agent:bot": {"injections": 2, "exchanges": 5}})
        await until(lambda: counted["other"])
        await other.shared.count({"agent:bot": {"injections": 1, "exchanges": 1}})
        await until(lambda: counted["one"])

    together(server.url, work)
    assert counted["other"] == [{"agent:bot": {"injections": 2, "exchanges": 5}}]
    assert counted["one"] == [{"agent:bot": {"injections": 1, "exchanges": 1}}]


def test_counts_are_kept_for_nobody_while_the_server_is_away() -> None:
    async def work() -> None:
        shared = SharedHalts(Server(f"redis://127.0.0.1:{free_port()}/0", timeout_s=0.2), tuple, _nothing)
        await shared.count({"agent:bot": {"injections": 1}})
        shared.lost = False
        await shared.count({"agent:bot": {"injections": 1}})
        await shared.close()

    asyncio.run(work())


async def _nothing(_: object) -> None:
    """Nobody to tell."""


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_counts_that_make_no_sense_are_passed_over(data: bytes | str) -> None:
    told = read_counts(data)
    assert told is None or (isinstance(told[0], str) and isinstance(told[1], dict))
