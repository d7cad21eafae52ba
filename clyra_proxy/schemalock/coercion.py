"""From text fields (forms, CSV) to the JSON values their schema speaks of.

A field is text. Where the schema of its property allows a string it stays one; otherwise text that reads as JSON
number, boolean or null becomes that. Nothing is guessed: what fits no declared type stays a string and is refused.
"""

from __future__ import annotations

import re
from typing import Any

from clyra_proxy.schemalock.admission import parse_exactly
from clyra_proxy.schemalock.traits import local_target
from clyra_proxy.schemalock.vocabulary import Schema

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,300})(?:\.[0-9]{1,300})?(?:[eE][-+]?[0-9]{1,2})?", re.ASCII)
_WORDS = {"true": True, "false": False}
_DEEPEST = 8

type Types = frozenset[str]


class Coercion:
    """Makes an object of named fields for one schema document."""

    def __init__(self, document: Schema) -> None:
        self._document = document
        self._types: dict[str, Types] = {}
        self._items: dict[str, Types] = {}
        self._collect(document, 0)

    def value(self, name: str, text: str) -> Any:
        """The value of a field."""
        return _coerce(text, self._types.get(name, frozenset()))

    def collect(self, pairs: list[tuple[str, str]]) -> tuple[dict[str, Any], str]:
        """An object of fields, and the name of one that came twice without being a list ("" when none did)."""
        made: dict[str, Any] = {}
        for name, text in pairs:
            types = self._types.get(name, frozenset())
            if "array" in types and "string" not in types:
                made.setdefault(name, []).append(_coerce(text, self._items.get(name, frozenset())))
            elif name in made:
                return made, name
            else:
                made[name] = _coerce(text, types)
        return made, ""

    def omits_empty(self, name: str) -> bool:
        """True when an empty field cannot be a value of this property, so that it means absence."""
        types = self._types.get(name, frozenset())
        return bool(types) and "string" not in types and "null" not in types

    def _collect(self, schema: Any, depth: int) -> None:
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return
        if isinstance(reference := schema.get("$ref"), str):
            self._collect(local_target(self._document, reference), depth + 1)
        for branch in schema.get("allOf", ()):
            self._collect(branch, depth + 1)
        for name, child in (schema.get("properties") or {}).items():
            self._types[name] = self._types.get(name, frozenset()) | self._of(child, "type", depth)
            self._items[name] = self._items.get(name, frozenset()) | self._of(child, "items", depth)

    def _of(self, schema: Any, what: str, depth: int) -> Types:
        """Type names of a property's schema, or (`items`) of its elements."""
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return frozenset()
        found: set[str] = set()
        if what == "items":
            found |= self._of(schema.get("items"), "type", depth + 1)
        else:
            kinds = schema.get("type", ())
            found.update([kinds] if isinstance(kinds, str) else kinds)
        if isinstance(reference := schema.get("$ref"), str):
            found |= self._of(local_target(self._document, reference), what, depth + 1)
        for keyword in ("allOf", "anyOf", "oneOf"):
            for branch in schema.get(keyword, ()):
                found |= self._of(branch, what, depth + 1)
        return frozenset(found)


def _coerce(text: str, types: Types) -> Any:
    if not types or "string" in types:
        return text
    if types & {"integer", "number"} and _NUMBER.fullmatch(text):
        return parse_exactly(text.encode())
    if "boolean" in types and text in _WORDS:
        return _WORDS[text]
    if "null" in types and text == "":
        return None
    return text
