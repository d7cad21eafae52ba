"""Compatibility verdicts: a hand-labelled table, and properties that make a wrong verdict show."""

from __future__ import annotations

from random import Random
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock import regex
from clyra_proxy.schemalock.diff import Answer, Compatibility, Mode, compare, worst
from clyra_proxy.schemalock.instances import Maker, gather
from clyra_proxy.schemalock.regex_sample import sample_pattern

INT: dict[str, Any] = {"type": "integer"}
NUM: dict[str, Any] = {"type": "number"}
STR: dict[str, Any] = {"type": "string"}


def obj(required: list[str] | None = None, /, closed: bool = False, **properties: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": properties, "required": required or []}
    return {**made, "additionalProperties": False} if closed else made


def tagged(tag: str) -> dict[str, Any]:
    return obj(["t"], t={"const": tag})


def tree(extra: dict[str, Any]) -> dict[str, Any]:
    node = obj(["v"], v=INT, kids={"type": "array", "items": {"$ref": "#/$defs/node"}})
    return {"$ref": "#/$defs/node", "$defs": {"node": {**node, **extra}}}


# old, new, does new take everything old took
PAIRS: dict[str, tuple[Any, Any, bool]] = {
    "same": (obj(["a"], a=INT), obj(["a"], a=INT), True),
    "annotations only": (obj(a=INT), {**obj(a=INT), "title": "t", "description": "d"}, True),
    "integer to number": (INT, NUM, True),
    "number to integer": (NUM, INT, False),
    "member number to integer": (obj(["a"], a=NUM), obj(["a"], a=INT), False),
    "new optional member in an open object": (obj(a=INT), obj(a=INT, b=STR), False),
    "new optional member of any type": (obj(a=INT), obj(a=INT, b=True), True),
    "new optional member in a closed object": (obj(closed=True, a=INT), obj(closed=True, a=INT, b=STR), True),
    "new required member": (obj(a=INT), obj(["b"], a=INT), False),
    "required dropped": (obj(["a"], a=INT), obj(a=INT), True),
    "object closed": (obj(a=INT), obj(closed=True, a=INT), False),
    "object opened": (obj(closed=True, a=INT), obj(a=INT), True),
    "member removed from a closed object": (obj(closed=True, a=INT, b=STR), obj(closed=True, a=INT), False),
    "enum widened": ({"enum": ["a", "b"]}, {"enum": ["a", "b", "c"]}, True),
    "enum narrowed": ({"enum": ["a", "b", "c"]}, {"enum": ["a", "b"]}, False),
    "enum within type": ({"enum": ["a", "b"]}, STR, True),
    "type to enum": (STR, {"enum": ["a", "b"]}, False),
    "null added": (STR, {"type": ["string", "null"]}, True),
    "null removed": ({"type": ["string", "null"]}, STR, False),
    "anyOf for a type list": ({"type": ["string", "null"]}, {"anyOf": [STR, {"type": "null"}]}, True),
    "maximum raised": ({**INT, "maximum": 10}, {**INT, "maximum": 11}, True),
    "maximum lowered": ({**INT, "maximum": 10}, {**INT, "maximum": 9}, False),
    "exclusive bound on integers": ({**INT, "exclusiveMaximum": 11}, {**INT, "maximum": 10}, True),
    "exclusive bound on numbers": ({**NUM, "exclusiveMaximum": 11}, {**NUM, "maximum": 10}, False),
    "minimum added far out": (INT, {**INT, "minimum": -1_000_000}, False),
    "maxLength added": (STR, {**STR, "maxLength": 64}, False),
    "minLength lowered": ({**STR, "minLength": 3}, {**STR, "minLength": 1}, True),
    "pattern added": (STR, {**STR, "pattern": "^[a-z]+$"}, False),
    "pattern removed": ({**STR, "pattern": "^[a-z]+$"}, STR, True),
    "pattern changed": ({**STR, "pattern": "^[A-Z]{3}-[0-9]{4}$"}, {**STR, "pattern": "^[A-Z]{3}-[0-9]{3}$"}, False),
    "format is an annotation": (STR, {**STR, "format": "email"}, True),
    "multipleOf coarser": ({**INT, "multipleOf": 2}, {**INT, "multipleOf": 4}, False),
    "multipleOf finer": ({**INT, "multipleOf": 4}, {**INT, "multipleOf": 2}, True),
    "items narrowed": ({"type": "array", "items": NUM}, {"type": "array", "items": INT}, False),
    "items widened": ({"type": "array", "items": INT}, {"type": "array", "items": NUM}, True),
    "maxItems added": ({"type": "array"}, {"type": "array", "maxItems": 3}, False),
    "uniqueItems added": ({"type": "array", "items": INT}, {"type": "array", "items": INT, "uniqueItems": True}, False),
    "uniqueItems removed": ({"type": "array", "uniqueItems": True}, {"type": "array"}, True),
    "prefix narrowed": ({"prefixItems": [NUM, STR]}, {"prefixItems": [INT, STR]}, False),
    "contains added": ({"type": "array"}, {"type": "array", "contains": STR}, False),
    "batch member narrowed": (
        obj(["inputs"], inputs={"type": "array", "items": obj(["email"], email=STR)}),
        obj(["inputs"], inputs={"type": "array", "items": obj(["email", "id"], email=STR)}),
        False,
    ),
    "through a reference": ({"$ref": "#/$defs/a", "$defs": {"a": INT}}, NUM, True),
    "through different references": (
        {"$ref": "#/$defs/a", "$defs": {"a": NUM}}, {"$ref": "#/$defs/b", "$defs": {"b": INT}}, False,
    ),
    "recursive, same": (tree({}), tree({}), True),
    "recursive, member required deep down": (tree({}), tree({"required": ["v", "kids"]}), False),
    "allOf is a conjunction": (obj(["a", "b"], a=INT, b=STR), {"allOf": [obj(["a"], a=INT), obj(["b"], b=STR)]}, True),
    "oneOf overlapping": ({"anyOf": [INT, NUM]}, {"oneOf": [INT, NUM]}, False),
    "not": (True, {"not": {"type": "null"}}, False),
    "everything to nothing": (True, False, False),
    "nothing to anything": (False, INT, True),
    "dependentRequired added": (obj(a=INT, b=INT), {**obj(a=INT, b=INT), "dependentRequired": {"a": ["b"]}}, False),
    "propertyNames added": ({"type": "object"}, {"type": "object", "propertyNames": {"maxLength": 3}}, False),
    "patternProperties narrowed": (
        {"type": "object", "patternProperties": {"^x-": NUM}}, {"type": "object", "patternProperties": {"^x-": INT}},
        False,
    ),
    "conditional added": (
        obj(kind=STR, n=INT),
        {**obj(kind=STR, n=INT), "if": {"properties": {"kind": {"const": "big"}}, "required": ["kind"]},
         "then": {"properties": {"n": {"minimum": 100}}, "required": ["n"]}},
        False,
    ),
    "tagged union gains a case": (
        {"oneOf": [tagged("a")]}, {"oneOf": [tagged("a"), tagged("b")]}, True,
    ),
    "tagged union loses a case": (
        {"oneOf": [tagged("a"), tagged("b")]}, {"oneOf": [tagged("a")]}, False,
    ),
}  # fmt: skip


def verify(old: Any, new: Any, answer: Compatibility) -> None:
    """Judge with an independent validator: a witness tells the two apart, a proof survives candidates."""
    if answer.answer is Answer.NO:
        assert jsonschema.Draft202012Validator(old).is_valid(answer.witness)
        assert not jsonschema.Draft202012Validator(new).is_valid(answer.witness)
    if answer.answer is Answer.YES:
        takes = jsonschema_rs.validator_for(new, offline=True, pattern_options=regex.LINEAR)
        took = jsonschema_rs.validator_for(old, offline=True, pattern_options=regex.LINEAR)
        for document in Maker(old, gather(old, new), Random(99)).documents(100):
            assert takes.is_valid(document) or not took.is_valid(document)


@pytest.mark.parametrize("name", PAIRS)
def test_hand_labelled_pair(name: str) -> None:
    old, new, compatible = PAIRS[name]
    (answer,) = compare(old, new)
    verify(old, new, answer)
    assert answer.answer is (Answer.YES if compatible else Answer.NO), answer
    (forward,) = compare(new, old, Mode.FORWARD)
    assert forward.answer is answer.answer


def test_full_asks_both_ways_and_reports_the_worst() -> None:
    answers = compare(INT, NUM, Mode.FULL)
    assert [(a.direction, a.answer) for a in answers] == [(Mode.BACKWARD, Answer.YES), (Mode.FORWARD, Answer.NO)]
    assert worst(answers) is Answer.NO


def test_what_cannot_be_proved_is_unknown() -> None:
    old = {"type": "string", "pattern": "^(ab)*$"}
    new = {"type": "string", "pattern": "^(ab|abab)*$"}  # the same language, which no canonical form shows
    (answer,) = compare(old, new)
    assert answer.answer is Answer.UNKNOWN
    assert answer.why


def test_witness_is_small() -> None:
    old = obj(["inputs"], inputs={"type": "array", "items": obj(["email", "n"], email=STR, n=NUM)})
    new = obj(["inputs"], inputs={"type": "array", "items": obj(["email", "n"], email=STR, n=INT)})
    (answer,) = compare(old, new)
    (row,) = answer.witness["inputs"]
    assert set(row) == {"email", "n"}


def test_hostile_schemas_are_refused_before_anything_else() -> None:
    with pytest.raises(SchemaError, match="OLD"):
        compare({"$ref": "http://localhost:1/x"}, True)


NAMES = st.sampled_from(["a", "b", "c"])
BOUND = st.integers(-3, 3)


def keyworded(kind: str, **keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=keywords)


CONSTANTS = st.lists(st.sampled_from([1, 2, "a", None, True]), min_size=1, unique=True)
KINDS = st.lists(st.sampled_from(["null", "string", "integer"]), min_size=1, unique=True)
PATTERNS = st.sampled_from(["^a", "b$", "^[a-c]+$"])
SMALL = st.integers(0, 3)

LEAVES = st.one_of(
    st.booleans(),
    keyworded("integer", minimum=BOUND, maximum=BOUND, multipleOf=st.integers(1, 3)),
    keyworded("number", minimum=BOUND, exclusiveMaximum=BOUND),
    keyworded("string", minLength=SMALL, maxLength=SMALL, pattern=PATTERNS),
    st.builds(lambda values: {"enum": values}, CONSTANTS),
    st.builds(lambda kinds: {"type": kinds}, KINDS),
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return keyworded(
        "object",
        properties=st.dictionaries(NAMES, inner, max_size=3),
        required=st.lists(NAMES, unique=True),
        additionalProperties=inner,
        maxProperties=SMALL,
        propertyNames=st.just({"pattern": "^[ab]"}),
    )


def arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return keyworded("array", items=inner, minItems=SMALL, maxItems=SMALL, uniqueItems=st.booleans(), contains=inner)


def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    words = st.sampled_from(["allOf", "anyOf", "oneOf"])
    parts = st.lists(inner, min_size=1, max_size=2)
    return st.builds(lambda word, some: {word: some}, words, parts) | st.builds(lambda part: {"not": part}, inner)


SCHEMAS = st.recursive(LEAVES, lambda inner: objects(inner) | arrays(inner) | combined(inner), max_leaves=6)


def check_properties(old: Any, new: Any) -> None:
    for answer in compare(old, new, Mode.FULL):
        if answer.direction is Mode.BACKWARD:
            verify(old, new, answer)
        else:
            verify(new, old, answer)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(SCHEMAS, SCHEMAS)
def test_every_no_has_a_verified_witness_and_every_yes_survives(old: Any, new: Any) -> None:
    check_properties(old, new)


@pytest.mark.comprehensive
@pytest.mark.timeout(3600)
@settings(max_examples=4_000, suppress_health_check=list(HealthCheck))
@given(SCHEMAS, SCHEMAS)
def test_every_no_has_a_verified_witness_and_every_yes_survives_at_length(old: Any, new: Any) -> None:
    check_properties(old, new)


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(SCHEMAS)
def test_a_schema_is_compatible_with_itself(schema: Any) -> None:
    (answer,) = compare(schema, schema)
    assert answer.answer is not Answer.NO


@pytest.mark.parametrize(
    "pattern",
    ["^[a-z]{3,5}$", r"^\d{4}-\d{2}$", "^(foo|bar)-[^0-9]{2}$", r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$", "^((ab){2}c)*$", "x"],
)
def test_pattern_samples_match(pattern: str) -> None:
    check = jsonschema_rs.validator_for({"pattern": pattern}, offline=True, pattern_options=regex.LINEAR)
    random = Random(3)
    assert all(check.is_valid(sample_pattern(pattern, random)) for _ in range(50))


@given(st.text(max_size=30))
def test_sampling_any_text_as_pattern_ends(pattern: str) -> None:
    assert isinstance(sample_pattern(pattern, Random(0)), str)


def test_nested_repetition_is_bounded() -> None:
    assert isinstance(sample_pattern("(" * 40 + "a" + "*)+" * 40, Random(0)), str)
