"""Short turns for the thread that asks, and for no other; nothing else about it changes."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder import turns
from recorder.turns import TURN_NS, ask_for_short_turns


def _in_thread[T](work: Callable[[], T]) -> T:
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def _slice() -> str:
    """The kernel's word for the calling thread's turn; "" where it has none."""
    try:
        lines = Path("/proc/thread-self/sched").read_text().splitlines()
    except OSError:
        return ""
    return next((line.rpartition(":")[2].strip() for line in lines if line.startswith("se.slice")), "")


def _standing() -> tuple[int, int]:
    return os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)


def test_the_thread_that_asks_gets_short_turns_and_keeps_its_standing() -> None:
    def ask() -> tuple[bool, str, bool]:
        before = _standing()
        return ask_for_short_turns(), _slice(), before == _standing()

    taken, asked, same = _in_thread(ask)
    assert same
    if taken and asked:  # a kernel that has them and shows them
        assert asked == str(TURN_NS)
        assert _slice() != asked


def test_a_thread_with_a_policy_of_its_own_is_left_alone() -> None:
    def ask() -> tuple[bool, int]:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        return ask_for_short_turns(), os.sched_getscheduler(0)

    assert _in_thread(ask) == (False, os.SCHED_BATCH)


def test_elsewhere_all_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    assert not turns.ask_for_short_turns()
