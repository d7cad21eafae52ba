"""Rewrite one OpenAPI schema object as JSON Schema 2020-12.

Rules: what OpenAPI 3.0 wrote differently is rewritten (`nullable`, boolean `exclusiveMinimum`, duplicate `required`),
in 3.1 files too, because real 3.1 files still carry it; annotations are dropped; `discriminator` is not an assertion;
a pattern that may not run on the data path is a fault of its place. References: OpenAPI 3.0.4 section 4.7.24,
OpenAPI 3.1.1 section 4.8.24.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from clyra_proxy.json_pointer import escape
from clyra_proxy.schemalock import regex, vocabulary
from clyra_proxy.schemalock.vocabulary import Schema

_DROPPED = frozenset(
    ["example", "examples", "xml", "externalDocs", "discriminator", "nullable", "$defs", "definitions", "$comment"]
)
_DIALECTS = frozenset([vocabulary.DIALECT, "https://spec.openapis.org/oas/3.1/dialect/base"])


class SchemaFault(Exception):  # noqa: N818 - becomes the reason an operation is quarantined
    """One place of the document that cannot become a schema. pointer: into the OpenAPI document."""

    def __init__(self, pointer: str, why: str, todo: str = "Correct the description.") -> None:
        super().__init__(f"#{pointer}: {why}")
        self.pointer = pointer
        self.why = why
        self.todo = todo


class Owner(Protocol):
    """What a conversion asks of the document it is part of."""

    legacy: bool
    backtracking: bool
    notes: list[tuple[str, str]]

    def target(self, reference: object, pointer: str) -> str: ...

    def define(self, pointer: str) -> str: ...

    def marked(self, node: Any, pointer: str) -> set[str]: ...


@dataclass(slots=True)
class Conversion:
    """One schema object on its way. uses: `$defs` names it refers to. anchor: nearest enclosing $recursiveAnchor."""

    owner: Owner
    uses: set[str]
    anchor: str = ""

    def convert(self, node: Any, pointer: str, optional: frozenset[str] = frozenset()) -> Schema:
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict):
            raise SchemaFault(pointer, "a schema is an object or a boolean")
        outer, self.anchor = self.anchor, pointer if node.get("$recursiveAnchor") is True else self.anchor
        try:
            return self._object(node, pointer, optional)
        finally:
            self.anchor = outer

    def _object(self, node: dict[str, Any], pointer: str, optional: frozenset[str]) -> Schema:
        out: dict[str, Any] = {}
        if "$ref" in node:
            out["$ref"] = self._reference(self.owner.target(node["$ref"], pointer))
            if self.owner.legacy:
                return _nullable(out) if node.get("nullable") is True else out
        optional |= self.owner.marked(node, pointer) if "required" in node or "allOf" in node else set()
        for keyword, value in node.items():
            if keyword == "$ref" or keyword in _DROPPED or keyword.startswith("x-"):
                continue
            self._keyword(out, keyword, value, f"{pointer}/{escape(keyword)}", optional)
        _numeric_bounds(out)
        return _nullable(out) if node.get("nullable") is True else out

    def _reference(self, target: str) -> str:
        name = self.owner.define(target)
        self.uses.add(name)
        return f"#/$defs/{escape(name)}"

    def _keyword(self, out: dict[str, Any], keyword: str, value: Any, where: str, optional: frozenset[str]) -> None:
        if keyword in vocabulary.ONE_SCHEMA:
            if keyword == "items" and isinstance(value, list):
                out["prefixItems"] = [self.convert(item, f"{where}/{n}") for n, item in enumerate(value)]
            else:
                out[keyword] = self.convert(value, where)
        elif keyword in vocabulary.SCHEMA_LIST:
            if not isinstance(value, list):
                raise SchemaFault(where, "a list of schemas is expected")
            passed = optional if keyword == "allOf" else frozenset[str]()
            out[keyword] = [self.convert(item, f"{where}/{n}", passed) for n, item in enumerate(value)]
        elif keyword in vocabulary.SCHEMA_MAP:
            if not isinstance(value, dict):
                raise SchemaFault(where, "an object of schemas is expected")
            for name in value if keyword == "patternProperties" else ():
                self._pattern(name, f"{where}/{escape(name)}")
            out[keyword] = {name: self.convert(s, f"{where}/{escape(name)}") for name, s in value.items()}
        else:
            self._scalar(out, keyword, value, where, optional)

    def _scalar(self, out: dict[str, Any], keyword: str, value: Any, where: str, optional: frozenset[str]) -> None:
        if keyword == "required":
            self._required(out, value, where, optional)
        elif keyword == "$recursiveRef" and value == "#" and self.anchor:  # 2019-09, met in 3.1 files
            out["$ref"] = self._reference(self.anchor)
        elif keyword == "$recursiveAnchor":
            pass
        elif keyword in ("$dynamicRef", "$recursiveRef"):
            raise SchemaFault(where, f"{keyword} is not supported in API descriptions", "Use $ref.")
        elif keyword == "$schema":
            if value not in _DIALECTS:
                raise SchemaFault(where, f"dialect {value!r} is not JSON Schema 2020-12")
        elif keyword in ("$id", "$anchor", "$dynamicAnchor"):
            self.owner.notes.append((where, f"{keyword} is ignored: references inside the file are pointers"))
        else:
            if keyword == "pattern" and isinstance(value, str):
                self._pattern(value, where)
            out[keyword] = value

    def _required(self, out: dict[str, Any], value: Any, where: str, optional: frozenset[str]) -> None:
        if isinstance(value, bool):
            self.owner.notes.append((where, "a boolean `required` belongs to a parameter; ignored"))
            return
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise SchemaFault(where, "a list of property names is expected")
        names = list(dict.fromkeys(value))
        if len(names) != len(value):
            self.owner.notes.append((where, "`required` names a property twice; once is enough"))
        out["required"] = [name for name in names if name not in optional]

    def _pattern(self, pattern: str, where: str) -> None:
        if fault := regex.fault(pattern, backtracking=self.owner.backtracking):
            raise SchemaFault(where, fault.why, fault.todo)


def _numeric_bounds(out: dict[str, Any]) -> None:
    """OpenAPI 3.0 (draft 4) wrote `minimum: 1, exclusiveMinimum: true` for `exclusiveMinimum: 1`."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(out.get(exclusive), bool):
            strict = out.pop(exclusive)
            if strict and bound in out:
                out[exclusive] = out.pop(bound)


def _nullable(out: dict[str, Any]) -> dict[str, Any]:
    """Let null pass: as one more type where the schema is typed, else as an alternative."""
    kind = out.get("type")
    if isinstance(kind, str | list) and not {"allOf", "anyOf", "oneOf", "not", "$ref", "const", "if"} & out.keys():
        kinds = [kind] if isinstance(kind, str) else kind
        out["type"] = kinds if "null" in kinds else [*kinds, "null"]
        if isinstance(out.get("enum"), list) and None not in out["enum"]:
            out["enum"] = [*out["enum"], None]
        return out
    return {"anyOf": [{"type": "null"}, out]}
