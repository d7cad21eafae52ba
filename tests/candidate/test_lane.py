"""The thread beside the loop: everything is told once, whatever becomes of it, and nobody waits."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from clyra_proxy.candidate import lane as lane_module
from clyra_proxy.candidate.lane import MOST_STUCK, Lane, LaneError

PATIENCE_S = 60.0


def _raise() -> None:
    raise KeyError("a value that must not be told")


async def _told(lane: Lane, works: list[Any], patience_s: float = PATIENCE_S) -> list[Any]:
    told: list[Any] = []
    for work in works:
        lane.submit(work, told.append, patience_s)
    await asyncio.wait_for(lane.drain(), PATIENCE_S)
    return [one.why if isinstance(one, LaneError) else one for one in told]


def test_results_and_faults_are_told_in_order() -> None:
    async def body() -> list[Any]:
        return await _told(Lane("t"), [lambda: 1, _raise, lambda: 3])

    assert asyncio.run(body()) == [1, "KeyError", 3]


def test_work_that_hangs_is_given_up_and_the_next_goes_on() -> None:
    release = threading.Event()

    async def body() -> tuple[list[Any], list[Any]]:
        lane = Lane("t")
        stuck = await _told(lane, [release.wait], 0.05)
        return stuck, await _told(lane, [lambda: 2])

    try:
        assert asyncio.run(body()) == (["timeout"], [2])
    finally:
        release.set()


def test_a_lane_that_hangs_again_and_again_closes() -> None:
    release = threading.Event()

    async def body() -> list[Any]:
        lane = Lane("t")
        for _ in range(MOST_STUCK):
            assert await _told(lane, [release.wait], 0.05) == ["timeout"]
        return await _told(lane, [lambda: 2])

    try:
        assert asyncio.run(body()) == ["stopped"]
    finally:
        release.set()


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "MOST_WAITING", 2)
    release, begun = threading.Event(), threading.Event()

    def hold() -> int:
        begun.set()
        release.wait(PATIENCE_S)
        return 0

    async def body() -> list[Any]:
        lane, told = Lane("t"), []
        lane.submit(hold, told.append, PATIENCE_S)
        await asyncio.to_thread(begun.wait, PATIENCE_S)
        for number in (1, 2, 3):
            lane.submit(lambda n=number: n, told.append, PATIENCE_S)
        await asyncio.sleep(0)
        release.set()
        await asyncio.wait_for(lane.drain(), PATIENCE_S)
        return sorted(one.why if isinstance(one, LaneError) else str(one) for one in told)

    assert asyncio.run(body()) == ["0", "1", "2", "overflow"]
