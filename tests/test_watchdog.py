"""The watchdog interrupts what hangs, and only that."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from clyra_proxy.watchdog import CheckTimeout, Watchdog


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    dog = Watchdog(budget=0.1)
    dog.start()
    yield dog
    dog.stop()


def spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_a_step_that_hangs_is_interrupted(watchdog: Watchdog) -> None:
    watchdog.enter()
    with pytest.raises(CheckTimeout):
        spin(60)
    watchdog.leave()


def test_work_outside_a_step_is_left_alone(watchdog: Watchdog) -> None:
    watchdog.enter()
    watchdog.leave()
    spin(0.5)


def test_each_step_has_its_own_clock(watchdog: Watchdog) -> None:
    for _ in range(12):
        watchdog.enter()
        spin(0.02)
        watchdog.leave()


def test_it_works_again_after_an_interruption(watchdog: Watchdog) -> None:
    for _ in range(2):
        watchdog.enter()
        with pytest.raises(CheckTimeout):
            spin(5)
        watchdog.leave()


class Swallows:
    """What is raised while it is taken away goes nowhere."""

    def __del__(self) -> None:
        spin(0.5)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interruption_that_was_swallowed_comes_again(watchdog: Watchdog) -> None:
    watchdog.enter()
    Swallows()
    with pytest.raises(CheckTimeout):
        spin(60)
    watchdog.leave()
