"""How batches become groups: what is there is committed at once, what comes meanwhile is the next group."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from recorder import commit
from recorder.admission import Batch, Outcome
from recorder.commit import Reply, Writer
from recorder.store import Committed


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


def _batch(source: str, events: int = 6) -> Batch:
    return Batch(source, "source", "", 1, (b"{}",) * events)


def _commits(writer: Writer) -> list[list[str]]:
    found: Any = writer.store
    return [sorted(sources) for sources in found.commits]


def _hand_in(writer: Writer, *batches: Batch) -> Callable[[], None]:
    def hand_in() -> None:
        for batch in batches:
            writer.submit(object(), batch, 1)

    return hand_in


def test_a_source_waits_for_nobody(writer: Writer, answered: threading.Semaphore) -> None:
    for source in ("a", "b", "a", "a"):
        writer.run(_hand_in(writer, _batch(source)))
        assert answered.acquire(timeout=60)
    assert _commits(writer) == [["a"], ["b"], ["a"], ["a"]]


def test_what_is_there_in_one_turn_is_one_group(writer: Writer, answered: threading.Semaphore) -> None:
    writer.run(_hand_in(writer, _batch("b"), _batch("a"), _batch("c")))
    for _ in range(3):
        assert answered.acquire(timeout=60)
    assert _commits(writer) == [["a", "b", "c"]]


def test_what_gathers_during_a_commit_is_the_next_group(
    writer: Writer, answered: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, written = threading.Event(), threading.Event()
    store: Any = writer.store
    commit_now = store.commit

    def wait_for_the_disk(batches: Sequence[Batch], silent: object = None) -> Committed:
        writing.set()
        assert written.wait(60)
        found: Committed = commit_now(batches, silent)
        return found

    monkeypatch.setattr(store, "commit", wait_for_the_disk)
    assert writer.submit(object(), _batch("a"), 1)
    assert writing.wait(60)
    assert writer.submit(object(), _batch("b"), 1)
    assert writer.submit(object(), _batch("a"), 1)
    written.set()
    for _ in range(3):
        assert answered.acquire(timeout=60)
    assert _commits(writer) == [["a"], ["a", "b"]]


def test_a_group_is_bounded(writer: Writer, answered: threading.Semaphore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "MAX_GROUP_EVENTS", 4)
    writer.run(_hand_in(writer, *(_batch(source, 2) for source in ("a", "b", "c"))))
    for _ in range(3):
        assert answered.acquire(timeout=60)
    assert _commits(writer) == [["a", "b"], ["c"]]


def test_what_is_queued_is_committed_at_the_end() -> None:
    replies = threading.Semaphore(0)
    writer = Writer(_Store(), lambda pairs: replies.release(len(pairs)), lambda: None)  # type: ignore[arg-type]
    writer.run(_hand_in(writer, _batch("a")))
    writer.stop()
    assert replies.acquire(timeout=60)
    assert _commits(writer) == [["a"]]
