"""Work that nobody waits for any more ends by itself and makes room for what comes after it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from clyra_proxy.genai.leaks.text import scan_text
from clyra_proxy.genai.wire.scanning import THREADS, ScanningRoom, ScanningTimeoutError
from clyra_proxy.patience import OutOfTimeError, go_on, within


def test_without_a_bound_work_goes_on() -> None:
    go_on()
    with within(60):
        go_on()
    go_on()


def test_over_time_the_next_step_raises() -> None:
    with within(-1), pytest.raises(OutOfTimeError):
        go_on()
    go_on()


def test_the_inner_bound_counts_and_the_outer_one_comes_back() -> None:
    with within(-1):
        with within(60):
            go_on()
        with pytest.raises(OutOfTimeError):
            go_on()


def test_a_long_text_is_scanned_in_steps() -> None:
    with within(-1), pytest.raises(OutOfTimeError):
        scan_text("nothing of note here\n" * 10_000)


async def test_looks_that_were_given_up_keep_no_thread() -> None:
    room, ended = ScanningRoom(), threading.Semaphore(0)

    def endless() -> None:
        try:
            while True:
                go_on()
        finally:
            ended.release()

    looks = [room.run(endless, 0.05) for _ in range(2 * THREADS)]
    assert {type(one) for one in await asyncio.gather(*looks, return_exceptions=True)} == {ScanningTimeoutError}
    assert await room.run(lambda: "seen", 60) == "seen"
    assert all([await asyncio.to_thread(ended.acquire, timeout=60) for _ in range(THREADS)])
    room.close()
