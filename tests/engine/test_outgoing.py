"""When bytes leave: behind the work of the turn, in order, and at once when they are many."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from clyra_proxy.engine.outgoing import LARGE_BYTES, Outgoing


class _Writer:
    """Notes what is written, with the name of its connection."""

    def __init__(self, name: str, log: list[tuple[str, bytes]]) -> None:
        self.name, self.log, self.closing = name, log, False

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        self.log.append((self.name, data))


def _handler(log: list[tuple[str, bytes]], *names: str) -> tuple[Any, dict[str, _Writer]]:
    writers = {name: _Writer(name, log) for name in names}
    transports: Any = {name: SimpleNamespace(writer=writer) for name, writer in writers.items()}
    return Outgoing(transports), writers


async def _turn() -> None:
    await asyncio.sleep(0)


async def test_writes_of_one_turn_leave_behind_all_of_its_work() -> None:
    log: list[tuple[str, bytes]] = []
    first, _ = _handler(log, "a", "b")
    second, _ = _handler(log, "c")
    for handler, name, data in ((first, "a", b"1"), (second, "c", b"2"), (first, "b", b"3"), (first, "a", b"4")):
        handler.add(name, data)
        handler.settle()
    assert log == []
    await _turn()
    assert log == [("a", b"14"), ("b", b"3"), ("c", b"2")]
    await _turn()
    assert len(log) == 3


async def test_much_leaves_at_once_and_in_order() -> None:
    log: list[tuple[str, bytes]] = []
    handler, _ = _handler(log, "a")
    handler.add("a", b"small")
    handler.settle()
    handler.add("a", b"x" * LARGE_BYTES)
    handler.settle()
    assert log == [("a", b"small" + b"x" * LARGE_BYTES)]
    handler.add("a", b"later")
    handler.settle()
    await _turn()
    assert log[1:] == [("a", b"later")]


async def test_what_is_flushed_for_a_close_is_not_written_twice() -> None:
    log: list[tuple[str, bytes]] = []
    handler, writers = _handler(log, "a", "b")
    handler.add("a", b"last")
    handler.settle()
    handler.flush()
    assert log == [("a", b"last")]
    writers["b"].closing = True
    handler.add("b", b"to nobody")
    handler.add("gone", b"to nobody")
    handler.settle()
    await _turn()
    assert log == [("a", b"last")]


async def test_what_is_cleared_is_never_sent() -> None:
    log: list[tuple[str, bytes]] = []
    handler, _ = _handler(log, "a")
    handler.add("a", b"of a broken layer")
    handler.settle()
    handler.clear()
    await _turn()
    assert log == []
