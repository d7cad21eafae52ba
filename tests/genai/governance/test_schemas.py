"""Schemas that come with the traffic: read as their writers mean them, and never allowed to cost more than they say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.genai.json_schemas import is_usable, objection, without_prose
from clyra_proxy.genai.schema_cost import is_affordable

TEXT, OLD = {"type": "string"}, "http://json-schema.org/draft-07/schema#"


def _laughs(depth: int) -> dict[str, Any]:
    """A schema of `depth` small definitions that unfolds to 2^depth."""
    defined: dict[str, Any] = {"d0": {"const": 1}}
    for level in range(1, depth):
        twice = {"$ref": f"#/$defs/d{level - 1}"}
        defined[f"d{level}"] = {"anyOf": [twice, dict(twice)]}
    return {"$defs": defined, "$ref": f"#/$defs/d{depth - 1}"}


def _doubling(under: str, also: str) -> dict[str, Any]:
    """A schema that goes back to itself under two names."""
    back = {"$ref": "#/$defs/n"}
    either = [{"properties": {under: back}}, {"properties": {also: back}}]
    return {"$defs": {"n": {"anyOf": [*either, {"const": 1}]}}, "$ref": "#/$defs/n"}


def _mutual() -> dict[str, Any]:
    """Two definitions that hold each other, used twice."""
    one, two = {"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}
    defined = {"a": {"properties": {"b": two}}, "b": {"properties": {"a": one}}}
    return {"$defs": defined, "properties": {"one": one, "two": one}}


@pytest.mark.parametrize(
    ("schema", "usable"),
    [
        ({"type": "object", "properties": {"a": TEXT}}, True),
        (_laughs(8), True),
        (_laughs(40), False),
        (_doubling("x", "y"), True),
        (_doubling("x", "x"), False),
        ({"anyOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}, False),
        ({"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}, True),
        ({"$defs": {"t": {"properties": {"l": {"$ref": "#/$defs/t"}, "r": {"$ref": "#/$defs/t"}}}},
          "$ref": "#/$defs/t"}, True),
        (_mutual(), True),
        ({"$ref": "#"}, False),
        ({"$ref": "https://x.test/schema.json"}, False),
        ({"$ref": "#/$defs/missing"}, False),
        ({"$dynamicRef": "#a"}, False),
        ({"type": "nonsense"}, False),
        ({"a": [{"b": 1}] * 30_000}, False),
    ],
)  # fmt: skip
def test_what_is_used(schema: dict[str, Any], usable: bool) -> None:
    assert is_usable(schema) is usable


@pytest.mark.parametrize(
    ("schema", "value", "keyword"),
    [
        ({"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}, {"a": None}, None),
        ({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}, {"a": 1}, "type"),
        ({"$schema": OLD, "items": [TEXT], "additionalItems": False}, ["a", "b"], "additionalItems"),
        (
            {"$schema": OLD, "definitions": {"t": TEXT}, "properties": {"a": {"$ref": "#/definitions/t"}}},
            {"a": 1},
            "type",
        ),
        ({"$schema": "https://example.com/own", "required": ["a"]}, {}, "required"),
        ({"properties": {"a": {"pattern": "(?=x)y", "type": "string"}}}, {"a": "no"}, None),
        ({"properties": {"type": TEXT, "nullable": {"type": "boolean"}, "pattern": TEXT}}, {"type": 1}, "type"),
        (_doubling("x", "y"), {"x": {"y": {"x": 2}}}, None),
        (True, 1, None),
        (False, 1, "falseSchema"),
    ],
)
def test_what_is_objected_to(schema: Any, value: Any, keyword: str | None) -> None:
    found = objection(schema, value)
    assert (found.keyword if found is not None else None) == keyword


def test_objections_name_only_what_the_schema_names() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": TEXT}}}
    found = objection(schema, {"a": {"ann@example.com": 5}})
    assert found is not None
    assert found.path == "/a/*"


def test_a_schema_without_prose_judges_the_same_and_says_nothing() -> None:
    schema = {
        "title": "secret words",
        "properties": {"description": {"type": "string", "description": "secret words"}, "title": TEXT},
        "required": ["title"],
    }
    silent = without_prose(schema)
    assert "secret" not in str(silent)
    for value in ({"title": "x"}, {"title": 5}, {}, {"title": "x", "description": 5}):
        assert (objection(schema, value) is None) is (objection(silent, value) is None)


REFERENCES = st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "#/$defs/c", "#/$defs/none", "x", "#a"])
SCHEMAS = st.recursive(
    st.one_of(
        st.booleans(), st.builds(lambda to: {"$ref": to}, REFERENCES), st.just({"type": "string"}), st.integers()
    ),
    lambda inner: st.one_of(
        st.builds(lambda held: {"anyOf": held}, st.lists(inner, max_size=3)),
        st.builds(lambda held: {"properties": held}, st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)),
        st.builds(lambda held: {"items": held}, inner),
        st.builds(lambda one, two: {"not": one, "additionalProperties": two}, inner, inner),
    ),
    max_leaves=10,
)
VALUES = st.recursive(
    st.one_of(st.none(), st.text(max_size=3), st.integers()),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(SCHEMAS, st.dictionaries(st.sampled_from("abc"), SCHEMAS, max_size=3), VALUES)
def test_no_schema_raises_or_hangs(schema: Any, defined: dict[str, Any], value: Any) -> None:
    whole = {**schema, "$defs": defined} if isinstance(schema, dict) else schema
    is_affordable(whole)
    objection(whole, value)
