"""Cutting a schema: which arrays of a document may be judged piece by piece, and what is left to judge at the end.

Theorem. Let A be an array that a schema reaches through nothing but `properties`, `allOf` and `$ref`, whose own
keywords are `type`, `items`, `minItems`, `maxItems` and annotations. Let R be the schema with A's subschema replaced
by `true`. If nothing in R looks into the value at A's place (`clyra_proxy.schemalock.touching`), then a document is
valid exactly when every element is valid under `items`, the count is within bounds, and the document with `[]` in A's
place is valid under R. (The key stays evaluated for `unevaluatedProperties`, because `true` stands where A stood.)

Wherever the planner is not sure it does not cut; the document is then judged whole.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from clyra_proxy.json_pointer import escape
from clyra_proxy.schemalock import vocabulary
from clyra_proxy.schemalock.touching import Touching
from clyra_proxy.schemalock.traits import BASE, local_pointer, local_target, place_uri
from clyra_proxy.schemalock.vocabulary import Schema

_CUTTABLE = frozenset({"type", "items", "minItems", "maxItems"})
_ANNOTATIONS = (
    frozenset({"$comment", "default", "deprecated", "description", "examples", "readOnly", "title", "writeOnly"})
    | vocabulary.OPENAPI_ANNOTATIONS
    | frozenset({"$anchor", "$defs", "$id", "$schema", "definitions"})  # name and hold schemas, assert nothing
)
_SCOPED = ("$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor")
_MOST_TRIES = 64
_DEEPEST_PATH = 8
_MOST_VISITS = 5000

type Compile = Callable[[Schema], jsonschema_rs.Validator]


@dataclass(frozen=True, slots=True)
class Cut:
    """An array judged by batches. batch: judges a list of elements. whole: judges any value at this place.

    pointer: of its subschema in the document.
    """

    pointer: str
    batch: jsonschema_rs.Validator
    whole: jsonschema_rs.Validator
    min_items: int = 0
    max_items: int | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """An object on the way to a cut. members: what lies below. early: judges of other members, asked as each closes."""

    members: dict[str, Branch | Cut] = field(default_factory=dict)
    early: dict[str, jsonschema_rs.Validator] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """root: what the document's root is. residual: judges the document with `[]` in place of every cut array."""

    root: Branch | Cut
    residual: jsonschema_rs.Validator
    cuts: tuple[tuple[str, ...], ...]

    def fits(self, opening: bytes) -> bool:
        """True when a root that opens with this bracket can be walked into."""
        return isinstance(self.root, Cut) is (opening == b"[")


@dataclass(frozen=True, slots=True)
class _Route:
    """How a candidate is reached. path: property names. steps: through the schema. pointer: into the document."""

    path: tuple[str, ...]
    steps: tuple[tuple[str, str | int], ...]
    pointer: str
    node: Schema


def make_plan(document: Schema, compile_: Compile) -> tuple[Plan | None, str]:
    """The plan for a document, or None and why (a sentence naming the keyword's pointer)."""
    if why := _unfit(document):
        return None, why
    residual = absolute(document)
    touching = Touching(document, compile_)
    cuts: list[_Route] = []
    blocked = "no array with only `type`, `items`, `minItems`, `maxItems` is reached through properties"
    for route in itertools.islice(_routes(document), _MOST_TRIES):
        if any(_nested(route.path, cut.path) for cut in cuts):
            continue
        tried = _replace(residual, route.steps, document)
        toucher = touching.find(tried, route.path)
        if toucher is None:
            residual = tried
            cuts.append(route)
        else:
            blocked = f"the array at /{'/'.join(route.path)} is also judged by #{toucher}"
    if not cuts:
        return None, blocked
    root = _tree(document, cuts, compile_)
    return Plan(root, compile_(_clean(residual)), tuple(cut.path for cut in cuts)), ""


