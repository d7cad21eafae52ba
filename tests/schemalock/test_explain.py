"""What streams, and what to rewrite where it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clyra_proxy.schemalock.document import parse_document
from clyra_proxy.schemalock.explain import explain
from clyra_proxy.schemalock.vocabulary import DIALECT

ROWS: dict[str, Any] = {"type": "array", "items": {"type": "object", "properties": {"tags": {"type": "array"}}}}


def batch(**keywords: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"rows": ROWS}, **keywords}


PREFIXED = {"type": "object", "properties": {"rows": {**ROWS, "prefixItems": [True]}}}
DYNAMIC = {"type": "object", "properties": {"a": {"$dynamicRef": "#x"}}, "$defs": {"x": {"$dynamicAnchor": "x"}}}


@pytest.mark.parametrize(
    ("schema", "cuts"),
    [
        (ROWS, ("",)),
        (batch(), ("/rows",)),
        ({"type": "object", "properties": {"a/b": {"type": "object", "properties": {"rows": ROWS}}}}, ("/a~1b/rows",)),
        ({"$ref": "#/$defs/b", "$defs": {"b": batch()}}, ("/rows",)),
        ({**ROWS, "$schema": DIALECT, "$id": "urn:x", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": True}}, ("",)),
        (batch(required=["rows"], additionalProperties=False), ("/rows",)),
    ],
)
def test_streams(schema: Any, cuts: tuple[str, ...]) -> None:
    report = explain(schema)
    assert report.streams
    assert report.cuts == cuts
    assert report.obstacles == ()


@pytest.mark.parametrize(
    ("schema", "keyword", "pointer"),
    [
        ({**ROWS, "uniqueItems": True}, "uniqueItems", "/uniqueItems"),
        ({**ROWS, "contains": {"type": "object"}}, "contains", "/contains"),
        (PREFIXED, "prefixItems", "/properties/rows/prefixItems"),
        ({"oneOf": [batch(), {"type": "null"}]}, "oneOf", "/oneOf"),
        (batch(**{"if": {"properties": {"rows": {"minItems": 2}}}, "then": {"required": ["x"]}}), "if", "/if"),
        ({"type": "object", "additionalProperties": ROWS}, "additionalProperties", "/additionalProperties"),
        (DYNAMIC, "$dynamicRef", "/properties/a/$dynamicRef"),
    ],
)  # fmt: skip
def test_names_the_keyword_and_a_way_round(schema: Any, keyword: str, pointer: str) -> None:
    document = parse_document(json.dumps(schema, indent=1).encode(), "batch.json")
    report = explain(schema, where=document.where)
    assert not report.streams
    assert report.why
    found = {(one.keyword, one.pointer): one for one in report.obstacles}
    obstacle = next(one for (word, where), one in found.items() if word == keyword and where.startswith(pointer))
    assert obstacle.advice
    assert obstacle.where.startswith("batch.json:")


def test_a_schema_without_arrays_is_read_whole() -> None:
    report = explain({"type": "object", "properties": {"a": {"type": "string"}}})
    assert not report.streams
    assert report.obstacles == ()
