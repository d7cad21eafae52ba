"""Writes that end in one turn of the event loop are settled by its end, in one step of each store, whatever fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from clyra_proxy.activation.wire.settling import Settling, settle_together
from clyra_proxy.state.sqlite import SqliteState
from clyra_proxy.state.store import StateError, StateStore

NOW = 1_800_000_000.0


class Counted(SqliteState):
    """A store that counts its transactions."""

    steps = 0

    def together(self, now: float):  # type: ignore[no-untyped-def]
        self.steps += 1
        return super().together(now)


def put(store: StateStore, key: str) -> Callable[[], None]:
    return lambda: store.put(key, "done", NOW)


def in_one_turn(*writes: tuple[StateStore, Callable[[], None]]) -> None:
    async def turn() -> None:
        settling = Settling()
        for store, work in writes:
            settling.add(store, work)
            assert store.get("a", NOW) is None
        await asyncio.sleep(0)

    asyncio.run(turn())


@pytest.mark.parametrize(("ends", "steps"), [(1, 0), (2, 1), (5, 1)])
def test_all_of_a_turn_are_settled_in_one_step(tmp_path: Path, ends: int, steps: int) -> None:
    store = Counted(tmp_path / "state.sqlite")
    in_one_turn(*[(store, put(store, key)) for key in "abcde"[:ends]])
    assert [store.get(key, NOW) for key in "abcde"] == ["done"] * ends + [None] * (5 - ends)
    assert store.steps == steps


def test_each_store_has_its_own_step(tmp_path: Path) -> None:
    stores = [Counted(tmp_path / f"{number}.sqlite") for number in range(2)]
    in_one_turn(*[(store, put(store, key)) for key in "ab" for store in stores])
    assert [(store.get("b", NOW), store.steps) for store in stores] == [("done", 1)] * 2


@pytest.mark.parametrize("fault", [StateError("the disk is full"), ValueError("secret text")])
def test_what_fails_is_logged_without_content_and_ends_nothing(
    tmp_path: Path, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteState(tmp_path / "state.sqlite")

    def fail() -> None:
        raise fault

    with caplog.at_level(logging.ERROR):
        settle_together(store, [put(store, "a"), fail])
        settle_together(store, [fail])
    assert store.get("a", NOW) is None
    assert [record.getMessage()[:33] for record in caplog.records] == [
        "2 writes could not be settled: " + type(fault).__name__[:2],
        "1 writes could not be settled: " + type(fault).__name__[:2],
    ]
    assert "secret" not in caplog.text
    settle_together(store, [put(store, "a")])
    assert store.get("a", NOW) == "done"
