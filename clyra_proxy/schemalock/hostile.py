"""Refuse a schema that could hurt the proxy or whoever reads its verdicts, before it is compiled.

Guarantees, for a schema that passes: compiling and evaluating it opens no socket and no file (every reference is in
the document or registered); every regular expression runs on the linear-time engine unless backtracking was asked
for; nesting, size and counted repetition are bounded; no chain of references leads back to itself without going
down into the instance, nor multiplies to very many judgements of one value. Everything else is refused with the
place, the cause and the way out. References: JSON Schema Core 2020-12 sections 8.2 and 9.4.1; CWE-674, CWE-918,
CWE-1333.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote, urldefrag, urljoin

import jsonschema_rs

from clyra_proxy.errors import SchemaError
from clyra_proxy.json_pointer import escape, pointer_of
from clyra_proxy.schemalock import regex, vocabulary
from clyra_proxy.schemalock.vocabulary import DIALECT, Schema

MAX_DEPTH = 100
MAX_SUBSCHEMAS = 100_000
MAX_UNFOLDED = 100_000
"""Schemas that may judge one value, each counted as often as references and applicators lead to it."""

_METASCHEMA_PREFIX = "https://json-schema.org/draft/2020-12/"


@dataclass(frozen=True, slots=True)
class SchemaWarning:
    """Something odd that is not dangerous. pointer: where; message: what, and what may have been meant."""

    pointer: str
    message: str


@dataclass(slots=True)
class Inspection:
    """What a walk needs to know. registered: absolute URIs that may be referenced besides the document's own."""

    source: str
    root: Schema
    backtracking: bool = False
    registered: Collection[str] = ()
    identifiers: set[str] = field(default_factory=set)
    warnings: list[SchemaWarning] = field(default_factory=list)

    def refuse(self, pointer: str, why: str, todo: str) -> SchemaError:
        return SchemaError(f"schema {self.source} cannot be used: at #{pointer}", f"{why}.", todo)


def inspect_schema(
    schema: Schema, *, source: str, backtracking: bool = False, registered: Collection[str] = ()
) -> tuple[SchemaWarning, ...]:
    """Check a whole schema document; return what looks odd. Raises SchemaError for what must not be compiled.

    source: how a person finds the document (file, or file#pointer). backtracking: allow look-around and
    back-references on the backtracking engine, limited to 10 000 steps a match. registered: URIs of other documents
    handed to the compiler beside this one.
    """
    inspection = Inspection(source, schema, backtracking, registered)
    _check_root(inspection)
    inspection.identifiers = _identifiers(inspection)
    for pointer, node, base in _based(schema):
        if isinstance(node, dict):
            inspect_node(inspection, pointer, node, base)
    refuse_endless_references(inspection)
    compile_or_refuse(inspection)
    return tuple(inspection.warnings)


def _check_root(inspection: Inspection) -> None:
    if not isinstance(inspection.root, dict | bool):
        raise inspection.refuse("", "a schema is an object or a boolean", "Give a JSON Schema 2020-12 document.")
    for count, (pointer, _, depth) in enumerate(vocabulary.walk(inspection.root)):
        if depth > MAX_DEPTH:
            raise inspection.refuse(pointer, f"nested deeper than {MAX_DEPTH} schemas", "Split it with $defs and $ref.")
        if count >= MAX_SUBSCHEMAS:
            raise inspection.refuse(pointer, f"more than {MAX_SUBSCHEMAS} subschemas", "Split it by route.")


def _identifiers(inspection: Inspection) -> set[str]:
    """Absolute URIs (with and without anchor) that the document itself defines."""
    found: set[str] = set()
    for _, node, base in _based(inspection.root):
        if isinstance(node, dict):
            found.add(base)
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(anchor := node.get(keyword), str):
                    found.add(f"{base}#{anchor}")
    return found


def _based(schema: Schema) -> Iterator[tuple[str, Schema, str]]:
    """Every subschema with the base URI that holds there."""
    stack: list[tuple[str, Schema, str]] = [("", schema, "")]
    while stack:
        pointer, node, base = stack.pop()
        if isinstance(node, dict) and isinstance(identifier := node.get("$id"), str):
            base = urldefrag(urljoin(base, identifier)).url
        yield pointer, node, base
        stack.extend((pointer + relative, child, base) for _, relative, child in vocabulary.children(node))


def inspect_node(inspection: Inspection, pointer: str, node: dict[str, object], base: str) -> None:
    """Check one subschema on its own: dialect, references, regular expressions, misspelt keywords."""
    dialect = node.get("$schema")
    if dialect is not None and str(dialect).rstrip("#") != DIALECT and dialect not in inspection.registered:
        raise inspection.refuse(
            f"{pointer}/$schema",
            f"dialect {dialect!r} is not {DIALECT}",
            "Convert it to draft 2020-12, or name the older draft at the root alone.",
        )
    for keyword in ("$ref", "$dynamicRef"):
        if keyword in node:
            _check_reference(inspection, f"{pointer}/{keyword}", node[keyword], base)
    if "$recursiveRef" in node:
        raise inspection.refuse(f"{pointer}/$recursiveRef", "a 2019-09 keyword", "Use $dynamicRef, or $ref.")
    if isinstance(pattern := node.get("pattern"), str):
        check_pattern(inspection, f"{pointer}/pattern", pattern)
    if isinstance(patterns := node.get("patternProperties"), dict):
        for name in patterns:
            check_pattern(inspection, f"{pointer}/patternProperties/{escape(name)}", name)
    inspection.warnings.extend(_misspelt(pointer, node))


