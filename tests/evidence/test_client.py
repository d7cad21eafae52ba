"""The proxy's client against a real recorder: durable or refused, spooled, replayed, never lost in silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from clyra_proxy.errors import EvidenceError
from clyra_proxy.evidence import courier
from clyra_proxy.evidence.client import RecorderClient
from clyra_proxy.evidence.spool import Spool
from clyra_proxy.exchange import Exchange
from clyra_proxy.home import Home
from clyra_proxy.verdict.identifiers import new_identifier
from recorder import database
from recorder.layout import Layout
from recorder.main import prepare
from tests.support.exchanges import exchange
from tests.support.recorder_process import RecorderProcess, running_recorder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


@contextlib.asynccontextmanager
async def _client(home: Home, **options: Any) -> AsyncIterator[RecorderClient]:
    client = RecorderClient(home, **options)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def _until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


def _exchange() -> Exchange:
    return exchange(new_identifier())


def _records(home: Home, source: str = "") -> list[dict[str, Any]]:
    connection = database.open_for_reading(Layout(home.root).database)
    found = [orjson.loads(line) for _, _, line in database.read_lines(connection, 0, 1 << 60)]
    connection.close()
    return [one for one in found if not source or one["src"]["id"] == source]


async def _refused(attempt: Awaitable[None]) -> str:
    with pytest.raises(EvidenceError) as refused:
        await attempt
    return str(refused.value)


async def test_an_intent_is_in_the_log_when_it_returns(home: Home) -> None:
    with running_recorder(home.root):
        async with _client(home) as client:
            made = _exchange()
            await client.intent(made)
            (record,) = _records(home, client.source)
            assert record["data"]["exchange"] == made.id
            assert made.intent_id == f"{client.source}/1"
            client.outcome(made)
        answer = _records(home, client.source)[1]
        assert answer["refs"][0]["seq"] == record["seq"]


async def test_many_at_once_share_commits_and_keep_their_order(home: Home) -> None:
    with running_recorder(home.root):
        async with _client(home) as client:

            async def one(number: int) -> None:
                made = _exchange()
                if number % 3:
                    await client.intent(made)
                client.outcome(made)

            await asyncio.gather(*(one(number) for number in range(300)))
        records = _records(home, client.source)
        assert [record["src"]["seq"] for record in records] == list(range(1, 501))
        assert len({record["src"]["mac"] for record in records}) < 100
        phases = [record["data"]["phase"] for record in records]
        assert (phases.count("intent"), phases.count("outcome"), phases.count("whole")) == (200, 200, 100)


async def test_without_a_recorder_nothing_may_act_and_nothing_is_lost(home: Home) -> None:
    prepare(Layout(home.root))
    async with _client(home) as client:
        assert (client.state, client.ready) == ("down", False)
        assert "down" in await _refused(client.intent(_exchange()))
        for _ in range(50):
            client.outcome(_exchange())
        with running_recorder(home.root):
            await _until(lambda: client.ready)
            await client.intent(_exchange())
            records = _records(home, client.source)
            assert [record["src"]["seq"] for record in records] == list(range(1, 52))
            (spooled,) = [record["data"] for record in _records(home) if record["typ"] == "sys.spool"]
            assert (spooled["first"], spooled["count"]) == (1, 50)
    assert not list((home.spool / "evidence").iterdir())


async def test_a_recorder_that_dies_and_returns_misses_nothing(home: Home) -> None:
    recorder = RecorderProcess(home.root).wait_ready()
    accepted: list[str] = []
    try:
        async with _client(home) as client:
            stopping = asyncio.Event()

            async def load() -> None:
                while not stopping.is_set():
                    made = _exchange()
                    try:
                        await client.intent(made)
                    except EvidenceError:
                        await asyncio.sleep(0.005)
                    else:
                        accepted.append(made.id)
                    client.outcome(made)

            loads = [asyncio.create_task(load()) for _ in range(6)]
            for _ in range(4):
                await asyncio.sleep(0.3)
                recorder.kill()
                await asyncio.sleep(0.1)
                recorder = await asyncio.to_thread(lambda: RecorderProcess(home.root).wait_ready())
                await _until(lambda: client.ready)
            stopping.set()
            await asyncio.gather(*loads)
            assert client.lost == 0
        records = _records(home, client.source)
        assert [record["src"]["seq"] for record in records] == list(range(1, len(records) + 1))
        recorded = [record["data"]["exchange"] for record in records if record["data"]["phase"] == "intent"]
        assert set(accepted) <= set(recorded)
        assert len(recorded) == len(set(recorded))
        assert not [record for record in _records(home) if record["typ"] == "sys.gap"]
    finally:
        recorder.kill()


async def test_the_spool_of_a_worker_that_is_gone_is_adopted(home: Home) -> None:
    prepare(Layout(home.root))
    async with _client(home, source="proxy-old") as gone:
        for _ in range(7):
            gone.outcome(_exchange())
    assert [path.name for path in (home.spool / "evidence").iterdir()] == ["proxy-old.spool"]
    with running_recorder(home.root):
        async with _client(home) as client:
            await _until(lambda: client.ready)
            assert [record["src"]["seq"] for record in _records(home, "proxy-old")] == list(range(1, 8))
    assert not list((home.spool / "evidence").iterdir())


async def test_what_does_not_fit_is_a_declared_gap(home: Home) -> None:
    prepare(Layout(home.root))
    async with _client(home, spool_bytes=4000) as client:
        for _ in range(30):
            client.outcome(_exchange())
            await asyncio.sleep(courier.FLUSH_S * 1.5)
        assert client.lost > 0
        with running_recorder(home.root):
            await _until(lambda: client.ready)
            client.outcome(_exchange())
            await _until(lambda: client.queued == 0)
            await _until(lambda: any(record["typ"] == "sys.gap" for record in _records(home)))
            gaps = [record["data"] for record in _records(home) if record["typ"] == "sys.gap"]
            assert {gap["cause"] for gap in gaps} == {"spool_full"}
            assert sum(gap["count"] for gap in gaps) == client.lost
            assert len(_records(home, client.source)) + client.lost == 31


async def test_a_full_queue_refuses_intents_and_declares_the_rest(home: Home) -> None:
    with running_recorder(home.root):
        async with _client(home, queue_events=5) as client:
            attempts = [asyncio.ensure_future(client.intent(_exchange())) for _ in range(20)]
            results = await asyncio.gather(*attempts, return_exceptions=True)
            assert results[:5] == [None] * 5
            assert all(isinstance(result, EvidenceError) for result in results[5:])
            await client.intent(_exchange())


async def test_a_recorder_that_hangs_is_a_refusal_in_time(home: Home) -> None:
    prepare(Layout(home.root))

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(65536):
                pass
        writer.close()

    server = await asyncio.start_unix_server(swallow, home.recorder_socket)
    async with _client(home, timeout_s=0.3) as client:
        assert "went away" in await _refused(client.intent(_exchange()))
        server.close()


@pytest.mark.parametrize("status", [503, 507, 401, 400, 409])
async def test_a_recorder_that_says_no_is_a_refusal_and_is_asked_again(home: Home, status: int) -> None:
    prepare(Layout(home.root))
    asked = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
                asked += 1
                writer.write(b"HTTP/1.1 %d No\r\ncontent-length: 2\r\nretry-after: 1\r\n\r\n{}" % status)

    server = await asyncio.start_unix_server(refuse, home.recorder_socket)
    async with _client(home) as client:
        assert str(status) in await _refused(client.intent(_exchange()))
        assert not client.ready
        await _until(lambda: asked > 1)
        server.close()
    assert client.queued == 0


def test_a_spool_survives_and_stops_at_a_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "p.spool"
    spool = Spool(path, 10_000)
    assert spool.append([(1, b"{}"), (2, b"{}"), (4, b"{}")])
    with pytest.raises(BlockingIOError):
        Spool(path, 10_000)
    assert path.stat().st_mode & 0o777 == 0o600
    spool.close()
    with path.open("ab") as file:
        file.write(b"5 {torn")
    spool = Spool(path, 10_000)
    assert spool.next_batch(10, 1000) == [(1, b"{}"), (2, b"{}")]
    spool.done()
    assert spool.next_batch(10, 1000) == [(4, b"{}")]
    spool.done()
    assert spool.next_batch(10, 1000) == []
    spool.done()
    assert not spool.waiting
    assert not spool.append([(n, b"x" * 100) for n in range(200)])
    spool.close()
    assert not path.exists()


async def test_what_cannot_be_described_is_a_gap_and_its_error_text_reaches_no_log(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    with running_recorder(home.root):
        async with _client(home) as client:
            made = _exchange()
            made.request.path = "/\ud800"  # no encoding can write it
            client.outcome(made)
            assert client.lost == 1
    assert "UnicodeEncodeError at " in caplog.text
    for part in ("Traceback", "surrogates", "\\ud800"):
        assert part not in caplog.text
