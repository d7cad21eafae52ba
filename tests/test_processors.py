"""Who is bound to a processor, and who is not."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from clyra_proxy import processors
from clyra_proxy.processors import keep_to_own, roam

ALL = frozenset(os.sched_getaffinity(0))
several = pytest.mark.skipif(len(ALL) < 2, reason="needs two processors")


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_found", frozenset())


def in_thread[T](work: Callable[[], T]) -> T:
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


@several
@pytest.mark.parametrize("slot", range(min(4, len(ALL))))
def test_one_worker_for_each_processor_has_its_own(slot: int) -> None:
    bound = in_thread(lambda: (keep_to_own(slot, len(ALL)), os.sched_getaffinity(0)))
    assert bound == (True, {sorted(ALL)[slot]})
    assert os.sched_getaffinity(0) == ALL


@several
def test_what_a_bound_thread_begins_may_roam() -> None:
    def look() -> set[int]:
        roam()
        return os.sched_getaffinity(0)

    def begin() -> set[int]:
        assert keep_to_own(0, len(ALL))
        return in_thread(look)

    assert in_thread(begin) == ALL


@pytest.mark.parametrize(("slot", "workers"), [(0, len(ALL) + 1), (0, len(ALL) - 1), (len(ALL), len(ALL)), (0, 0)])
def test_otherwise_nobody_is_bound(slot: int, workers: int) -> None:
    assert in_thread(lambda: (keep_to_own(slot, workers), frozenset(os.sched_getaffinity(0)))) == (False, ALL)


def test_a_processor_that_was_taken_away_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int, __: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    assert not keep_to_own(1, 2)
    monkeypatch.setattr(processors, "_found", frozenset({0, 1}))
    roam()