def _check_reference(inspection: Inspection, pointer: str, reference: object, base: str) -> None:
    if not isinstance(reference, str):
        raise inspection.refuse(pointer, "a reference is a string", "Write a URI reference.")
    absolute = base + reference if reference.startswith("#") else urljoin(base, reference)
    target, fragment = urldefrag(absolute)
    local = target in ("", base) or target in inspection.identifiers
    if not local:
        if target in inspection.registered or target.startswith(_METASCHEMA_PREFIX):
            return
        raise inspection.refuse(
            pointer,
            f"the reference {reference!r} leads outside the document, and references are never fetched",
            "Bundle the target under $defs and refer to it as #/$defs/name.",
        )
    if fragment and not fragment.startswith("/") and f"{target}#{fragment}" not in inspection.identifiers:
        raise inspection.refuse(
            pointer, f"no $anchor {fragment!r} in the document", "Define it, or use a JSON pointer."
        )
    if fragment.startswith("/") and target == "":
        try:
            vocabulary.lookup(inspection.root, unquote(fragment))
        except (LookupError, ValueError):
            raise inspection.refuse(pointer, f"nothing is at {reference!r}", "Correct the pointer.") from None


def check_pattern(inspection: Inspection, pointer: str, pattern: str) -> None:
    """Refuse a regular expression that does not compile on the engine it would run on."""
    if fault := regex.fault(pattern, backtracking=inspection.backtracking):
        raise inspection.refuse(pointer, fault.why, fault.todo)


@lru_cache(maxsize=1024)
def _nearest(keyword: str) -> str:
    return next(iter(difflib.get_close_matches(keyword[:64], vocabulary.KNOWN, n=1, cutoff=0.8)), "")


def _misspelt(pointer: str, node: dict[str, object]) -> Iterator[SchemaWarning]:
    for keyword in node:
        if keyword in vocabulary.KNOWN or keyword in vocabulary.OPENAPI_ANNOTATIONS or keyword.startswith("x-"):
            continue
        if near := _nearest(keyword):
            message = f"unknown keyword {keyword!r} is ignored; did you mean {near!r}?"
            yield SchemaWarning(f"{pointer}/{escape(keyword)}", message)


def refuse_endless_references(inspection: Inspection) -> None:
    """Refuse a chain of $ref and in-place applicators that comes back to where it started (Core section 9.4.1), and
    chains that multiply."""
    nodes = {pointer: node for pointer, node, _ in vocabulary.walk(inspection.root)}
    settled: dict[str, int] = {}  # how many schemas see the instance there
    for start in nodes:
        if start in settled:
            continue
        path: dict[str, Iterator[str]] = {start: _in_place(nodes.get(start, True), start)}
        while path:
            last = next(reversed(path))
            target = next(path[last], None)
            if target is None:
                del path[last]
                settled[last] = 1 + sum(settled[below] for below in _in_place(nodes.get(last, True), last))
                if settled[last] > MAX_UNFOLDED:
                    why = f"references and applicators unfold to more than {MAX_UNFOLDED} judgements of one value"
                    raise inspection.refuse(last, why, "Refer to each alternative once.")
            elif target in path:
                chain = " -> ".join(f"#{step}" for step in [*list(path)[list(path).index(target) :], target])
                raise inspection.refuse(last, f"the references {chain} never end", "Break the circle.")
            elif target not in settled:
                path[target] = _in_place(nodes.get(target, True), target)


def _in_place(node: Schema, pointer: str) -> Iterator[str]:
    """Pointers of the schemas that see the same instance as `node`."""
    if not isinstance(node, dict):
        return
    reference = node.get("$ref")
    if isinstance(reference, str) and (reference in ("", "#") or reference.startswith("#/")):
        yield unquote(reference[1:])
    for keyword, relative, _ in vocabulary.children(node):
        if keyword in vocabulary.IN_PLACE:
            yield pointer + relative


def compile_or_refuse(inspection: Inspection) -> None:
    """The compiler has the last word: metaschema, unresolvable references, recursion."""
    options = regex.BACKTRACKING if inspection.backtracking else regex.LINEAR
    try:
        jsonschema_rs.validator_for(inspection.root, offline=True, mask="...", pattern_options=options)
    except jsonschema_rs.ValidationError as error:
        pointer = pointer_of(error.instance_path)
        cause = str(error.message).partition("\n")[0][:200]
        if inspection.registered and error.kind.name == "$ref":
            return  # references to registered documents are resolved by the caller's own compile
        raise inspection.refuse(pointer, f"not a valid schema: {cause}", "Correct the keyword.") from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise inspection.refuse("", f"it does not compile: {str(error)[:200]}", "Correct the schema.") from None
