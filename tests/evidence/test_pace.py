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


def _paced(loop: _Loop, *, enough: bool) -> tuple[Pace, list[float]]:
    gone: list[float] = []

    def send() -> None:
        gone.append(loop.now)
        pace.sent()

    pace = Pace(loop, send, lambda: enough)  # type: ignore[arg-type]
    return pace, gone


@pytest.mark.parametrize("enough", [True, False])
@pytest.mark.parametrize("turn", [0.0, BUSY_TURN_S])
def test_a_batch_goes_at_once_when_there_was_none_just_now(loop: _Loop, turn: float, enough: bool) -> None:
    loop.turn = turn
    pace, gone = _paced(loop, enough=enough)
    pace.ask()
    pace.ask()
    loop.run()
    assert gone == [1000.0 + turn]


@pytest.mark.parametrize(
    ("turn", "enough", "earliest"),
    [
        (0.0, True, 0.0),
        (0.0, False, SHORTEST_S),
        (BUSY_TURN_S, True, SHORTEST_S),
        (BUSY_TURN_S, False, LONGEST_S),
    ],
    ids=["idle, all wait", "idle, more to come", "busy, half wait", "busy, more to come"],
)
def test_a_batch_after_another_goes_when_it_is_time(loop: _Loop, turn: float, enough: bool, earliest: float) -> None:
    loop.turn = turn
    pace, gone = _paced(loop, enough=enough)
    pace.sent()
    pace.ask()
    loop.run()
    (at,) = gone
    assert earliest <= at - 1000.0 + 1e-9 <= earliest + 2 * turn + 2e-9


def test_who_waits_is_not_held_up_by_a_later_plan(loop: _Loop) -> None:
    pace, gone = _paced(loop, enough=True)
    pace.within(1.0)
    pace.ask()
    loop.run()
    assert gone == [1000.0]


def test_what_can_wait_goes_with_what_cannot(loop: _Loop) -> None:
    pace, gone = _paced(loop, enough=False)
    pace.sent()
    pace.ask()
    pace.within(1.0)
    loop.run()
    assert gone == [pytest.approx(1000.0 + SHORTEST_S)]


def test_what_can_wait_goes_in_time(loop: _Loop) -> None:
    loop.turn = BUSY_TURN_S
    pace, gone = _paced(loop, enough=False)
    pace.within(1.0)
    pace.within(2.0)
    loop.run()
    assert gone == [pytest.approx(1001.0)]


def test_a_plan_can_be_dropped(loop: _Loop) -> None:
    pace, gone = _paced(loop, enough=True)
    pace.within(1.0)
    pace.stop()
    loop.run()
    assert gone == []
