"""Older drafts keep their meaning when they are rewritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock import regex
from clyra_proxy.schemalock.dialect import to_2020_12
from clyra_proxy.schemalock.hostile import inspect_schema
from clyra_proxy.schemalock.vocabulary import DIALECT

DRAFT4 = "http://json-schema.org/draft-04/schema#"
DRAFT7 = "http://json-schema.org/draft-07/schema#"
DRAFT8 = "https://json-schema.org/draft/2019-09/schema"


@pytest.mark.parametrize(
    ("schema", "rewritten"),
    [
        ({"$schema": DRAFT4, "minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"$schema": DRAFT4, "id": "urn:a#x", "const": 1}, {"$id": "urn:a", "$anchor": "x"}),
        ({"$schema": DRAFT7, "$ref": "#/definitions/a", "type": "string", "definitions": {"a": True}},
         {"$ref": "#/definitions/a", "definitions": {"a": True}}),
        ({"$schema": DRAFT7, "items": [{"type": "string"}], "additionalItems": False},
         {"prefixItems": [{"type": "string"}], "items": False}),
        ({"$schema": DRAFT7, "items": True, "additionalItems": False}, {"items": True}),
        ({"$schema": DRAFT7, "dependencies": {"a": ["b"], "c": {"required": ["d"]}}, "unevaluatedProperties": False},
         {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"required": ["d"]}}}),
        ({"$schema": DRAFT8, "properties": {"a": {"$recursiveRef": "#"}}}, {"properties": {"a": {"$ref": "#"}}}),
    ],
)  # fmt: skip
def test_rewrites(schema: Any, rewritten: Any) -> None:
    assert to_2020_12(schema, source="x") == {"$schema": DIALECT, **rewritten}


@pytest.mark.parametrize("schema", [True, {"type": "string"}, {"$schema": DIALECT, "items": [1]}])
def test_leaves_alone(schema: Any) -> None:
    assert to_2020_12(schema, source="x") is schema


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": "http://json-schema.org/draft-03/schema#"},
        {"$schema": "https://example.com/mine"},
        {"$schema": DRAFT8, "$recursiveAnchor": True},
        {"$schema": DRAFT8, "unevaluatedItems": False, "contains": {"type": "string"}},
        {"$schema": DRAFT7, "properties": {"a": 1}},
    ],
)
def test_refuses(schema: Any) -> None:
    with pytest.raises(SchemaError, match=r"x cannot be used: at #"):
        to_2020_12(schema, source="x")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "dialect"),
    [("draft4", DRAFT4), ("draft6", DRAFT7.replace("07", "06")), ("draft7", DRAFT7), ("draft2019-09", DRAFT8)],
)
def test_conformance_suite_of_older_drafts(shared_data: Path, folder: str, dialect: str) -> None:
    """Every required test whose schema can be used here keeps its verdict; nine in ten can be used."""
    total, judged, wrong = 0, 0, []
    for file in sorted((shared_data / "suites/jsts/tests" / folder).glob("*.json")):
        for case in json.loads(file.read_text()):
            total += len(case["tests"])
            schema = case["schema"]
            if isinstance(schema, dict):
                schema = {"$schema": dialect, **schema}
            try:
                made = to_2020_12(schema, source=file.name)
                inspect_schema(made, source=file.name)
            except SchemaError:
                continue
            check = jsonschema_rs.validator_for(made, offline=True, pattern_options=regex.LINEAR)
            judged += len(case["tests"])
            wrong += [
                f"{file.name}: {case['description']}: {test['description']}"
                for test in case["tests"]
                if check.is_valid(test["data"]) is not test["valid"]
            ]
    assert not wrong
    assert judged >= 0.9 * total
