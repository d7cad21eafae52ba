"""What one worker looks up: snapshots, subjects, who may pass while a halt is half open."""

from __future__ import annotations

from typing import Any

import pytest

from clyra_proxy.enforcement.halt.book import HaltBook, Order
from clyra_proxy.enforcement.halt.model import EVERYTHING, Cause, Channel, Phase, Place, Scope
from clyra_proxy.enforcement.halt.state import HaltState, Subject

SUBJECT = Subject("bot", "acme", ("crm", "api.crm.example"), ("delete_user",))


def snapshot(book: HaltBook, version: int = 1) -> dict[str, Any]:
    return {"version": version, "halts": [halt.to_json() for halt in book.standing if halt.in_force]}


def halted(*places: str, probes: int = 0, now: float = 0.0) -> HaltBook:
    book = HaltBook()
    for name in places:
        order = Order(Cause.DATA, Channel.AUTOMATIC, "r", lasting_s=10.0 if probes else None, probes=probes)
        book.halt(Place.parse(name), order, now)
    return book


@pytest.mark.parametrize(
    ("name", "stops"),
    [
        ("global", True),
        ("tenant:acme", True),
        ("tenant:other", False),
        ("agent:bot", True),
        ("agent:other", False),
        ("destination:crm", True),
        ("destination:API.crm.example", True),
        ("destination:other", False),
        ("tool:delete_user", True),
        ("tool:other", False),
    ],
)
def test_a_halt_stops_its_scope_and_no_other(name: str, stops: bool) -> None:
    state = HaltState(snapshot(halted(name)))
    assert (state.active(SUBJECT) is not None) is stops
    assert (state.holds(SUBJECT) is not None) is stops


def test_the_widest_halt_is_told() -> None:
    found = HaltState(snapshot(halted("tool:delete_user", "agent:bot", "global"))).active(SUBJECT)
    assert found is not None
    assert found.place == EVERYTHING


def test_an_older_snapshot_changes_nothing() -> None:
    state = HaltState(snapshot(halted("global"), 5))
    assert not state.replace(snapshot(HaltBook(), 4))
    assert not state.replace(snapshot(HaltBook(), 5))
    assert state.active(SUBJECT) is not None
    assert state.replace(snapshot(HaltBook(), 6))
    assert state.active(SUBJECT) is None


def test_nothing_halted_is_an_empty_table() -> None:
    state = HaltState(snapshot(HaltBook()))
    assert state.table == {}
    assert state.enter(SUBJECT, "x") == ()


def test_half_open_lets_one_pass_at_a_time() -> None:
    book = halted("agent:bot", probes=3)
    book.tick(10.0)
    state = HaltState(snapshot(book))
    assert state.active(SUBJECT) is None
    taken = state.enter(SUBJECT, "first")
    assert [halt.phase for halt in taken] == [Phase.PROBING]
    assert state.active(SUBJECT) is not None
    assert state.holds(SUBJECT) is None
    assert state.standing(SUBJECT) is not None
    state.leave(taken, "second")
    assert state.active(SUBJECT) is not None
    state.leave(taken, "first")
    assert state.active(SUBJECT) is None


def test_a_place_taken_is_free_again_when_the_halt_is_gone() -> None:
    book = halted("agent:bot", probes=3)
    book.tick(10.0)
    state = HaltState(snapshot(book, 1))
    state.enter(SUBJECT, "first")
    state.replace(snapshot(HaltBook(), 2))
    state.replace(snapshot(book, 3))
    assert state.active(SUBJECT) is None


def test_halted_tools_are_named() -> None:
    state = HaltState(snapshot(halted("tool:a", "tool:b", "agent:c")))
    assert state.tools == {"a", "b"}
    assert Place(Scope.TOOL, "a") in state.table
