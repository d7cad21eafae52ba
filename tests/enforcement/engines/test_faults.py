"""Whatever an engine does wrong, nothing passes because of it and nothing waits longer than its budget."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.support.detector_server import HEADS, WIRES
from tests.support.engines.asking import ask, engines, facts, opa, openfga, question
from tests.support.engines.server import SAYS, EngineProcess

TIMEOUT_MS = 400
SLACK_S = 6.0
"""A loaded machine may schedule late; an engine that is waited for would take an hour."""
SHAPELESS = ("garbage", "empty", "html", "null", "array", "invalid_utf8", "two_texts", "truncated", "deep")
UNAVAILABLE = [("unavailable", "engine.unavailable", "block")]


@pytest.mark.parametrize("fault", [*SHAPELESS, *HEADS, *WIRES, *SAYS])
async def test_every_fault_is_unavailable_within_the_budget(fault: str, server: EngineProcess) -> None:
    bad = f"{server.url}/fault/{fault}"
    first = opa(bad, "plain/yes", timeout_ms=TIMEOUT_MS)
    async with engines(opa=[first], openfga=[openfga(bad, timeout_ms=TIMEOUT_MS)]) as compiled:
        started = time.monotonic()
        told = await ask(compiled, question())
        assert time.monotonic() - started < TIMEOUT_MS / 1000 + SLACK_S
    assert facts(told) == UNAVAILABLE * 2
    assert all(one.finding is not None and one.finding.error and one.finding.detail["cause"] for one in told)


async def test_nobody_listens() -> None:
    async with engines(opa=[opa("http://127.0.0.1:1")]) as compiled:
        (told,) = await ask(compiled, question())
    assert told.finding is not None
    assert told.finding.detail["cause"] == "connection"
    assert compiled.standing == {"opa": "fails: connection"}


async def test_the_budget_holds_for_all_together(server: EngineProcess) -> None:
    slow = opa(f"{server.url}/fault/hang", timeout_ms=5000)
    fine = opa(server.url, "plain/yes", name="two")
    async with engines(budget_ms=600, opa=[slow, fine]) as compiled:
        assert facts(await ask(compiled, question())) == [*UNAVAILABLE, ("allow", "", "")]


async def test_what_hangs_for_the_whole_budget_is_counted_too(server: EngineProcess) -> None:
    slow = opa(f"{server.url}/fault/hang", timeout_ms=5000, breaker={"failures": 2, "open_ms": 60_000})
    async with engines(budget_ms=100, opa=[slow]) as compiled:
        told = [(await ask(compiled, question()))[0] for _ in range(3)]
    assert [one.finding.detail["cause"] for one in told if one.finding] == ["timeout", "timeout", "circuit_open"]


async def test_what_keeps_failing_is_left_alone_then_tried_again(server: EngineProcess) -> None:
    """Closed, open, half-open with one probe, closed again by an answer."""
    bad = opa(f"{server.url}/fault/status_500", "plain/yes", breaker={"failures": 3, "open_ms": 1500})
    async with engines(opa=[bad]) as compiled:
        causes = [
            one.finding.detail["cause"] for _ in range(5) for one in await ask(compiled, question()) if one.finding
        ]
        assert causes == ["status"] * 3 + ["circuit_open"] * 2
        assert compiled.failing == 1
        assert compiled.standing["opa"].startswith("left alone")
        await asyncio.sleep(1.6)
        probed = await asyncio.gather(*(ask(compiled, question()) for _ in range(4)))
        again = sorted(str(one[0].finding.detail["cause"]) for one in probed if one[0].finding)
        assert again == ["circuit_open"] * 3 + ["status"]


async def test_an_opinion_that_is_missing_is_no_fault_of_the_engine(server: EngineProcess) -> None:
    bad = opa(server.url, "plain/nowhere", breaker={"failures": 1, "open_ms": 60_000})
    async with engines(opa=[bad]) as compiled:
        told = [(await ask(compiled, question()))[0] for _ in range(3)]
    assert [one.finding.detail["cause"] for one in told if one.finding] == ["undefined"] * 3


async def test_a_flood_waits_within_bounds_and_the_rest_is_refused(server: EngineProcess) -> None:
    slow = opa(f"{server.url}/delay/0.3", "plain/yes", concurrency=2, waiting=2)
    async with engines(opa=[slow]) as compiled:
        told = await asyncio.gather(*(ask(compiled, question(f"agent-{number}")) for number in range(12)))
    causes = [one[0].finding.detail["cause"] if one[0].finding else "" for one in told]
    assert causes.count("busy") == 12 - 2 - 2
    assert causes.count("") == 4


async def test_an_answer_is_kept_only_where_policy_says_so_and_never_a_failure(server: EngineProcess) -> None:
    async with engines(
        opa=[
            opa(f"{server.url}/delay/0", "plain/proven", cache_seconds=60),
            opa(f"{server.url}/fault/status_500", "plain/yes", name="bad", cache_seconds=60),
        ]
    ) as compiled:
        for _ in range(2):
            assert facts(await ask(compiled, question())) == [("allow", "", ""), *UNAVAILABLE]
        first = compiled.engines[0].engine
        await first.aclose()
        first._service._transport._url = "http://127.0.0.1:1/"  # type: ignore[attr-defined]
        assert facts(await ask(compiled, question()))[0] == ("allow", "", "")
        assert facts(await ask(compiled, question(proven=False)))[0] == UNAVAILABLE[0]


async def test_probing_says_who_answers(server: EngineProcess) -> None:
    async with engines(
        opa=[opa(server.url), opa("http://127.0.0.1:1", name="gone")], openfga=[openfga(server.url)]
    ) as compiled:
        assert await compiled.probe() == {"opa": "answers", "gone": "fails: connection", "fga": "answers"}


async def test_the_secret_is_sent_and_a_refusal_of_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    with EngineProcess(tmp_path / "server.log", "--token", "s3cret") as guarded:
        right = opa(guarded.url, "plain/yes", credential={"file": "token"})
        wrong = opa(guarded.url, "plain/yes", name="two")
        async with engines(tmp_path, opa=[right, wrong]) as compiled:
            first, second = await ask(compiled, question())
    assert first.word == "allow"
    assert second.finding is not None
    assert second.finding.detail["cause"] == "unauthorised"
