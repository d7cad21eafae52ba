"""When batches go, on a clock of its own: nothing here waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from clyra_proxy.evidence.pace import IDLE_TURN_S, LONGEST_S, SHORTEST_S, Pace

BUSY_TURN_S = IDLE_TURN_S * 20


class _Loop:
    """What `Pace` uses of an event loop, in virtual time; a turn takes `turn` seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.turn = 0.0
        self._real = asyncio.new_event_loop()
        self._planned: list[tuple[float, asyncio.Handle, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, work: Callable[[], None]) -> asyncio.Handle:
        handle = asyncio.Handle(work, [], self._real)  # type: ignore[arg-type]
        self._planned.append((self.now, handle, work))
        return handle

    def call_later(self, delay: float, work: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay, work, [], self._real)  # type: ignore[arg-type]
        self._planned.append((self.now + delay, handle, work))
        return handle

    def run(self) -> None:
        """Until nothing is planned."""
        while self._planned:
            self._planned.sort(key=lambda planned: planned[0])
            at, handle, work = self._planned.pop(0)
            if not handle.cancelled():
                self.now = max(self.now + self.turn, at)
                work()

    def close(self) -> None:
        self._real.close()


@pytest.fixture
def loop() -> Any:
    made = _Loop()
    yield made
    made.close()


def _paced(loop: _Loop) -> tuple[Pace, list[float]]:
    gone: list[float] = []

    def send() -> None:
        gone.append(loop.now)
        pace.sent()

    pace = Pace(loop, send)  # type: ignore[arg-type]
    return pace, gone


def test_the_first_batch_goes_at_once_even_when_busy(loop: _Loop) -> None:
    loop.turn = BUSY_TURN_S
    pace, gone = _paced(loop)
    pace.ask()
    pace.ask()
    loop.run()
    assert gone == [1000.0 + BUSY_TURN_S]


def test_an_idle_worker_sends_after_the_shortest_time(loop: _Loop) -> None:
    pace, gone = _paced(loop)
    pace.sent()
    pace.ask()
    loop.run()
    assert gone == [pytest.approx(1000.0 + SHORTEST_S)]


def test_a_busy_worker_gathers_for_the_longest_time_at_most(loop: _Loop) -> None:
    loop.turn = BUSY_TURN_S
    pace, gone = _paced(loop)
    pace.sent()
    pace.ask()
    loop.run()
    (at,) = gone
    assert 1000.0 + LONGEST_S <= at <= 1000.0 + LONGEST_S + BUSY_TURN_S


def test_who_waits_is_not_held_up_by_a_later_plan(loop: _Loop) -> None:
    pace, gone = _paced(loop)
    pace.within(1.0)
    pace.ask()
    loop.run()
    assert gone == [1000.0]


def test_what_can_wait_goes_with_what_cannot(loop: _Loop) -> None:
    pace, gone = _paced(loop)
    pace.sent()
    pace.ask()
    pace.within(1.0)
    loop.run()
    assert gone == [pytest.approx(1000.0 + SHORTEST_S)]


def test_a_plan_can_be_dropped(loop: _Loop) -> None:
    pace, gone = _paced(loop)
    pace.within(1.0)
    pace.stop()
    loop.run()
    assert gone == []
