"""Rewrite a schema of an older draft (4, 6, 7, 2019-09) as draft 2020-12, keeping its meaning.

Rules: what the older draft said in other words is reworded; what it did not know is dropped, because it ignored it;
what it meant differently and cannot be said in 2020-12 is refused. Pointers into the document are not rewritten: one
that led through a renamed keyword leads nowhere afterwards and is then refused at inspection. `format` becomes the
annotation it is in 2020-12. References: the release notes of drafts 6, 7, 2019-09 and 2020-12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clyra_proxy.errors import SchemaError
from clyra_proxy.json_pointer import escape
from clyra_proxy.schemalock import vocabulary
from clyra_proxy.schemalock.vocabulary import Schema

_DRAFTS = {
    "http://json-schema.org/draft-04/schema": 4,
    "http://json-schema.org/draft-06/schema": 6,
    "http://json-schema.org/draft-07/schema": 7,
    "https://json-schema.org/draft/2019-09/schema": 8,
}
_SINCE = {
    **dict.fromkeys(("const", "contains", "propertyNames"), 6),
    **dict.fromkeys(("if", "then", "else"), 7),
    **dict.fromkeys(("dependentRequired", "dependentSchemas", "minContains", "maxContains"), 8),
    **dict.fromkeys(("unevaluatedItems", "unevaluatedProperties", "$anchor"), 8),
    **dict.fromkeys(("prefixItems", "$dynamicRef", "$dynamicAnchor"), 9),
}
_REWORDED = frozenset(["$schema", "id", "$id", "items", "additionalItems", "dependencies", "$recursiveRef"])


def to_2020_12(schema: Schema, *, source: str) -> Schema:
    """The same schema in 2020-12; a schema that is 2020-12, or says nothing, as it is. Raises SchemaError."""
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if not isinstance(named, str) or named.rstrip("#") == vocabulary.DIALECT:
        return schema
    draft = _DRAFTS.get(named.rstrip("#"))
    if draft is None:
        raise SchemaError(
            f"schema {source} cannot be used: at #/$schema", f"dialect {named!r} is not known.", "Use draft 2020-12."
        )
    made = _Rewriting(draft, source).node(schema, "")
    return {"$schema": vocabulary.DIALECT, **made} if isinstance(made, dict) else made


@dataclass(frozen=True, slots=True)
class _Rewriting:
    draft: int
    source: str

    def node(self, schema: Any, pointer: str) -> Schema:
        if isinstance(schema, bool) or not isinstance(schema, dict):
            return schema if isinstance(schema, bool) else self._refuse(pointer, "a schema is an object")
        if "$ref" in schema and self.draft < 8:  # its siblings were ignored; definitions could still be pointed at
            kept = {k: v for k, v in schema.items() if k in ("$ref", "definitions", "$defs")}
            return {k: v if k == "$ref" else self._map(v, f"{pointer}/{k}") for k, v in kept.items()}
        out: dict[str, Any] = {}
        for keyword, value in schema.items():
            if keyword not in _REWORDED and _SINCE.get(keyword, 0) <= self.draft:
                out[keyword] = self._value(keyword, value, f"{pointer}/{escape(keyword)}")
        self._identity(schema, out)
        self._items(schema, out, pointer)
        self._dependencies(schema, out, pointer)
        self._recursion(schema, out, pointer)
        if self.draft == 4:
            _bounds(out)
        return out

    def _value(self, keyword: str, value: Any, where: str) -> Any:
        if keyword in vocabulary.ONE_SCHEMA:
            return self.node(value, where)
        if keyword in vocabulary.SCHEMA_LIST and isinstance(value, list):
            return [self.node(item, f"{where}/{index}") for index, item in enumerate(value)]
        if keyword in vocabulary.SCHEMA_MAP:
            return self._map(value, where)
        return value

    def _map(self, value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: self.node(item, f"{where}/{escape(name)}") for name, item in value.items()}

    def _identity(self, schema: dict[str, Any], out: dict[str, Any]) -> None:
        identifier = schema.get("id" if self.draft == 4 else "$id")
        if isinstance(identifier, str):
            base, mark, anchor = identifier.partition("#")
            if base:
                out["$id"] = base
            if mark and anchor and self.draft < 8:
                out["$anchor"] = anchor

    def _items(self, schema: dict[str, Any], out: dict[str, Any], pointer: str) -> None:
        items = schema.get("items")
        if isinstance(items, list):
            if items:
                out["prefixItems"] = [self.node(item, f"{pointer}/items/{n}") for n, item in enumerate(items)]
            if "additionalItems" in schema:
                out["items"] = self.node(schema["additionalItems"], f"{pointer}/additionalItems")
        elif "items" in schema:
            out["items"] = self.node(items, f"{pointer}/items")
        if self.draft == 8 and "unevaluatedItems" in schema:
            for _, below, _ in vocabulary.walk(schema):
                if isinstance(below, dict) and "contains" in below:
                    self._refuse(f"{pointer}/unevaluatedItems", "beside `contains` it means something else in 2020-12")

    def _dependencies(self, schema: dict[str, Any], out: dict[str, Any], pointer: str) -> None:
        dependencies = schema.get("dependencies")
        if not isinstance(dependencies, dict) or self.draft == 8:
            return
        for name, needed in dependencies.items():
            if isinstance(needed, list):
                out.setdefault("dependentRequired", {})[name] = needed
            else:
                where = f"{pointer}/dependencies/{escape(name)}"
                out.setdefault("dependentSchemas", {})[name] = self.node(needed, where)

    def _recursion(self, schema: dict[str, Any], out: dict[str, Any], pointer: str) -> None:
        if self.draft != 8:
            return
        if schema.get("$recursiveAnchor") is True:
            self._refuse(f"{pointer}/$recursiveAnchor", "its dynamic scope has no equal in 2020-12")
        out.pop("$recursiveAnchor", None)
        if "$recursiveRef" in schema:
            if "$ref" in out:
                self._refuse(f"{pointer}/$recursiveRef", "it stands beside $ref")
            out["$ref"] = schema["$recursiveRef"]

    def _refuse(self, pointer: str, why: str) -> bool:
        raise SchemaError(
            f"schema {self.source} cannot be used: at #{pointer}", f"{why}.", "Rewrite it for draft 2020-12."
        )


def _bounds(out: dict[str, Any]) -> None:
    """Draft 4 wrote `minimum: 1, exclusiveMinimum: true` for `exclusiveMinimum: 1`."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(strict := out.get(exclusive), bool):
            del out[exclusive]
            if strict and bound in out:
                out[exclusive] = out.pop(bound)
