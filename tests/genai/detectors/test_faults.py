"""Whatever a detector does wrong, nothing passes because of it and nothing waits longer than its budget."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from clyra_proxy.verdict.model import Action
from tests.support.detecting import VENDORS, detectors, facts, inspection, service
from tests.support.detector_server import BODIES, FAULTS, HEADS, WIRES, DetectorServer

TIMEOUT_MS = 600
SLACK_S = 6.0
"""A loaded machine may schedule late; a detector that is waited for would take an hour."""


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_fault_is_unavailable_within_the_budget(fault: str, server: DetectorServer) -> None:
    bad = service(f"{server.url}/v1/detect?fault={fault}", timeout_ms=TIMEOUT_MS)
    async with detectors(bad) as asked:
        started = time.monotonic()
        signals = await asked.ask(inspection("quite harmless", "another text"))
        assert time.monotonic() - started < TIMEOUT_MS / 1000 + SLACK_S
    assert facts(signals) == [("detector.unavailable", "block")]
    assert signals[0].detail["detector"] == "one"
    assert signals[0].detail["cause"]


_SHAPELESS = {"garbage", "empty", "html", "null", "array", "invalid_utf8", "two_texts", "truncated", "deep"}
ANYONES = (*sorted(_SHAPELESS & BODIES.keys()), *HEADS, *WIRES)
"""Faults that are faults in every shape."""


@pytest.mark.parametrize("path", ["azure", "openai", "lakera", "presidio", "judge"])
@pytest.mark.parametrize("fault", ANYONES)
async def test_a_fault_in_a_vendors_answer_is_never_harmless(fault: str, path: str, server: DetectorServer) -> None:
    if (fault, path) == ("array", "presidio"):
        return  # an empty array is its way to say "nothing found"
    bad = service(f"{server.url}/{path}?fault={fault}", timeout_ms=300, **VENDORS[path])
    async with detectors(bad) as asked:
        assert facts(await asked.ask(inspection("harmless"))) == [("detector.unavailable", "block")]


@pytest.mark.parametrize(("on_failure", "action"), [("block", "block"), ("mark", "mark")])
async def test_the_declared_outcome_applies(on_failure: str, action: str, server: DetectorServer) -> None:
    async with detectors(service(f"{server.url}/?fault=status_500", on_failure=on_failure)) as asked:
        assert facts(await asked.ask(inspection("harmless"))) == [("detector.unavailable", action)]


async def test_nobody_listens() -> None:
    async with detectors(service("http://127.0.0.1:1/v1/detect")) as asked:
        signals = await asked.ask(inspection("harmless"))
    assert facts(signals) == [("detector.unavailable", "block")]
    assert signals[0].detail["cause"] == "connection"


async def test_the_next_one_stands_in_and_the_failure_stays_visible(server: DetectorServer) -> None:
    first = service(f"{server.url}/?fault=garbage", on_failure="next")
    second = service(f"{server.url}/", name="two")
    async with detectors(first, second) as asked:
        assert facts(await asked.ask(inspection("harmless"))) == [("detector.unavailable", "allow")]
        assert facts(await asked.ask(inspection("a tell-tale text"))) == [
            ("detector.unavailable", "allow"),
            ("detector.flagged", "block"),
        ]


@pytest.mark.parametrize(("last", "action"), [("block", "block"), ("mark", "mark")])
async def test_when_all_fail_the_last_ones_outcome_applies(last: str, action: str, server: DetectorServer) -> None:
    first = service(f"{server.url}/?fault=hang", on_failure="next", timeout_ms=100)
    second = service(f"{server.url}/?fault=status_503", name="two", on_failure="next")
    third = service(f"{server.url}/?fault=reset", name="three", on_failure=last)
    async with detectors(first, second, third) as asked:
        assert facts(await asked.ask(inspection("harmless")))[-1] == ("detector.unavailable", action)


async def test_the_budget_holds_for_the_whole_chain(server: DetectorServer) -> None:
    first = service(f"{server.url}/?fault=hang", on_failure="next", timeout_ms=5000)
    second = service(f"{server.url}/", name="two", timeout_ms=5000)
    async with detectors(first, second, budget_ms=300) as asked:
        started = time.monotonic()
        signals = await asked.ask(inspection("harmless"))
        assert time.monotonic() - started < 0.3 + SLACK_S
    assert facts(signals)[-1] == ("detector.unavailable", "block")


async def test_a_flood_waits_within_bounds_and_the_rest_is_refused(server: DetectorServer) -> None:
    slow = service(f"{server.url}/?delay=0.2", concurrency=2, waiting=3, cache_seconds=0, timeout_ms=1900)
    async with detectors(slow, budget_ms=2000) as asked:
        told = await asyncio.gather(*(asked.ask(inspection(f"text {number}")) for number in range(12)))
    causes = [signals[0].detail["cause"] for signals in told if signals]
    assert causes.count("busy") >= 12 - 2 - 3
    assert set(causes) <= {"busy", "timeout"}


async def test_a_hanging_detector_is_left_alone_then_tried_again(server: DetectorServer) -> None:
    """Closed, open, half-open with one probe, closed."""
    bad = service(f"{server.url}/?fault=status_500", cache_seconds=0, breaker={"failures": 3, "open_ms": 3000})
    async with detectors(bad) as asked:
        causes = [(await asked.ask(inspection("harmless")))[0].detail["cause"] for _ in range(6)]
        assert causes == ["status"] * 3 + ["circuit_open"] * 3
        await asyncio.sleep(3.1)
        told = await asyncio.gather(*(asked.ask(inspection("harmless")) for _ in range(5)))
        assert sorted(str(signals[0].detail["cause"]) for signals in told) == ["circuit_open"] * 4 + ["status"]


async def test_a_client_that_goes_away_leaves_no_place_taken(server: DetectorServer) -> None:
    slow = service(f"{server.url}/?fault=hang", concurrency=1, waiting=0, timeout_ms=5000, cache_seconds=0)
    async with detectors(slow, budget_ms=5000) as asked:
        for number in range(5):
            gone = asyncio.ensure_future(asked.ask(inspection(f"text {number}")))
            await asyncio.sleep(0.1)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            await asyncio.sleep(0.1)
        for _ in range(50):
            waiting = asyncio.ensure_future(asked.ask(inspection("the last")))
            await asyncio.wait({waiting}, timeout=0.3)
            if not waiting.done():
                waiting.cancel()
                return
        pytest.fail("every place is still taken")


async def test_faults_one_after_another_do_not_poison_a_good_answer(server: DetectorServer) -> None:
    """Every pair of faults on one detector object: the connection pool carries nothing over."""
    for fault in itertools.chain(FAULTS[:4], ("wrong_length", "close_in_body", "reset")):
        bad = service(f"{server.url}/?fault={fault}", on_failure="next", cache_seconds=0, timeout_ms=TIMEOUT_MS)
        good = service(f"{server.url}/", name="two", cache_seconds=0)
        async with detectors(bad, good) as asked:
            for text, expected in (("harmless", 0), ("tell-tale", 1), ("harmless again", 0)):
                signals = await asked.ask(inspection(text))
                assert sum(signal.action is Action.BLOCK for signal in signals) == expected, fault


async def test_what_hangs_for_the_whole_budget_is_counted_too(server: DetectorServer) -> None:
    """Also with a stand-in behind it, which has no time left and is not blamed for that."""
    slow = {"timeout_ms": 5000, "cache_seconds": 0, "breaker": {"failures": 2, "open_ms": 60_000}}
    hanging = f"{server.url}/?fault=hang"
    async with detectors(service(hanging, **slow), budget_ms=100) as asked:
        told = [(await asked.ask(inspection("harmless")))[0] for _ in range(3)]
    assert [one.detail["cause"] for one in told] == ["timeout", "timeout", "circuit_open"]
    first = service(hanging, on_failure="next", **slow)
    async with detectors(first, service(f"{server.url}/", name="two", cache_seconds=0), budget_ms=500) as asked:
        told = [signal for _ in range(3) for signal in await asked.ask(inspection("harmless"))]
    assert [(one.detail["detector"], one.detail["cause"]) for one in told] == [
        *[("one", "timeout"), ("two", "timeout")] * 2,
        ("one", "circuit_open"),
    ]
