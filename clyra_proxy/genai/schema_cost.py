"""Whether judging by a schema from the traffic takes time in proportion to the value, whatever the value.

Rule: a schema is unfolded, references and all; it is refused when that is larger than `MOST`, or when a reference leads
back to a schema above it in two ways at the same place of the instance: each level of nesting would then double the
work. References that cannot be followed here (dynamic ones, anchors, other documents) are refused as well. Alternatives
that recurse under one name are refused although some are harmless; nothing is then said of such arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from clyra_proxy.schemalock.vocabulary import lookup

MOST = 20_000
"""Subschemas of an unfolded schema."""

_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("not", "if", "then", "else")
_IN_PLACE_MAPS = ("dependentSchemas", "dependencies")
_EVERY = ("additionalProperties", "unevaluatedProperties", "additionalItems", "unevaluatedItems", "contains")
_DYNAMIC = ("$dynamicRef", "$recursiveRef")
_ANY = "*"

type _Steps = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Visit:
    """A subschema at a place of the instance. above: references on the way, with the place where each was met."""

    node: Any
    place: _Steps
    above: tuple[tuple[str, int], ...]


def is_affordable(schema: Any) -> bool:
    """Whether the schema may judge anything."""
    pending = [_Visit(schema, (), (("#", 0),))]
    back: dict[tuple[str, _Steps], list[_Steps]] = {}
    visited = 0
    while pending:
        visit = pending.pop()
        visited += 1
        if visited > MOST:
            return False
        if not isinstance(visit.node, dict):
            continue
        if any(keyword in visit.node for keyword in _DYNAMIC):
            return False
        if "$ref" in visit.node and not _follow(visit, schema, pending, back):
            return False
        pending.extend(_inside(visit))
    return True


def _follow(visit: _Visit, schema: Any, pending: list[_Visit], back: dict[tuple[str, _Steps], list[_Steps]]) -> bool:
    """Go where a reference leads, once on each way down; false when it must not be followed."""
    reference = visit.node["$ref"]
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return False
    for name, depth in visit.above:
        if name == reference:
            known = back.setdefault((reference, visit.place[:depth]), [])
            way = visit.place[depth:]
            if any(_meet(way, other) for other in known):
                return False
            known.append(way)
            return True
    try:
        target = lookup(schema, unquote(reference[1:]))
    except (LookupError, ValueError, TypeError):
        return False
    pending.append(_Visit(target, visit.place, (*visit.above, (reference, len(visit.place)))))
    return True


def _inside(visit: _Visit) -> Iterator[_Visit]:
    """The subschemas of one, with the places of the instance they judge."""
    for step, child in _children(visit.node):
        place = visit.place if step is None else (*visit.place, step)
        yield _Visit(child, place, visit.above)


def _children(node: dict[str, Any]) -> Iterator[tuple[str | None, Any]]:
    """(name of the member judged, None for the instance itself; subschema)."""
    for keyword in _IN_PLACE_LISTS:
        yield from ((None, child) for child in _items(node.get(keyword)))
    for keyword in _IN_PLACE:
        yield None, node.get(keyword)
    for keyword in _IN_PLACE_MAPS:
        yield from ((None, child) for child in _members(node.get(keyword)).values())
    yield from _members(node.get("properties")).items()
    yield from ((_ANY, child) for child in _members(node.get("patternProperties")).values())
    for keyword in (*_EVERY, "propertyNames"):
        yield _ANY, node.get(keyword)
    for keyword in ("items", "prefixItems"):
        held = node.get(keyword)
        yield from ((_ANY, child) for child in (held if isinstance(held, list) else [held]))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _members(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _meet(one: _Steps, other: _Steps) -> bool:
    """Whether two ways can lead to the same place."""
    return len(one) == len(other) and all(a == b or _ANY in (a, b) for a, b in zip(one, other, strict=True))
