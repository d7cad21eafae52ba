"""The validator of lists says what the validator of one document says of each."""

from __future__ import annotations

from typing import Any

import pytest

from clyra_proxy.schemalock.compile import compile_schema

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
