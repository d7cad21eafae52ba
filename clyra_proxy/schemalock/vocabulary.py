"""The keywords of JSON Schema 2020-12, by the shape of what they hold.

Rule: a walk over a schema visits every place where a subschema may stand and no other, so a property *named* `$ref`,
or a value inside `const`, `enum` or `examples`, is never taken for a keyword. Walks use no recursion: a schema nested
deeper than the interpreter's stack is a finding, not a crash. Reference: JSON Schema Core and Validation 2020-12.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clyra_proxy.json_pointer import escape, unescape

type Schema = dict[str, Any] | bool

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ONE_SCHEMA = _words(
    "additionalProperties contains contentSchema else if items not propertyNames then "
    "unevaluatedItems unevaluatedProperties"
)
SCHEMA_LIST = _words("allOf anyOf oneOf prefixItems")
SCHEMA_MAP = _words("$defs definitions dependentSchemas patternProperties properties")
IN_PLACE = _words("allOf anyOf oneOf not if then else dependentSchemas")
"""Applicators whose subschemas see the same instance as their parent."""

_PLAIN = _words(
    "$anchor $comment $dynamicAnchor $dynamicRef $id $ref $schema $vocabulary const contentEncoding contentMediaType "
    "default dependentRequired deprecated description enum examples exclusiveMaximum exclusiveMinimum format "
    "maxContains maxItems maxLength maxProperties maximum minContains minItems minLength minProperties minimum "
    "multipleOf pattern readOnly required title type uniqueItems writeOnly"
)
KNOWN = ONE_SCHEMA | SCHEMA_LIST | SCHEMA_MAP | _PLAIN
OPENAPI_ANNOTATIONS = _words("discriminator example externalDocs xml nullable")


def children(schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Direct subschemas as (keyword, pointer relative to `schema`, subschema)."""
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        if keyword in ONE_SCHEMA:
            if isinstance(value, dict | bool):
                yield keyword, f"/{keyword}", value
        elif keyword in SCHEMA_LIST and isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict | bool):
                    yield keyword, f"/{keyword}/{index}", item
        elif keyword in SCHEMA_MAP and isinstance(value, dict):
            for name, item in value.items():
                if isinstance(item, dict | bool):
                    yield keyword, f"/{keyword}/{escape(str(name))}", item


def walk(schema: Schema, pointer: str = "") -> Iterator[tuple[str, Schema, int]]:
    """Every subschema in document order as (JSON pointer, subschema, nesting depth), the root first."""
    stack: list[tuple[str, Schema, int]] = [(pointer, schema, 0)]
    while stack:
        where, node, depth = stack.pop()
        yield where, node, depth
        below = [(where + relative, child, depth + 1) for _, relative, child in children(node)]
        stack.extend(reversed(below))


def in_place_references(schema: Schema) -> Iterator[str]:
    """Every `$ref` that sees the same instance as `schema`: its own, and those of its in-place applicators."""
    stack: list[Schema] = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                yield reference
            stack.extend(child for keyword, _, child in children(node) if keyword in IN_PLACE)


def lookup(document: Any, pointer: str) -> Any:
    """The value at a JSON pointer. Raises LookupError when there is none."""
    node = document
    for raw in pointer.split("/")[1:]:
        token = unescape(raw)
        if isinstance(node, dict):
            node = node[token]
        elif isinstance(node, list) and token.isdecimal():
            node = node[int(token)]
        else:
            raise LookupError(pointer)
    return node
