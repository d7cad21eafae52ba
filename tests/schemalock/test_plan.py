"""Which schemas are cut, which are not and why; and what a finding says about the place."""

from __future__ import annotations

from typing import Any

import pytest

from clyra_proxy.schemalock.compile import compile_schema
from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.verdict.reasons import Reason
from tests.support.bodies import judge_streamed

LIST = {"type": "array", "items": {"type": "integer"}}

SHORT = {"properties": {"rows": {"maxItems": 1}}}


def rows(**beside: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"rows": LIST}, **beside}


CUT: list[tuple[str, Any, tuple[tuple[str, ...], ...]]] = [
    ("root array", LIST, ((),)),
    ("member", rows(), (("rows",),)),
    ("nested", {"properties": {"a": {"properties": {"b": LIST}}}}, (("a", "b"),)),
    ("two", {"properties": {"a": LIST, "b": LIST}}, (("a",), ("b",))),
    ("closed", rows(additionalProperties=False, required=["rows"], unevaluatedProperties=False), (("rows",),)),
    ("root reference", {"$ref": "#/$defs/a", "$defs": {"a": rows()}}, (("rows",),)),
    ("member reference", {"properties": {"rows": {"$ref": "#/$defs/a"}}, "$defs": {"a": LIST}}, (("rows",),)),
    ("escaped names", {"properties": {"a/b~%é": LIST}}, (("a/b~%é",),)),
    ("allOf", {"allOf": [rows(), {"required": ["rows"]}]}, (("rows",),)),
    ("type only beside", rows(anyOf=[{"properties": {"rows": {"type": "array"}}}, True]), (("rows",),)),
    ("pattern elsewhere", rows(patternProperties={"^x": {"maxItems": 1}}), (("rows",),)),
    ("recursive", {"properties": {"rows": LIST, "child": {"$ref": "#"}}}, (("rows",),)),
]
WHOLE = [
    ("contains", {"properties": {"rows": {**LIST, "contains": {"const": 1}}}}),
    ("uniqueItems", {"properties": {"rows": {**LIST, "uniqueItems": True}}}),
    ("count beside", rows(allOf=[{"properties": {"rows": {"minItems": 2}}}])),
    ("items beside", rows(anyOf=[{"properties": {"rows": {"items": {"const": 1}}}}, True])),
    ("const", rows(const={"rows": [1]})),
    ("enum", rows(**{"not": {"enum": [{"rows": []}]}})),
    ("pattern", rows(patternProperties={"^r": {"maxItems": 1}})),
    ("additional", {"allOf": [rows(), {"additionalProperties": {"maxItems": 1}}]}),
    ("unevaluated", rows(unevaluatedProperties={"maxItems": 1})),
    ("unknown", rows(somethingNew={"rows": 1})),
    ("dynamic", rows(**{"$dynamicAnchor": "x"})),
    ("nested resource", {"properties": {"rows": {"$id": "https://x.invalid/rows", **LIST}}}),
    ("boolean", True),
    (
        "through a reference",
        rows(anyOf=[{"$ref": "#/$defs/a"}], **{"$defs": {"a": {"properties": {"rows": {"maxItems": 1}}}}}),
    ),
]


@pytest.mark.parametrize(("name", "schema", "cuts"), CUT, ids=[case[0] for case in CUT])
def test_cut(name: str, schema: Any, cuts: tuple[tuple[str, ...], ...]) -> None:
    compiled = compile_schema(schema)
    assert compiled.plan is not None, compiled.blocked
    found = compiled.plan.cuts
    assert found[: len(cuts)] == cuts


@pytest.mark.parametrize(("name", "schema"), WHOLE, ids=[case[0] for case in WHOLE])
def test_not_cut_and_the_reason_is_named(name: str, schema: Any) -> None:
    compiled = compile_schema(schema)
    assert compiled.plan is None
    assert compiled.blocked