def _nested(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """True when one place is the other or lies inside it."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _unfit(document: Schema) -> str:
    """Why no part of the document may be judged out of its place."""
    if not isinstance(document, dict):
        return "the schema is a boolean"
    for pointer, node, _ in vocabulary.walk(document):
        if not isinstance(node, dict):
            continue
        for keyword in _SCOPED:
            if keyword in node:
                return f"#{pointer}/{keyword} depends on the dynamic scope"
        if pointer and ("$id" in node or "$schema" in node):
            return f"#{pointer} is a schema resource of its own"
    if "$vocabulary" in document or str(document.get("$schema", vocabulary.DIALECT)).rstrip("#") != vocabulary.DIALECT:
        return "#/$schema is not the standard dialect"
    if "$id" in document and any(
        isinstance(node, dict) and not str(node.get("$ref", "#")).startswith("#")
        for _, node, _ in vocabulary.walk(document)
    ):
        return "#/$id with references that are not local"
    return ""


def _routes(document: Schema) -> Iterator[_Route]:
    """Candidates in document order, shallow ones first."""
    queue = [(_Route((), (), "", document), frozenset[str]())]
    visits = 0
    while queue and visits < _MOST_VISITS:
        visits += 1
        route, followed = queue.pop(0)
        node = route.node
        if not isinstance(node, dict) or len(route.path) > _DEEPEST_PATH:
            continue
        if _is_cuttable(node):
            yield route
            continue
        for name, child in _mapping(node, "properties"):
            where = f"{route.pointer}/properties/{escape(name)}"
            queue.append((_Route((*route.path, name), (*route.steps, ("properties", name)), where, child), followed))
        for index, child in enumerate(node.get("allOf", ())):
            where = f"{route.pointer}/allOf/{index}"
            queue.append((_Route(route.path, (*route.steps, ("allOf", index)), where, child), followed))
        reference = node.get("$ref")
        if isinstance(reference, str) and reference not in followed:
            target = local_target(document, reference)
            if target is not None:
                steps = (*route.steps, ("$ref", reference))
                where = local_pointer(reference) or ""
                queue.append((_Route(route.path, steps, where, target), followed | {reference}))


def _is_cuttable(node: dict[str, Any]) -> bool:
    keywords = node.keys() - _ANNOTATIONS
    if not keywords <= _CUTTABLE or not keywords & {"type", "items"}:
        return False
    kinds = node.get("type", "array")
    return (kinds == "array" or (isinstance(kinds, list) and "array" in kinds)) and ("items" in node or "type" in node)


def _mapping(node: dict[str, Any], keyword: str) -> Iterator[tuple[str, Schema]]:
    found = node.get(keyword)
    if isinstance(found, dict):
        yield from found.items()


def absolute(node: Schema) -> Schema:
    """A copy in which every local `$ref` names the registered document, so that it may stand anywhere.

    Definitions and anchors are left out: they are found in the registered document.
    """
    if not isinstance(node, dict):
        return node
    made: dict[str, Any] = {}
    for keyword, value in node.items():
        if keyword in ("$defs", "definitions", "$anchor", "$id"):
            continue
        if keyword == "$ref" and isinstance(value, str) and value.startswith("#"):
            made[keyword] = BASE + (value if value != "#" else "")
        elif keyword in vocabulary.ONE_SCHEMA:
            made[keyword] = absolute(value)
        elif keyword in vocabulary.SCHEMA_LIST and isinstance(value, list):
            made[keyword] = [absolute(item) for item in value]
        elif keyword in vocabulary.SCHEMA_MAP and isinstance(value, dict):
            made[keyword] = {name: absolute(item) for name, item in value.items()}
        else:
            made[keyword] = copy.deepcopy(value)
    return made


_INLINED = "x-clyra-inlined"


def _replace(residual: Schema, steps: tuple[tuple[str, str | int], ...], document: Schema) -> Schema:
    """A copy of `residual` with `true` at the end of `steps`; references on the way are replaced by their target."""
    holder: dict[str, Any] = {"root": copy.deepcopy(residual)}
    container: Any = holder
    key: str | int = "root"
    for keyword, step in steps:
        node = container[key]
        if keyword == "$ref":
            inlined = node.setdefault(_INLINED, {})
            branches = node.setdefault("allOf", [])
            if step not in inlined:
                node.pop("$ref")
                target = local_target(document, str(step))
                branches.append(absolute(target if target is not None else True))
                inlined[step] = len(branches) - 1
            container, key = branches, inlined[step]
        else:
            container, key = node[keyword], step
    container[key] = True
    replaced: Schema = holder["root"]
    return replaced


def _clean(residual: Schema) -> Schema:
    """Without the marks that `_replace` leaves."""
    for _, node, _ in vocabulary.walk(residual):
        if isinstance(node, dict):
            node.pop(_INLINED, None)
    return residual


def _tree(document: Schema, cuts: list[_Route], compile_: Compile) -> Branch | Cut:
    """The cuts as a tree of member names, with early judges for what lies beside them."""
    root: Branch | Cut = Branch()
    for route in cuts:
        cut = _cut(route, compile_)
        if not route.path:
            return cut
        node = root
        for name in route.path[:-1]:
            below = node.members.setdefault(name, Branch()) if isinstance(node, Branch) else node
            node = below
        if isinstance(node, Branch):
            node.members[route.path[-1]] = cut
    _add_early(document, "", root, compile_, frozenset())
    return root


def _cut(route: _Route, compile_: Compile) -> Cut:
    node = route.node if isinstance(route.node, dict) else {}
    items = absolute(node.get("items", True))
    whole = compile_({"$ref": place_uri(route.pointer)})
    least, most = node.get("minItems", 0), node.get("maxItems")
    return Cut(
        route.pointer,
        compile_({"items": items}),
        whole,
        int(least),
        None if most is None else int(most),
    )


def _add_early(document: Schema, pointer: str, branch: Branch | Cut, compile_: Compile, seen: frozenset[str]) -> None:
    """Judges for members that are asked unconditionally: a member they refuse can never become valid."""
    node = vocabulary.lookup(document, pointer) if pointer else document
    if not isinstance(branch, Branch) or not isinstance(node, dict) or pointer in seen:
        return
    for name, child in _mapping(node, "properties"):
        where = f"{pointer}/properties/{escape(name)}"
        below = branch.members.get(name)
        if below is not None:
            _add_early(document, where, below, compile_, seen | {pointer})
        elif child is not True and name not in branch.early:
            branch.early[name] = compile_({"$ref": place_uri(where)})
    for index in range(len(node.get("allOf", ()))):
        _add_early(document, f"{pointer}/allOf/{index}", branch, compile_, seen | {pointer})
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith("#") and local_target(document, reference) is not None:
        _add_early(document, local_pointer(reference) or "", branch, compile_, seen | {pointer})
