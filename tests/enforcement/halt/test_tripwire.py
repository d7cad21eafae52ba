"""Thresholds: windows, samples, shares, jumps, and what stays quiet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.enforcement.halt.desk import SAMPLE
from clyra_proxy.enforcement.halt.model import EVERYTHING, Cause, Place, Scope
from clyra_proxy.enforcement.halt.tripwire import CAUSES, MOST_PLACES, Tripwire
from clyra_proxy.enforcement.halt.windows import SLOTS, Window
from clyra_proxy.policy.halts import Halts, Triggers
from clyra_proxy.verdict.model import Mode


def wire(**triggers: object) -> Tripwire:
    off = {name: {"mode": "off"} for name in Triggers.model_fields}
    document = {"automatic": "enforce", "triggers": {**off, **triggers}}
    return Tripwire(Halts.model_validate_json(__import__("json").dumps(document)))


def tally(place: str, trigger: str, events: int, sample: int) -> dict[str, dict[str, int]]:
    return {place: {trigger: events, SAMPLE: sample}}


def test_a_count_within_the_window_trips() -> None:
    judge = wire(injections={"count": 3, "window_seconds": 60})
    assert judge.heard(tally("agent:bot", "injections", 2, 2), 1000.0) == []
    (trip,) = judge.heard(tally("agent:bot", "injections", 1, 1), 1030.0)
    assert (trip.place, trip.mode) == (Place(Scope.AGENT, "bot"), Mode.ENFORCE)
    assert (trip.order.cause, trip.order.rule) == (Cause.GENAI, "halt.injections")
    assert trip.order.measured is not None
    assert (trip.order.measured.value, trip.order.measured.limit, trip.order.measured.sample) == (3, 3, 3)


def test_what_left_the_window_does_not_count() -> None:
    judge = wire(injections={"count": 3, "window_seconds": 60})
    judge.heard(tally("agent:bot", "injections", 2, 2), 1000.0)
    assert judge.heard(tally("agent:bot", "injections", 2, 2), 1064.0) == []


@pytest.mark.parametrize(
    ("events", "sample", "trips"),
    [(20, 39, True), (20, 41, False), (19, 19, False), (20, 20, True)],
)
def test_share_and_sample(events: int, sample: int, trips: bool) -> None:
    judge = wire(upstream_errors={"count": 20, "percent": 50.0, "minimum_sample": 20})
    assert bool(judge.heard(tally("destination:crm", "upstream_errors", events, sample), 5.0)) is trips


def test_too_small_a_sample_never_trips() -> None:
    judge = wire(errors={"count": 1, "percent": None, "minimum_sample": 10})
    assert judge.heard(tally("destination:crm", "errors", 5, 9), 5.0) == []
    assert judge.heard(tally("destination:crm", "errors", 1, 1), 6.0) != []


def test_good_exchanges_before_the_first_bad_one_are_part_of_the_sample() -> None:
    judge = wire(errors={"count": 5, "percent": 50.0, "minimum_sample": 5})
    judge.heard(tally("destination:crm", "errors", 0, 100), 5.0)
    assert judge.heard(tally("destination:crm", "errors", 5, 5), 6.0) == []


def test_places_are_counted_apart_and_only_in_their_scope() -> None:
    judge = wire(canaries={"scope": "tenant", "count": 2})
    assert judge.scopes == {Scope.TENANT}
    assert judge.heard(tally("tenant:a", "canaries", 1, 1), 1.0) == []
    assert judge.heard(tally("tenant:b", "canaries", 1, 1), 1.0) == []
    assert judge.heard(tally("agent:a", "canaries", 9, 9), 1.0) == []


def test_one_trip_is_quiet_until_its_window_has_passed() -> None:
    judge = wire(canaries={"count": 1, "window_seconds": 60})
    assert judge.heard(tally("agent:a", "canaries", 1, 1), 100.0)
    assert not judge.heard(tally("agent:a", "canaries", 1, 1), 150.0)
    assert judge.heard(tally("agent:a", "canaries", 1, 1), 161.0)


def test_rows_trip_by_a_jump_against_earlier_windows() -> None:
    judge = wire(row_volume={"count": 100, "factor": 5.0, "window_seconds": 60})
    for minute in range(5):
        assert judge.heard(tally("destination:crm", "row_volume", 60, 1), 60.0 * minute) == []
    (trip,) = judge.heard(tally("destination:crm", "row_volume", 400, 4), 60.0 * 6)
    assert trip.order.measured is not None
    assert trip.order.measured.limit == 300


def test_the_first_rows_ever_are_no_jump() -> None:
    judge = wire(row_volume={"count": 100, "factor": 5.0})
    assert judge.heard(tally("destination:crm", "row_volume", 1_000_000, 1), 0.0) == []


def test_idle_time_between_syncs_is_no_baseline() -> None:
    judge = wire(row_volume={"count": 100, "factor": 5.0})
    for night in range(4):
        assert judge.heard(tally("destination:crm", "row_volume", 5000, 1), 86_400.0 * night) == []


def test_a_lost_recorder_halts_everything_once() -> None:
    judge = wire(recorder_loss={"seconds": 30})
    assert judge.recorder_is(True, 100.0) is None
    assert judge.recorder_is(True, 129.0) is None
    trip = judge.recorder_is(True, 130.0)
    assert trip is not None
    assert (trip.place, trip.order.cause) == (EVERYTHING, Cause.RECORDER)
    assert judge.recorder_is(True, 140.0) is None
    assert judge.recorder_is(False, 141.0) is None
    assert judge.recorder_is(True, 142.0) is None
    assert judge.recorder_is(True, 172.0) is not None


def test_shadow_trips_say_so_and_off_looks_at_nothing() -> None:
    judge = Tripwire(Halts())
    (trip,) = judge.heard(tally("agent:bot", "canaries", 1, 1), 1.0)
    assert trip.mode is Mode.SHADOW
    assert Tripwire(Halts(automatic=Mode.OFF)).scopes == frozenset()


def test_memory_is_bounded() -> None:
    judge = wire(canaries={"count": 2})
    for number in range(MOST_PLACES + 10):
        judge.heard(tally(f"agent:{number}", "canaries", 1, 1), 1.0)
    assert judge.heard(tally("agent:0", "canaries", 1, 1), 1.0) == []
    assert judge.heard(tally(f"agent:{MOST_PLACES}", "canaries", 1, 1), 1.0) != []


def test_names_that_are_no_places_are_passed_over() -> None:
    judge = wire(canaries={"count": 1})
    assert judge.heard({"nonsense": {"canaries": 5, SAMPLE: 5}, "agent:": {"canaries": 5}}, 1.0) == []


def test_every_trigger_has_a_cause() -> None:
    assert set(CAUSES) == set(Triggers.model_fields)


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 5)), max_size=40), st.sampled_from([1, 10, 60]))
def test_a_window_holds_itself_and_at_most_a_twentieth_more(steps: list[tuple[float, int]], length: int) -> None:
    window, now, seen = Window(length), 1_800_000_000.0, []
    for step, events in steps:
        now += step
        window.add(events, 1, now)
        seen.append((now, events))
    least = sum(events for moment, events in seen if moment > now - length)
    most = sum(events for moment, events in seen if moment >= now - length * (SLOTS + 1) / SLOTS - 1e-6)
    assert least <= window.events <= most
