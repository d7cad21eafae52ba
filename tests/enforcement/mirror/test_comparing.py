"""Two answers side by side: differences as pointers, noise left out, no value told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.enforcement.mirror.comparing import Comparer, Difference, Kind, shown
from clyra_proxy.enforcement.mirror.lines import shown_route
from clyra_proxy.enforcement.mirror.model import Answer
from clyra_proxy.enforcement.mirror.noise import Ignored, Noise, NoiseLearner, judge
from clyra_proxy.enforcement.mirror.report import report
from clyra_proxy.stream.limits import DEFAULT_LIMITS

COMPARER = Comparer(b"key", 1000, DEFAULT_LIMITS, frozenset({"x-mine"}))


def answer(value: Any, status: int = 200, *fields: tuple[bytes, bytes]) -> Answer:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Answer(status, ((b"Content-Type", b"application/json"), *fields), body)


def found(real: Answer, mirror: Answer) -> dict[str, str]:
    return {one.at: one.kind.value for one in COMPARER.compare(real, mirror).differences}


@pytest.mark.parametrize(
    ("real", "mirror", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, {}),
        ({"a": 1}, {"a": True}, {"/a": "type"}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"/a": "value"}),
        ({"a": None}, {}, {"/a": "missing"}),
        ({}, {"a": [1]}, {"/a": "added"}),
        ([1, 2], [1], {"/*": "missing"}),
        ([{"a": 1}], [{"a": 2}], {"/*/a": "value"}),
        ({"alice@example.com": 1}, {"alice@example.com": 2}, {"/*": "value"}),
        ({"550e8400-e29b-41d4-a716-446655440000": 1}, {}, {"/*": "missing"}),
        (b"no json", b"no json", {}),
        (b"no json", b"else", {"body": "value"}),
        ({"a": 1}, b"else", {"body": "value"}),
        (b"", b"", {}),
    ],
)
def test_bodies(real: Any, mirror: Any, expected: dict[str, str]) -> None:
    assert found(answer(real), answer(mirror)) == expected


def test_heads() -> None:
    real = answer({}, 200, (b"Date", b"1"), (b"X-Request-Id", b"1"), (b"X-Mine", b"1"), (b"Cache-Control", b"a"))
    mirror = answer({}, 404, (b"Date", b"2"), (b"X-New", b"2"), (b"Cache-Control", b"b"))
    assert found(real, mirror) == {
        "status": "value",
        "header:cache-control": "value",
        "header:x-new": "added",
    }


def test_a_body_that_was_not_kept_is_not_compared() -> None:
    compared = COMPARER.compare(Answer(200, (), None), answer({"a": 1}))
    assert (compared.bodies, [one.at for one in compared.differences]) == (False, ["media_type"])


def test_work_is_bounded_and_says_so() -> None:
    compared = COMPARER.compare(answer(list(range(5000))), answer(list(range(1, 5001))))
    assert (compared.values, compared.whole) == (1000, False)
    assert len(compared.differences) <= 64


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON)
def test_a_document_is_the_same_as_itself(document: Any) -> None:
    assert found(answer(document), answer([document])) or document == [document]
    assert found(answer(document), answer(json.dumps(document, indent=2).encode())) == {}


@given(st.integers(10**9, 10**12), _JSON)
def test_no_value_is_ever_told(number: int, document: Any) -> None:
    value = f"zq{number}"
    compared = COMPARER.compare(answer({"a": value, value: document}), answer({"a": document, "b": value}))
    assert value not in repr(compared)


@pytest.mark.parametrize(
    ("one", "other", "generated"),
    [
        ({"request_id": "a"}, {"request_id": "b"}, True),
        ({"created_at": "2026-01-01T00:00:00Z"}, {"created_at": "2026-01-01T00:00:01Z"}, True),
        ({"created_at": "2026-01-01"}, {"created_at": "never"}, False),
        ({"id": "550e8400-e29b-41d4-a716-446655440000"}, {"id": "650e8400-e29b-41d4-a716-446655440000"}, True),
        ({"id": 1}, {"id": 2}, False),
        ({"total": 1767225600}, {"total": 1767225601}, False),
    ],
)
def test_what_is_made_anew_for_each_answer(one: Any, other: Any, generated: bool) -> None:
    assert [found.generated for found in COMPARER.compare(answer(one), answer(other)).differences] == [generated]


@pytest.mark.parametrize(
    ("pointer", "at", "ignored"),
    [
        ("/a", "/a", True),
        ("/a", "/a/b", True),
        ("/a/b", "/a", False),
        ("/items/*/etag", "/items/*/etag", True),
        ("/items/0/etag", "/items/*/etag", True),
        ("/users/alice@x/etag", "/users/*/etag", True),
        ("/a", "status", False),
        ("/a", "/ab", False),
    ],
)
def test_pointers_of_a_policy(pointer: str, at: str, ignored: bool) -> None:
    assert Ignored([pointer]).match(at) is ignored


def difference(at: str, number: int, kind: Kind = Kind.VALUE, *, constant: bool = False) -> Difference:
    return Difference(at, kind, "r" if constant else f"r{number}", "m" if constant else f"m{number}")


def learnt(pairs: int, kind: Kind = Kind.VALUE, every: int = 1, *, constant: bool = False) -> Noise:
    learner = NoiseLearner(0.95, 20)
    for number in range(pairs):
        learner.add("r", [difference("/x", number, kind, constant=constant)] if number % every == 0 else [])
    return judge([difference("/x", 0, kind, constant=constant)], "r", Ignored([]), learner)[0][1]


def test_only_a_value_that_keeps_changing_in_nearly_all_of_enough_pairs_is_noise() -> None:
    assert learnt(40) is Noise.LEARNT
    assert learnt(19) is Noise.NONE  # not enough pairs
    assert learnt(40, every=2) is Noise.NONE  # in half of them
    assert learnt(40, constant=True) is Noise.NONE  # always the same difference
    assert learnt(40, Kind.MISSING) is Noise.NONE
    assert learnt(40, Kind.TYPE) is Noise.NONE


def test_what_was_learnt_is_told_with_its_counts() -> None:
    learner = NoiseLearner(0.95, 20)
    for number in range(30):
        learner.add("r", [difference("/x", number)])
    assert learner.learnt("r") == {"/x": (30, 30)}
    assert learner.learnt("other") == {}


def test_a_report_judges_early_pairs_by_what_later_ones_showed() -> None:
    def line(number: int, more: list[dict[str, str]]) -> dict[str, Any]:
        noisy = {"at": "/x", "kind": "value", "real": f"r{number}", "mirror": f"m{number}"}
        return {
            "type": "pair", "time": number, "target": "t", "route": "d GET /a", "bodies": True,
            "result": "different", "differences": [noisy, *more],
        }  # fmt: skip

    wrong = [{"at": "/sum", "kind": "type"}]
    lines = [line(number, wrong if number < 3 else []) for number in range(30)]
    counted = {"target": "t", "route": "d GET /a", "outcome": "mirrored", "count": 30}
    told = report(lambda: [*lines, {"type": "counts", "time": 1, "counts": [counted]}])
    (route,) = told["routes"]
    assert (route["mirrored"], route["same"], route["different"]) == (30, 27, 3)
    assert route["differences"] == [{"at": "/sum", "kind": "type", "pairs": 3}]
    assert route["noise"] == [{"at": "/x", "why": "learnt", "pairs": 30}]
    assert route["share_low"] < 0.1 < route["share_high"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/users/123/orders", "d GET /v1/users/*/orders"),
        ("/users/alice@example.com", "d GET /users/*"),
        ("/", "d GET /"),
        ("/bot123:AAabc/send", "d GET /*/send"),
        ("/a/b/c/d/e/f/g/h/i", "d GET /a/b/c/d/e/f/g/h/**"),
    ],
)
def test_a_route_is_told_without_data(path: str, expected: str) -> None:
    assert shown_route("d", "GET", path) == expected


@given(st.text(max_size=80))
def test_a_shown_name_is_a_name(name: str) -> None:
    told = shown(name)
    assert told == "*" or (told == name and "/" not in name)
