"""The validator of lists says what the validator of one document says of each; what refusing may cost is known."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from clyra_proxy.schemalock.compile import compile_schema
from clyra_proxy.schemalock.validate import first_objection
from tests.support.bodies import judge_buffered, judge_streamed

_SCORE = {"type": "object", "properties": {"score": {"type": "integer", "minimum": 0}}}
_NESTED = {
    "$defs": {"part": {"minimum": 0}},
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/part"}, "b": {"$ref": "#"}},
}


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        (_SCORE, [{"score": 1}, {"score": -1}, {"score": 1.0}, {"score": "x"}, {}, [], 7]),
        (_NESTED, [{"a": 1}, {"a": -1}, {"b": {"a": -1}}, {"b": {"b": {}}}, {"b": 3}]),
        ({}, [{}, None]),
    ],
)
def test_a_list_is_judged_as_its_members(schema: dict[str, Any], values: list[Any]) -> None:
    compiled = compile_schema(schema, plan=False, each=True)
    assert compiled.each is not None
    verdicts = [compiled.whole.is_valid(value) for value in values]
    assert [compiled.each.is_valid([value]) for value in values] == verdicts
    assert compiled.each.is_valid(values) is all(verdicts)
    assert compiled.each.is_valid([value for value, good in zip(values, verdicts, strict=True) if good])


@pytest.mark.parametrize("word", ["$id", "$anchor", "$dynamicAnchor"])
def test_a_schema_that_names_its_places_has_none(word: str) -> None:
    assert compile_schema({"$defs": {"a": {word: "here"}}}, plan=False, each=True).each is None
    assert compile_schema({}, plan=False).each is None


def _operator(word: str) -> dict[str, Any]:
    terms = {"op": {"const": word}, "left": {"$ref": "#/$defs/term"}, "right": {"$ref": "#/$defs/term"}}
    return {"type": "object", "required": ["op"], "properties": terms}


FORMULA = {
    "$ref": "#/$defs/term",
    "$defs": {"term": {"oneOf": [_operator("and"), _operator("or"), {"type": "number"}]}},
}
"""An ordinary grammar: whatever the outermost operator is, both alternatives look at what is below it."""
OPERANDS = [
    {"properties": {"next": {"$ref": f"#/$defs/{n + 1}"}}, "required": [key]} for n in range(20) for key in "ab"
]
UNFOLDING = {
    "$ref": "#/$defs/0",
    "$defs": {**{str(n): {"anyOf": OPERANDS[2 * n : 2 * n + 2]} for n in range(20)}, "20": {"type": "number"}},
}


def formula(levels: int, last: Any) -> Any:
    for _ in range(levels):
        last = {"op": "or", "left": last, "right": 1}
    return last


@pytest.mark.parametrize(
    ("schema", "branching"),
    [
        (FORMULA, True),
        (UNFOLDING, True),
        ({"anyOf": [{"$dynamicRef": "#a"}, {"$dynamicAnchor": "a"}]}, True),
        ({"properties": {"next": {"$ref": "#"}}}, False),
        ({"properties": {"next": {"$ref": ""}, "kind": {"oneOf": [{"const": 1}]}}}, True),
        ({"items": {"anyOf": [{"type": "number"}, {"$ref": "#/$defs/a"}]}, "$defs": {"a": {"type": "string"}}}, False),
        (_SCORE, False),
        (True, False),
    ],
)
def test_schemas_whose_alternatives_come_back_are_known(schema: Any, branching: bool) -> None:
    assert compile_schema(schema).branching is branching


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 30, 100])
def test_a_deep_value_is_refused_without_explaining_every_alternative(levels: int) -> None:
    compiled = compile_schema(FORMULA)
    found = first_objection(compiled.whole, formula(levels, "x"), branching=compiled.branching)
    assert (found.path, found.keyword) == ((), "oneOf" if levels <= 3 else "schema")
    assert compiled.whole.is_valid(formula(levels, 2))


def test_a_row_with_a_deep_value_is_still_pointed_at() -> None:
    compiled = compile_schema({"type": "array", "items": {"$ref": "#/$defs/term"}, "$defs": FORMULA["$defs"]})
    text = orjson.dumps([formula(40, 1), formula(2, 1), formula(40, "x"), formula(40, 1)])
    for size in (1, 1000, len(text)):
        found = judge_streamed(compiled, text, size)
        assert found is not None
        assert (found.path, found.detail["row"]) == ("/2", 2)
    assert judge_buffered(compiled, text, 4096) is not None
