"""Compiling a schema document: whole-document validator, row validator, and the facts the data path needs.

Guarantees: nothing is fetched (`offline`), patterns run on the linear-time engine, error messages carry no instance
values (`mask`). For the plan the document is registered unchanged under `BASE`; whatever is derived from it (residual,
elements, members) refers to it there, so that a `$ref` always means what it meant in the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock import regex
from clyra_proxy.schemalock.plan import Plan, make_plan
from clyra_proxy.schemalock.traits import BASE, branches_back, is_exact, property_names
from clyra_proxy.schemalock.vocabulary import Schema


@dataclass(frozen=True, slots=True)
class CompiledSchema:
    """One schema, ready for any size of body.

    source: where it came from, for people. whole: judges a parsed document. names: every property name the schema
    spells out (only those appear in findings). exact: integers beyond 64 bits change its verdicts, so texts that hold
    such are parsed exactly. plan: how to apply it piece by piece, or None; blocked: why not, then. each: judges
    a list of such documents at once; None where nobody asked, or where the schema's own names could lead elsewhere.
    branching: see `traits.branches_back`.
    """

    source: str
    document: Schema
    whole: jsonschema_rs.Validator
    names: frozenset[str]
    exact: bool
    plan: Plan | None = None
    blocked: str = ""
    each: jsonschema_rs.Validator | None = None
    branching: bool = False


class Compiler:
    """Makes validators that share their registries. formats: assert `format` (2020-12 leaves it an annotation)."""

    def __init__(
        self, document: Schema, resources: Mapping[str, Any], *, formats: bool | None, backtracking: bool
    ) -> None:
        self._document = document
        self._resources = list(resources.items())
        self._formats = formats
        self._patterns = regex.BACKTRACKING if backtracking else regex.LINEAR
        self._based: jsonschema_rs.Registry | None = None

    def whole(self) -> jsonschema_rs.Validator:
        """The document as it stands. Raises SchemaError."""
        return self._make(self._document, jsonschema_rs.Registry(self._resources) if self._resources else None)

    def derived(self, schema: Schema) -> jsonschema_rs.Validator:
        """A schema that may refer to the document under `BASE`. Raises SchemaError."""
        if self._based is None:
            self._based = jsonschema_rs.Registry([(BASE, self._document), *self._resources])
        return self._make(schema, self._based)

    def _make(self, schema: Schema, registry: jsonschema_rs.Registry | None) -> jsonschema_rs.Validator:
        try:
            return jsonschema_rs.validator_for(
                schema,
                offline=True,
                mask="...",
                validate_formats=self._formats,
                pattern_options=self._patterns,
                registry=registry,
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise SchemaError("A schema does not compile.", str(error)[:300], "Correct the schema.") from None


def compile_schema(
    document: Schema,
    *,
    source: str = "inline",
    resources: Mapping[str, Any] | None = None,
    formats: bool | None = None,
    backtracking: bool = False,
    plan: bool = True,
    each: bool = False,
) -> CompiledSchema:
    """Compile a document of draft 2020-12. resources: other documents it refers to, by absolute URI.

    formats: true asserts `format`, None leaves it an annotation as the draft says. plan: false makes no streaming
    plan (parts and events are small). each: also makes the validator of lists. Raises SchemaError when it does not
    compile; hostile documents must have been refused before (`clyra_proxy.schemalock.hostile`).
    """
    compiler = Compiler(document, resources or {}, formats=formats, backtracking=backtracking)
    whole = compiler.whole()
    made, blocked = make_plan(document, compiler.derived) if plan else (None, "not asked for")
    documents = (document, *(resources or {}).values())
    every = compiler.derived({"items": {"$ref": BASE}}) if each and _names_no_place(document) else None
    return CompiledSchema(
        source,
        document,
        whole,
        property_names(documents),
        is_exact(documents),
        made,
        blocked,
        every,
        bool(resources) or branches_back(document),
    )


_NAMELESS = frozenset({"$schema", "$comment", "$defs", "$ref"})


def _names_no_place(document: Schema) -> bool:
    """Whether a document gives itself and its parts no names, so that it means the same wherever it is referred to."""
    stack: list[Any] = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if any(name.startswith("$") and name not in _NAMELESS for name in node):
                return False
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return True