DEEP = {
    "type": "object",
    "properties": {
        "meta": {"type": "object", "properties": {"v": {"const": 1}}},
        "data": {
            "properties": {"rows": {"type": "array", "minItems": 2, "maxItems": 4, "items": {"$ref": "#/$defs/row"}}}
        },
    },
    "required": ["meta"],
    "$defs": {
        "row": {"type": "object", "properties": {"a/b": {"maxLength": 2}}, "additionalProperties": {"type": "null"}}
    },
}
PLACES = [
    (b'{"meta":{"v":2},"data":{"rows":[{},{}]}}', "/meta/v", "/properties/meta/properties/v/const", None),
    (b'{"meta":{},"data":{"rows":[{},{"a/b":"xxx"}]}}', "/data/rows/1/a~1b", "/$defs/row/properties/a~1b/maxLength", 1),
    (b'{"meta":{},"data":{"rows":[{},{"jo@x.org":1}]}}', "/data/rows/1/*", "/$defs/row/additionalProperties/type", 1),
    (b'{"meta":{},"data":{"rows":[{}]}}', "/data/rows", "/properties/data/properties/rows/minItems", None),
    (b'{"meta":{},"data":{"rows":[{},{},{},{},{}]}}', "/data/rows", "/properties/data/properties/rows/maxItems", None),
    (b'{"meta":{},"data":{"rows":{}}}', "/data/rows", "/properties/data/properties/rows/type", None),
    (b'{"data":{"rows":[{},{}]}}', "", "/required", None),
    (b"[]", "", "/type", None),
]


@pytest.mark.parametrize(("text", "path", "schema_path", "row"), PLACES, ids=[case[0].decode() for case in PLACES])
@pytest.mark.parametrize("size", [1, 9, 4096])
def test_findings_say_where(text: bytes, path: str, schema_path: str, row: int | None, size: int) -> None:
    found = judge_streamed(compile_schema(DEEP), text, size)
    assert found is not None
    assert found.reason is Reason.SCHEMA_VIOLATION
    assert (found.path, found.detail["schema_pointer"], found.detail.get("row")) == (path, schema_path, row)
    assert "jo@x.org" not in repr(found)
    assert "xxx" not in repr(found)


@pytest.mark.parametrize(
    ("text", "path", "row"),
    [
        (b'{"meta":{},"data":{"rows":[{},{}]},"meta":{}}', "/meta", None),
        (b'{"meta":{},"data":{"rows":[{},{}],"rows":[]}}', "/data/rows", None),
        (b'{"meta":{},"data":{"rows":[{},{"a/b":"x","jo@x.org":null,"\\u006ao@x.org":null}]}}', "/data/rows/1/*", 1),
        (b'{"meta":{},"data":{"rows":[{},{"a/b":"x","a\\u002fb":"y"}]}}', "/data/rows/1/a~1b", 1),
    ],
)
@pytest.mark.parametrize("size", [1, 9, 4096])
@pytest.mark.parametrize("walk_into", [1, 4096])
def test_a_key_that_comes_twice_is_pointed_at(
    text: bytes, path: str, row: int | None, size: int, walk_into: int
) -> None:
    found = judge_streamed(compile_schema(DEEP), text, size, walk_into=walk_into)
    assert found is not None
    assert (found.reason, found.path, found.detail.get("row")) == (Reason.JSON_DUPLICATE_KEY, path, row)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (rows(), b'{"rows":[1],"blob":"' + b"x" * 200_000 + b'"}'),
        (LIST, b'["' + b"x" * 200_000 + b'"]'),
        ({"const": 1}, b"[" + b"1," * 100_000 + b"1]"),
        ({"const": 1}, b'"' + b"x" * 200_000 + b'"'),
    ],
    ids=["member", "element", "uncut", "scalar"],
)
def test_what_cannot_be_cut_and_does_not_fit_is_refused(schema: Any, text: bytes) -> None:
    found = judge_streamed(compile_schema(schema), text, 4096, BodyLimits(max_buffer=100_000))
    assert found is not None
    assert found.reason is Reason.SCHEMA_NOT_STREAMABLE


def test_large_documents_pass_through_a_small_buffer() -> None:
    text = b'{"rows":[' + b",".join(b"%d" % number for number in range(200_000)) + b"]}"
    assert judge_streamed(compile_schema(rows()), text, 4096, BodyLimits(max_buffer=100_000)) is None
    assert judge_streamed(None, text, 4096, BodyLimits(max_buffer=100_000)) is None
