"""How batches become groups: at once, or, under load, with the other busy sources."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from recorder import commit
from recorder.admission import Batch, Outcome
from recorder.commit import BUSY_EVENTS, Reply, Writer
from recorder.store import Committed

FOREVER_S = 3600.0


class _Store:
    """Notes which sources each commit carried."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.intents = SimpleNamespace(known={})

    def commit(self, batches: Sequence[Batch], silent: object = None) -> Committed:
        if batches:
            self.commits.append([batch.source for batch in batches])
        return Committed(0, b"", tuple(Outcome() for _ in batches))


@pytest.fixture
def answered() -> threading.Semaphore:
    return threading.Semaphore(0)


@pytest.fixture
def writer(answered: threading.Semaphore) -> Iterator[Writer]:
    def answer(replies: list[tuple[object, Reply]]) -> None:
        answered.release(len(replies))

    made = Writer(_Store(), answer, lambda: None)  # type: ignore[arg-type]
    yield made
    made.stop()


def _batch(source: str, events: int = BUSY_EVENTS) -> Batch:
    return Batch(source, "source", "", 1, (b"{}",) * events)


def _commits(writer: Writer) -> list[list[str]]:
    found: Any = writer.store
    return [sorted(sources) for sources in found.commits]


def _hand_in(writer: Writer, *batches: Batch) -> Callable[[], None]:
    return lambda: [writer.submit(object(), batch, 1) for batch in batches] and None


@pytest.mark.parametrize("events", [1, BUSY_EVENTS])
def test_a_lone_source_waits_for_nobody(
    writer: Writer, answered: threading.Semaphore, monkeypatch: pytest.MonkeyPatch, events: int
) -> None:
    monkeypatch.setattr(commit, "PATIENCE_S", FOREVER_S)
    for _ in range(3):
        writer.run(_hand_in(writer, _batch("a", events)))
        assert answered.acquire(timeout=60)
    assert _commits(writer) == [["a"]] * 3


def test_a_group_waits_for_the_other_busy_source(
    writer: Writer, answered: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "LULL_S", FOREVER_S)
    monkeypatch.setattr(commit, "PATIENCE_S", FOREVER_S)
    writer.run(_hand_in(writer, _batch("a")))
    assert answered.acquire(timeout=60)
    writer.run(_hand_in(writer, _batch("b", 1)))
    assert not answered.acquire(timeout=0.05)
    writer.run(_hand_in(writer, _batch("a", 1)))
    assert answered.acquire(timeout=60)
    assert answered.acquire(timeout=60)
    assert _commits(writer) == [["a"], ["a", "b"]]


def test_a_group_does_not_wait_for_ever(
    writer: Writer, answered: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "LULL_S", FOREVER_S)
    for source in ("a", "b", "b"):
        writer.run(_hand_in(writer, _batch(source)))
        assert answered.acquire(timeout=60)
    assert _commits(writer) == [["a"], ["b"], ["b"]]


def test_a_source_that_is_not_busy_any_more_is_not_awaited(
    writer: Writer, answered: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "LULL_S", -1.0)
    monkeypatch.setattr(commit, "PATIENCE_S", FOREVER_S)
    for source in ("a", "b"):
        writer.run(_hand_in(writer, _batch(source)))
        assert answered.acquire(timeout=60)
    assert _commits(writer) == [["a"], ["b"]]


def test_what_is_queued_is_committed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "LULL_S", FOREVER_S)
    monkeypatch.setattr(commit, "PATIENCE_S", FOREVER_S)
    replies = threading.Semaphore(0)
    writer = Writer(_Store(), lambda pairs: replies.release(len(pairs)), lambda: None)  # type: ignore[arg-type]
    writer.run(_hand_in(writer, _batch("a")))
    assert replies.acquire(timeout=60)
    writer.run(_hand_in(writer, _batch("b")))
    writer.stop()
    assert replies.acquire(timeout=60)
    assert _commits(writer) == [["a"], ["b"]]
