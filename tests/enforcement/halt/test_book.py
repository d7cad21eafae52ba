"""The state machine of the kill switch: every way from one phase to another, and what can never happen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.enforcement.halt.book import REMEMBERED_S, HaltBook, Order
from clyra_proxy.enforcement.halt.model import EVERYTHING, Actor, Cause, Channel, Halt, Phase, Place, Scope
from clyra_proxy.errors import UsageError

ANN = Actor("ann", "os")
BOT = Place(Scope.AGENT, "bot")
BY_HAND = Order(Cause.MANUAL, Channel.CLI, "incident", ANN)
TRIPPED = Order(Cause.GENAI, Channel.AUTOMATIC, "spike", lasting_s=60, probes=2, rule="halt.injections")


def phase_of(book: HaltBook, place: Place = EVERYTHING) -> Phase | None:
    halt = book.find(place)
    return None if halt is None else halt.phase


def test_a_person_halts_and_resumes() -> None:
    book = HaltBook()
    begun = book.halt(EVERYTHING, BY_HAND, 100.0)
    assert begun is not None
    assert (begun.said.kind, begun.halt.version, begun.halt.until) == ("halt", 1, None)
    assert book.tick(1e9) == []
    ended = book.resume(EVERYTHING, ANN, Channel.CLI, "fixed", 200.0)
    assert ended is not None
    assert (ended.said.kind, ended.halt.phase, ended.halt.version) == ("resume", Phase.RESUMED, 2)
    assert book.standing == ()
    assert book.resume(EVERYTHING, ANN, Channel.CLI, "again", 201.0) is None


def test_a_trigger_recovers_through_probes() -> None:
    book = HaltBook()
    book.halt(BOT, TRIPPED, 0.0)
    assert book.tick(59.9) == []
    (probing,) = book.tick(60.0)
    assert (probing.said.kind, probing.halt.phase) == ("probe", Phase.PROBING)
    version = probing.halt.version
    assert book.probed(BOT, version, good=True, now=61.0) is None
    over = book.probed(BOT, version, good=True, now=62.0)
    assert over is not None
    assert (over.said.kind, over.said.cause, over.halt.phase) == ("resume", Cause.RECOVERY, Phase.RESUMED)


def test_a_failed_probe_halts_for_longer_each_time() -> None:
    book = HaltBook()
    book.halt(BOT, TRIPPED, 0.0)
    now, lengths = 60.0, []
    for _ in range(3):
        (probing,) = book.tick(now)
        again = book.probed(BOT, probing.halt.version, good=False, now=now)
        assert again is not None
        assert again.halt.until is not None
        lengths.append(again.halt.until - now)
        now = again.halt.until
    assert lengths == [120.0, 240.0, 480.0]


def test_a_probe_of_another_halt_says_nothing() -> None:
    book = HaltBook()
    book.halt(BOT, TRIPPED, 0.0)
    assert book.probed(BOT, 1, good=True, now=1.0) is None
    assert phase_of(book, BOT) is Phase.HALTED


@pytest.mark.parametrize("first", [BY_HAND, Order(Cause.MANUAL, Channel.CLI, "drill", ANN, lasting_s=600)])
def test_a_trigger_never_shortens_nor_replaces_what_a_person_ordered(first: Order) -> None:
    book = HaltBook()
    book.halt(EVERYTHING, first, 0.0)
    before = book.find(EVERYTHING)
    assert book.halt(EVERYTHING, TRIPPED, 1.0) is None
    assert book.find(EVERYTHING) == before


def test_a_person_takes_over_what_a_trigger_halted() -> None:
    book = HaltBook()
    book.halt(EVERYTHING, TRIPPED, 0.0)
    change = book.halt(EVERYTHING, BY_HAND, 1.0)
    assert change is not None
    assert (change.said.kind, change.halt.cause, change.halt.until, change.halt.reason) == (
        "extend",
        Cause.MANUAL,
        None,
        "incident",
    )


def test_an_override_ends_by_itself_and_outranks_triggers_until_then() -> None:
    book = HaltBook()
    book.halt(BOT, BY_HAND, 0.0)
    change = book.override(BOT, ANN, Channel.CLI, "one last export", 100.0, 10.0)
    assert change is not None
    assert not change.halt.in_force
    assert book.halt(BOT, TRIPPED, 20.0) is None
    (back,) = book.tick(100.0)
    assert (back.said.kind, back.said.cause, back.halt.phase) == ("halt", Cause.EXPIRY, Phase.HALTED)
    assert back.before is not None
    assert back.before.phase is Phase.OVERRIDDEN


def test_a_person_ends_an_override_by_halting_again() -> None:
    book = HaltBook()
    book.halt(BOT, BY_HAND, 0.0)
    book.override(BOT, ANN, Channel.CLI, "trial", 100.0, 10.0)
    book.halt(BOT, BY_HAND, 20.0)
    assert phase_of(book, BOT) is Phase.HALTED
    assert book.tick(100.0) == []


def test_places_add_up() -> None:
    book = HaltBook()
    book.halt(EVERYTHING, BY_HAND, 0.0)
    book.halt(BOT, BY_HAND, 0.0)
    book.resume(BOT, ANN, Channel.CLI, "fine", 1.0)
    assert [halt.place for halt in book.standing] == [EVERYTHING]


def test_an_older_halt_cannot_come_back() -> None:
    here, there = HaltBook(), HaltBook()
    begun = here.halt(BOT, BY_HAND, 0.0)
    assert begun is not None
    there.merge([begun.halt])
    ended = there.resume(BOT, ANN, Channel.CLI, "fixed", 1.0)
    assert ended is not None
    assert [change.halt.phase for change in here.merge([ended.halt])] == [Phase.RESUMED]
    assert here.merge([begun.halt]) == []
    assert here.standing == ()


def test_what_ended_is_forgotten_in_time() -> None:
    book = HaltBook()
    book.halt(BOT, BY_HAND, 0.0)
    book.resume(BOT, ANN, Channel.CLI, "fixed", 10.0)
    book.tick(10.0 + REMEMBERED_S)
    assert len(book.all) == 1
    book.tick(11.0 + REMEMBERED_S)
    assert not book.all


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["hand", "trip", "resume", "override", "tick", "good", "bad"]),
        st.sampled_from([EVERYTHING, BOT]),
        st.floats(0, 400),
    ),
    max_size=40,
)


def _step(book: HaltBook, kind: str, place: Place, now: float) -> None:
    halt = book.find(place)
    match kind:
        case "hand":
            book.halt(place, BY_HAND, now)
        case "trip":
            book.halt(place, TRIPPED, now)
        case "resume":
            book.resume(place, ANN, Channel.CLI, "r", now)
        case "override":
            book.override(place, ANN, Channel.CLI, "o", now + 50, now)
        case "tick":
            book.tick(now)
        case _ if halt is not None:
            book.probed(place, halt.version, good=kind == "good", now=now)


@settings(max_examples=150)
@given(STEPS)
def test_versions_only_grow_and_what_a_person_halted_only_a_person_ends(
    steps: list[tuple[str, Place, float]],
) -> None:
    book, now = HaltBook(), 0.0
    for kind, place, seconds in steps:
        now += seconds
        before = {halt.place: halt for halt in book.all}
        _step(book, kind, place, now)
        for was in before.values():
            halt = next((one for one in book.all if one.place == was.place), None)
            assert halt is None or halt.version >= was.version
            by_person = was.phase is Phase.HALTED and was.cause is Cause.MANUAL and was.until is None
            if by_person and kind not in ("resume", "override"):
                assert halt is not None
                assert halt.phase is Phase.HALTED


@settings(max_examples=100)
@given(STEPS, STEPS, st.randoms())
def test_replicas_agree_whatever_order_they_hear_it_in(
    ours: list[tuple[str, Place, float]], theirs: list[tuple[str, Place, float]], random: object
) -> None:
    books = [HaltBook(), HaltBook()]
    for book, steps in zip(books, (ours, theirs), strict=True):
        now = 0.0
        for kind, place, seconds in steps:
            now += seconds
            _step(book, kind, place, now)
    said = [*books[0].all, *books[1].all]
    for book in books:
        shuffled = list(said)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        book.merge(shuffled)
    assert books[0].all == books[1].all


def test_a_halt_survives_json() -> None:
    book = HaltBook()
    book.halt(BOT, TRIPPED, 1.5)
    for halt in book.all:
        assert Halt.from_json(halt.to_json()) == halt


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("global", EVERYTHING),
        ("tenant:acme", Place(Scope.TENANT, "acme")),
        ("destination:API.Example.com", Place(Scope.DESTINATION, "api.example.com")),
        ("tool:a:b", Place(Scope.TOOL, "a:b")),
    ],
)
def test_places_have_names(text: str, place: Place) -> None:
    assert Place.parse(text) == place
    assert Place.parse(place.name) == place


@pytest.mark.parametrize(
    "text", ["", "all", "global:", "global:x", "agent", "agent:", "agent:a\nb", "tool:" + "x" * 257]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(UsageError):
        Place.parse(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("destination:CRM_prod", "destination:crm_prod"),
        ("destination:API.Example.com.", "destination:api.example.com"),
        ("destination:b\u00fccher.example", "destination:xn--bcher-kva.example"),
        ("destination:127.1", "destination:127.0.0.1"),
        ("destination:[::1]", "destination:::1"),
        ("destination:localhost", "destination:localhost"),
        ("agent:crm-bot", "agent:crm-bot"),
        ("destination:api.example.com:443", ""),
        ("destination:https://api.example.com/v1", ""),
        ("destination:api.example.com/v1", ""),
        ("destination:*.example.com", ""),
        ("agent:crm-*", ""),
    ],
)
def test_a_person_names_what_traffic_can_meet(text: str, name: str) -> None:
    if name:
        assert Place.ordered(text).name == name
        return
    with pytest.raises(UsageError):
        Place.ordered(text)
