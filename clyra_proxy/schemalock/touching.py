"""Does any schema look into the value at a place? The guard of the planner's theorem.

`Touching.find` walks everything that applies to a document from the root down to one member, through every in-place
applicator and reference, and reports the first keyword whose outcome could depend on what that member's value holds
beyond its type. Booleans and `type` do not look inside; unknown keywords are taken to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs

from clyra_proxy.json_pointer import escape
from clyra_proxy.schemalock import vocabulary
from clyra_proxy.schemalock.traits import local_target
from clyra_proxy.schemalock.vocabulary import Schema

type Path = tuple[str, ...]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SILENT = _words(
    "$anchor $comment $defs $schema $vocabulary contentEncoding contentMediaType contentSchema default "
    "definitions dependentRequired deprecated description examples exclusiveMaximum exclusiveMinimum format "
    "maxLength maxProperties maximum minLength minProperties minimum multipleOf pattern propertyNames readOnly "
    "required title type writeOnly x-clyra-inlined"
)
"""Keywords that never look into the value of a member of the object they judge."""
_OF_ARRAYS = _words("contains items maxContains maxItems minContains minItems prefixItems unevaluatedItems uniqueItems")
_OF_SCALARS = _words(
    "contentEncoding contentMediaType contentSchema exclusiveMaximum exclusiveMinimum format maxLength maximum "
    "minLength minimum multipleOf pattern"
)
_OF_OBJECTS = _words(
    "additionalProperties dependentRequired dependentSchemas maxProperties minProperties patternProperties "
    "properties propertyNames required unevaluatedProperties"
)
_IN_PLACE_ONE = ("not", "if", "then", "else")
_IN_PLACE_MANY = ("allOf", "anyOf", "oneOf")
_AT_THE_PLACE = _words(
    "$anchor $comment $defs $schema default definitions deprecated description examples readOnly title type "
    "writeOnly x-clyra-inlined"
)


class Touching:
    """Answers for one registered document. compile_: makes validators with the engine the data path uses."""

    def __init__(self, document: Schema, compile_: Callable[[Schema], jsonschema_rs.Validator]) -> None:
        self._document = document
        self._compile = compile_
        self._patterns: dict[str, jsonschema_rs.Validator] = {}

    def find(self, schema: Schema, path: Path) -> str | None:
        """Pointer of a keyword of `schema` (or of the document, through a reference) that looks inside, or None."""
        seen: set[tuple[int, Path]] = set()
        stack: list[tuple[Schema, Path, str]] = [(schema, path, "")]
        while stack:
            node, rest, where = stack.pop()
            if not isinstance(node, dict):
                continue
            if (id(node), rest) in seen:
                continue
            seen.add((id(node), rest))
            for keyword, value in node.items():
                if (rest and keyword in _SILENT) or (not rest and keyword in _AT_THE_PLACE):
                    continue
                if keyword in vocabulary.OPENAPI_ANNOTATIONS or (keyword.startswith("x-")):
                    continue
                found = self._below(node, keyword, value, rest)
                if found is None:
                    return f"{where}/{escape(keyword)}"
                stack.extend((child, left, f"{where}/{relative}") for child, left, relative in found)
        return None

    def _below(
        self, node: dict[str, Any], keyword: str, value: Any, rest: Path
    ) -> list[tuple[Schema, Path, str]] | None:
        """Subschemas to look at next, or None when the keyword itself looks inside."""
        if keyword in _IN_PLACE_ONE:
            return [(value, rest, keyword)]
        if keyword in _IN_PLACE_MANY and isinstance(value, list):
            return [(item, rest, f"{keyword}/{index}") for index, item in enumerate(value)]
        if keyword == "dependentSchemas" and isinstance(value, dict):
            return [(item, rest, f"{keyword}/{escape(name)}") for name, item in value.items()]
        if keyword == "$ref":
            target = local_target(self._document, value) if isinstance(value, str) else None
            return None if target is None else [(target, rest, keyword)]
        if not rest:
            return [] if keyword in _OF_OBJECTS or keyword in _OF_SCALARS else None
        if keyword in _OF_ARRAYS:
            return []
        if keyword in ("properties", "patternProperties", "additionalProperties"):
            return list(self._members(node, keyword, value, rest))
        if keyword == "unevaluatedProperties" and isinstance(value, bool):
            return []
        return None

    def _members(
        self, node: dict[str, Any], keyword: str, value: Any, rest: Path
    ) -> Iterator[tuple[Schema, Path, str]]:
        name, left = rest[0], rest[1:]
        if keyword == "properties":
            if name in value:
                yield value[name], left, f"{keyword}/{escape(name)}"
        elif keyword == "patternProperties":
            for pattern, child in value.items():
                if self._matches(pattern, name):
                    yield child, left, f"{keyword}/{escape(pattern)}"
        elif name not in node.get("properties", ()) and not any(
            self._matches(pattern, name) for pattern in node.get("patternProperties", ())
        ):
            yield value, left, keyword

    def _matches(self, pattern: str, name: str) -> bool:
        validator = self._patterns.get(pattern)
        if validator is None:
            validator = self._patterns[pattern] = self._compile({"pattern": pattern})
        return validator.is_valid(name)
