"""Schemas that must be refused at load, with the place and the way out; and ordinary ones that must not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock import regex
from clyra_proxy.schemalock.hostile import inspect_schema


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


def doubling(keyword: str) -> dict[str, Any]:
    """Definitions of which each asks the next one twice about the same value."""
    twice = {str(n): {keyword: [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(28)}
    return {"$ref": "#/$defs/0", "$defs": {**twice, "28": {"type": "object"}}}


REFUSED: dict[str, tuple[Any, str, str]] = {
    "remote ref": ({"properties": {"a": {"$ref": "http://10.0.0.1/x"}}}, "#/properties/a/$ref", "never fetched"),
    "file ref": ({"items": {"$ref": "file:///etc/hostname"}}, "#/items/$ref", "never fetched"),
    "relative ref": ({"$ref": "other.json#/a"}, "#/$ref", "never fetched"),
    "remote dynamic ref": ({"$dynamicRef": "https://example.com/x#a"}, "#/$dynamicRef", "never fetched"),
    "dangling pointer": ({"$ref": "#/$defs/no"}, "#/$ref", "nothing is at"),
    "dangling anchor": ({"$ref": "#no"}, "#/$ref", "no $anchor"),
    "look-ahead": ({"pattern": "^(?=.*a)b"}, "#/pattern", "look-around"),
    "back-reference in a key": ({"patternProperties": {"(a)\\1": True}}, "#/patternProperties/(a)\\1", "look-around"),
    "broken regex": ({"pattern": "("}, "#/pattern", "not an ECMA-262"),
    "huge regex": ({"pattern": "a" * 5000}, "#/pattern", "5000 characters"),
    "state explosion": ({"pattern": "(a{1,500}){1,20}b"}, "#/pattern", "10000 times"),
    "deep": (nested(101), "/a", "nested deeper"),
    "self reference": ({"$ref": "#"}, "#", "never end"),
    "self reference by nothing": ({"anyOf": [{"$ref": ""}]}, "#/anyOf/0", "never end"),
    "doubling alternatives": (doubling("anyOf"), "#/$defs/13", "unfold to more than 100000"),
    "doubling conjunctions": (doubling("allOf"), "#/$defs/13", "unfold to more than 100000"),
    "circle through allOf": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}},
        "#/$defs",
        "never end",
    ),
    "draft-07": ({"$schema": "http://json-schema.org/draft-07/schema#"}, "#/$schema", "dialect"),
    "recursiveRef": ({"properties": {"a": {"$recursiveRef": "#"}}}, "#/properties/a/$recursiveRef", "2019-09"),
    "bad type": ({"properties": {"a": {"type": "strnig"}}}, "#/properties/a/type", "not a valid schema"),
    "not a schema": ([1], "#", "object or a boolean"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_place_cause_and_way_out(name: str) -> None:
    schema, pointer, why = REFUSED[name]
    with pytest.raises(SchemaError) as caught:
        inspect_schema(schema, source="contacts.json")
    assert "contacts.json" in caught.value.what
    assert pointer in caught.value.what
    assert why in caught.value.why
    assert caught.value.todo


def test_very_deep_schema_is_refused_not_a_crash() -> None:
    with pytest.raises(SchemaError, match="nested deeper"):
        inspect_schema(nested(50_000), source="deep")


def test_shared_subtrees_cannot_blow_up_the_walk() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(40):
        schema = {"anyOf": [schema, schema]}  # what a YAML alias bomb becomes: 2^40 subschemas in 40 objects
    with pytest.raises(SchemaError, match="more than"):
        inspect_schema(schema, source="bomb")


ACCEPTED: dict[str, Any] = {
    "recursive through a property": {"properties": {"child": {"$ref": "#"}}},
    "recursive through items": {"$ref": "#/$defs/n", "$defs": {"n": {"items": {"$ref": "#/$defs/n"}}}},
    "property named $ref": {"properties": {"$ref": {"type": "string"}}},
    "ref as data": {"const": {"$ref": "http://example.com/"}, "examples": [{"pattern": "("}]},
    "anchor": {"$ref": "#here", "$defs": {"h": {"$anchor": "here"}}},
    "embedded resource": {"$ref": "https://example.com/a", "$defs": {"a": {"$id": "https://example.com/a"}}},
    "metaschema": {"$ref": "https://json-schema.org/draft/2020-12/schema"},
    "catastrophic for backtracking, linear here": {"pattern": "^(a+)+$"},
    "boolean": True,
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepts(name: str) -> None:
    assert inspect_schema(ACCEPTED[name], source=name) == ()


def test_backtracking_is_opt_in() -> None:
    assert inspect_schema({"pattern": "^(?=.*a)b"}, source="x", backtracking=True) == ()


def test_misspelt_keyword_is_named_with_the_near_one() -> None:
    (warning,) = inspect_schema({"properties": {"a": {"maxlength": 3, "x-note": 1}}}, source="x")
    assert warning.pointer == "#/properties/a/maxlength"[1:]
    assert "maxLength" in warning.message


@pytest.mark.parametrize(
    ("pattern", "product"),
    [("a", 1), ("a{500}", 1), ("(a{10}){20}", 200), ("((a{2}){3}){4}", 24), (r"\(a{10}\){20}", 1), ("[(]{9}x{3}", 1)],
)
def test_nested_repeats(pattern: str, product: int) -> None:
    assert regex.nested_repeats(pattern) == product


@given(st.text(max_size=60))
def test_any_text_as_pattern_is_accepted_or_refused(pattern: str) -> None:
    fault = regex.fault(pattern)
    assert fault is None or (fault.why and fault.todo)


@pytest.mark.shared
def test_the_conformance_suites_own_schemas_pass(shared_data: Path) -> None:
    """Only schemas that need a remote document, another dialect, or look-around are refused."""
    refused: list[str] = []
    for file in sorted((shared_data / "suites/jsts/tests/draft2020-12").glob("*.json")):
        for case in json.loads(file.read_text()):
            try:
                inspect_schema(case["schema"], source=file.name)
            except SchemaError as error:
                refused.append(f"{file.name}: {case['description']}: {error}")
    unexpected = [text for text in refused if "leads outside" not in text and "dialect" not in text]
    assert not unexpected
