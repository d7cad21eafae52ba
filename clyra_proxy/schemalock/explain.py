"""Say of a schema whether bodies under it stream, where they are cut, and what stands in the way where they are not.

Rule: whether it streams is the planner's answer, never a second opinion; this module only adds the place of each
obstacle and a way round it. An array below a cut needs no explanation: elements are judged one by one whatever they
hold. An array that is not cut is no error either: such bodies are read whole, up to the buffer limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clyra_proxy.json_pointer import escape, pointer_of
from clyra_proxy.schemalock import vocabulary
from clyra_proxy.schemalock.compile import compile_schema
from clyra_proxy.schemalock.vocabulary import Schema

_FREE = frozenset(["type", "items", "minItems", "maxItems"])
_SILENT = {"$comment", "$defs", "$id", "$schema", "$anchor", "default", "definitions", "deprecated", "description"}
_ANNOTATIONS = {"examples", "format", "readOnly", "title", "writeOnly"}
_ASSERTIONS = vocabulary.KNOWN - _FREE - _SILENT - _ANNOTATIONS
_BRANCHES = frozenset(["anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"])
_POINTER = re.compile(r"#(/[^\s,;]*)")

_ADVICE = {
    "uniqueItems": "remove it: uniqueness needs every element at once; let the receiver check a key instead",
    "contains": "remove it, or put what must be there into a property of its own",
    "minContains": "remove it together with `contains`",
    "maxContains": "remove it together with `contains`",
    "prefixItems": "give the leading elements properties of their own, and describe the rest with `items`",
    "unevaluatedItems": "use `items`, which says the same when nothing else describes the elements",
    "unevaluatedProperties": "use `additionalProperties` where all properties are named",
    "anyOf": "declare the array once in `properties` beside it, and keep the alternatives inside `items`",
    "oneOf": "declare the array once in `properties` beside it, and keep the alternatives inside `items`",
    "not": "say what is allowed instead, inside `items`",
    "if": "move the condition inside `items`, or make it look at other members only",
    "then": "move the condition inside `items`, or make it look at other members only",
    "else": "move the condition inside `items`, or make it look at other members only",
    "dependentSchemas": "make the dependent schema look at other members only",
    "const": "describe the members instead of the whole value",
    "enum": "describe the members instead of the whole value",
    "$dynamicRef": "use `$ref`",
    "$dynamicAnchor": "use `$anchor` or a JSON pointer",
    "$id": "keep the schema in one resource: move it under `$defs` without `$id`",
    "$ref": "declare the array without siblings to `$ref`",
    "allOf": "merge the branches into one `items`",
    "additionalProperties": "name the property that holds the array in `properties`",
    "patternProperties": "name the property that holds the array in `properties`",
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps an array from being cut. pointer: of the keyword in the schema. where: `file:line`, when known."""

    keyword: str
    pointer: str
    advice: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class StreamabilityReport:
    """Tier A: `streams` is true, and bodies are judged in pieces at `cuts` (JSON pointers into the document).

    Tier B: `streams` is false, bodies are read whole; why is the planner's reason. obstacles: arrays not cut.
    """

    name: str
    streams: bool
    cuts: tuple[str, ...]
    why: str
    obstacles: tuple[Obstacle, ...]


def explain(
    schema: Schema, *, name: str = "", where: Callable[[str], str] | None = None, backtracking: bool = False
) -> StreamabilityReport:
    """Explain one schema. where: gives `file:line` for a pointer into it. Raises SchemaError when it cannot be used."""
    compiled = compile_schema(schema, source=name, backtracking=backtracking)
    plan = compiled.plan
    cuts = tuple(pointer_of(path) for path in plan.cuts) if plan else ()
    found = {(o.pointer, o.keyword): o for o in _obstacles(schema, set(cuts))}
    for pointer in _POINTER.findall(compiled.blocked):
        keyword = next((s for s in reversed(pointer.split("/")) if s in _ADVICE), pointer.rpartition("/")[2])
        found.setdefault((pointer, keyword), _obstacle(keyword, pointer))
    placed = (Obstacle(o.keyword, o.pointer, o.advice, where(o.pointer) if where else "") for o in found.values())
    return StreamabilityReport(name, plan is not None, cuts, compiled.blocked, tuple(placed))


def _obstacle(keyword: str, pointer: str) -> Obstacle:
    return Obstacle(keyword, pointer, _ADVICE.get(keyword, "leave it out where the array should stream"))


def _obstacles(schema: Schema, cuts: set[str]) -> Iterator[Obstacle]:
    """Arrays met on the way down from the root, outside other arrays, with the keyword that blocks each."""
    queue: list[tuple[str, str, Schema, tuple[str, str] | None]] = [("", "", schema, None)]
    seen: set[tuple[str, str]] = set()
    while queue:
        pointer, place, node, branch = queue.pop(0)
        if not isinstance(node, dict) or (pointer, place) in seen or len(seen) > 2_000 or place in cuts:
            continue
        seen.add((pointer, place))
        if _is_array(node):
            own = [keyword for keyword in node if keyword in _ASSERTIONS]
            if own:
                yield from (_obstacle(keyword, f"{pointer}/{escape(keyword)}") for keyword in own)
            elif branch:
                yield _obstacle(*branch)
            continue
        queue.extend(_below(schema, pointer, place, node, branch))


def _is_array(node: dict[str, object]) -> bool:
    kinds = node.get("type", ())
    return "array" in kinds if isinstance(kinds, str | list) and kinds else "items" in node or "prefixItems" in node


def _below(
    root: Schema, pointer: str, place: str, node: dict[str, object], branch: tuple[str, str] | None
) -> Iterator[tuple[str, str, Schema, tuple[str, str] | None]]:
    for keyword, relative, child in vocabulary.children(node):
        inside = branch or ((keyword, f"{pointer}/{keyword}") if keyword in _BRANCHES else None)
        if keyword == "properties":
            yield pointer + relative, f"{place}/{relative.rpartition('/')[2]}", child, branch
        elif keyword in ("additionalProperties", "patternProperties"):
            yield pointer + relative, f"{place}/*", child, branch or (keyword, f"{pointer}/{keyword}")
        elif keyword == "allOf" or keyword in _BRANCHES:
            yield pointer + relative, place, child, inside
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        try:
            target = vocabulary.lookup(root, reference[1:])
        except (LookupError, ValueError):
            return
        yield reference[1:], place, target, branch
