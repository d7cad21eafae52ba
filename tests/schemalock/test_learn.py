"""Learning keeps no value, knows how much it has not seen, and makes schemas that take what it saw."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock.hostile import inspect_schema
from clyra_proxy.schemalock.learn import Learner, RouteKey, RouteLearning, load_learner, template_of
from clyra_proxy.schemalock.shape import Shape
from clyra_proxy.schemalock.shape_state import from_state, to_state
from clyra_proxy.schemalock.sketch import DistinctCounter

KEY = RouteKey("POST", "/contacts", "request", "", "application/json")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


def learned(documents: list[Any]) -> Shape:
    shape = Shape()
    for number, document in enumerate(documents):
        shape.observe(document, number)
    return shape


@pytest.mark.parametrize(
    ("documents", "schema"),
    [
        ([1, 2], {"type": "integer"}),
        ([1, 2.5], {"type": "number"}),
        ([1.0], {"type": "integer"}),
        ([None, "x"], {"type": ["null", "string"]}),
        ([[]], {"type": "array", "items": False}),
        ([[1], ["a"]], {"type": "array", "items": {"type": ["integer", "string"]}}),
        (
            [{"a": 1, "b": "x"}, {"a": 2}],
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
                "required": ["a"],
                "additionalProperties": False,
            },
        ),
        ([{"a@example.com": 1}, {"12345": 2.5}], {"type": "object", "additionalProperties": {"type": "number"}}),
    ],
)
def test_schema_of(documents: list[Any], schema: Any) -> None:
    assert learned(documents).schema() == schema


def test_growing_names_become_a_map() -> None:
    shape = learned([{f"sku{n}x": {"qty": n}} for n in range(200)])
    made = shape.schema()
    assert isinstance(made, dict)
    assert "properties" not in made
    assert made["additionalProperties"]["properties"] == {"qty": {"type": "integer"}}
    assert "sku7x" not in json.dumps(to_state(shape))


def test_a_wide_but_stable_record_stays_a_record() -> None:
    made = learned([{f"field_{n}": n for n in range(120)}] * 50).schema()
    assert isinstance(made, dict)
    assert len(made["required"]) == 120


@settings(max_examples=150)
@given(st.lists(VALUES, min_size=1, max_size=8))
def test_takes_everything_it_saw_and_survives_saving(documents: list[Any]) -> None:
    shape = learned(documents)
    for made in (shape, from_state(json.loads(json.dumps(to_state(shape))))):
        schema = made.schema()
        inspect_schema(schema, source="learned")
        check = jsonschema_rs.validator_for(schema, offline=True)
        assert all(check.is_valid(document) for document in documents)


@settings(max_examples=150)
@given(st.lists(VALUES, min_size=1, max_size=6), st.lists(VALUES, min_size=1, max_size=6))
def test_merging_takes_what_both_saw(left: list[Any], right: list[Any]) -> None:
    shape, other = learned(left), learned(right)
    shape.merge(other)
    check = jsonschema_rs.validator_for(shape.schema(), offline=True)
    assert all(check.is_valid(document) for document in [*left, *right])


@settings(max_examples=100)
@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3) | st.none(), max_size=4), min_size=2))
def test_merging_in_two_parts_counts_like_learning_in_one_go(documents: list[Any]) -> None:
    half = len(documents) // 2
    together, first, second = learned(documents), learned(documents[:half]), learned(documents[half:])
    first.merge(second)
    assert first.schema() == together.schema()
    assert {n: s.documents for n, s in first.present.items()} == {n: s.documents for n, s in together.present.items()}
    assert {n: s.documents for n, s in first.absent.items()} == {n: s.documents for n, s in together.absent.items()}


def test_no_value_is_kept(tmp_path: Path) -> None:
    learner = Learner()
    secrets = ["jane.doe@example.com", "+4915112345678", "sk-verysecret", "Main Street 7"]
    for secret in secrets:
        learner.observe(KEY, {"note": secret, "by": {secret: 1}, "list": [secret], "n": 41234.5678})
    learner.save(tmp_path / "state.json")
    text = (tmp_path / "state.json").read_text()
    assert not any(secret in text for secret in secrets[:2])  # as values and as names that look like data
    assert "sk-verysecret" not in json.dumps(
        [route.shape.members["note"].schema() for route in learner.routes.values()]
    )
    assert (tmp_path / "state.json").stat().st_mode & 0o077 == 0


def test_state_round_trip_and_merge(tmp_path: Path) -> None:
    first, second = Learner(), Learner()
    first.observe(KEY, {"a": 1}, now=100.0)
    second.observe(KEY, {"a": 1, "b": "x"}, now=200.0)
    first.save(tmp_path / "1.json")
    second.save(tmp_path / "2.json")
    (route,) = load_learner([tmp_path / "1.json", tmp_path / "2.json"]).routes.values()
    assert (route.documents, route.first_seen, route.last_seen) == (2, 100.0, 200.0)
    assert route.shape.schema() == learned([{"a": 1}, {"a": 1, "b": "x"}]).schema()


@pytest.mark.parametrize(
    "text",
    ["{}", '{"format":"clyra-learning/1","routes":[{}]}', "[1]", "x",
     '{"format":"clyra-learning/1","routes":[{"method":"a","path":"b","direction":"c","status":"","media":"d",'
     '"documents":1,"first_seen":1,"last_seen":1,"shape":{"kinds":{"object":[1]}}}]}'],
)  # fmt: skip
def test_damaged_state_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(SchemaError):
        load_learner([tmp_path / "s.json"])


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/v1/contacts/12345/notes?x=1", "/v1/contacts/{id}/notes"),
        ("/users/01234567-89ab-4def-8123-456789abcdef", "/users/{id}"),
        ("/users/jane@example.com", "/users/{id}"),
        ("/chat/completions", "/chat/completions"),
        ("/v2/messages", "/v2/messages"),
        ("/files/file_abc123XYZ9876", "/files/{id}"),
        ("/", "/"),
    ],
)
def test_path_templates(path: str, template: str) -> None:
    assert template_of(path) == template


def test_routes_are_bounded() -> None:
    learner = Learner()
    for number in range(2_100):
        learner.observe(RouteKey("GET", f"/r{number}", "request", "", "application/json"), 1, now=1.0)
    assert len(learner.routes) == 2_000
    assert learner.overflow == 100


@pytest.mark.parametrize("count", [10, 100, 5_000])
def test_distinct_estimate(count: int) -> None:
    counter = DistinctCounter()
    for number in range(count * 2):
        counter.add(f"value-{number % count}")
    assert abs(counter.estimate() - count) <= 0.5 * count


@pytest.mark.parametrize("documents", [100, 1_000, 10_000])
def test_missing_mass_is_within_a_factor_of_two_of_the_truth(documents: int) -> None:
    """Independent optional members with Zipf-like chances; the truth is computed, and averaged over seeds."""
    chances = [1.0, *(0.5 / rank**2.5 for rank in range(1, 46))]  # few enough names to stay a record
    estimated = true = 0.0
    for seed in range(12 if documents < 10_000 else 4):
        random = Random(seed)
        route = RouteLearning()
        for _ in range(documents):
            route.observe({f"f{n}": 1 for n, chance in enumerate(chances) if random.random() < chance}, 1.0)
        seen = route.shape.members.keys()
        estimated += route.missing_mass
        # a feature is a kind and a presence: a new member brings both at once
        true += 2 * sum(chance for n, chance in enumerate(chances) if f"f{n}" not in seen)
    assert true / 2 <= estimated <= true * 2


def test_a_deep_document_is_taken_although_it_is_not_looked_into() -> None:
    document: Any = {"x": 1}
    for level in range(100):
        document = [document] if level % 2 else {"x": document}
    shape = from_state(to_state(learned([document])))
    schema = shape.schema()
    inspect_schema(schema, source="learned")
    assert jsonschema_rs.validator_for(schema, offline=True).is_valid(document)


def test_endless_variety_stops_being_learned() -> None:
    route = RouteLearning()
    for number in range(400):
        letter, group = chr(97 + number % 26), chr(97 + number // 26)
        route.observe({"deep": {letter: {group: {f"f{n}_{letter}{group}": 1 for n in range(99)}}}}, 1.0)
    size = route.shape.count()
    assert route.full
    assert route.missing_mass == 1.0
    route.observe({"another": {"member": 1}}, 1.0)
    assert route.shape.count() == size


def test_little_data_never_looks_ready() -> None:
    route = RouteLearning()
    assert route.missing_mass == 1.0
    for _ in range(20):
        route.observe({"a": 1}, 1.0)
    assert route.missing_mass >= 1 / 21
