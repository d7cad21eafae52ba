"""What a schema document says about itself: the property names it spells out, and whether big integers matter to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, unquote

from clyra_proxy.schemalock import vocabulary
from clyra_proxy.schemalock.vocabulary import Schema

BASE = "https://clyra.invalid/schema"
"""The URI under which a document is registered for everything derived from it (RFC 2606: it names no host)."""

_SAFE = 1 << 53
_MOST_UNFOLDED = 100
"""How often, on average, references may lead to one schema before it counts as unfolding enormously."""
_DEFINING = frozenset({"$defs", "definitions"})
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def place_uri(pointer: str) -> str:
    """The URI of a place in the registered document (RFC 6901 section 6)."""
    return f"{BASE}#{quote(pointer, safe='/~')}" if pointer else BASE


def local_pointer(reference: str) -> str | None:
    """The JSON pointer of a reference into the document itself (plain, or absolute under `BASE`), or None."""
    if reference.startswith(BASE):
        reference = reference[len(BASE) :] or "#"
    return unquote(reference[1:]) if reference in ("", "#") or reference.startswith("#/") else None


def local_target(document: Schema, reference: str) -> Schema | None:
    """What a reference by pointer into the document itself (plain, or absolute under `BASE`) leads to."""
    where = local_pointer(reference)
    if where is None:
        return None
    try:
        found = vocabulary.lookup(document, where)
    except (LookupError, ValueError):
        return None
    return found if isinstance(found, dict | bool) else None


def property_names(documents: Iterable[Any]) -> frozenset[str]:
    """Names that appear in `properties`, `required` and the dependent keywords: public, unlike a body's other keys."""
    names: set[str] = set()
    for document in documents:
        for _, node, _ in vocabulary.walk(document):
            if not isinstance(node, dict):
                continue
            for keyword in ("properties", "dependentSchemas", "dependentRequired"):
                if isinstance(found := node.get(keyword), dict):
                    names.update(found)
            if isinstance(required := node.get("required"), list):
                names.update(name for name in required if isinstance(name, str))
    return frozenset(names)


def is_exact(documents: Iterable[Any]) -> bool:
    """True when an integer beyond 64 bits, rounded to binary64, could change a verdict.

    That is so for divisors, for uniqueness, and for constants and bounds that are themselves beyond 2^53.
    """
    for document in documents:
        for _, node, _ in vocabulary.walk(document):
            if not isinstance(node, dict):
                continue
            if "multipleOf" in node or "uniqueItems" in node:
                return True
            if any(_is_big(node[keyword]) for keyword in _BOUNDS if keyword in node):
                return True
            if any(_holds_big(node[keyword]) for keyword in ("const", "enum") if keyword in node):
                return True
    return False


def branches_back(document: Schema) -> bool:
    """Whether alternatives (`anyOf`, `oneOf`) stand in a schema that holds itself, or one that unfolds enormously.

    Judging such a schema is quick, as its validator remembers; explaining why it refuses something is not.
    """
    nodes = {pointer: node for pointer, node, _ in vocabulary.walk(document)}
    if not any(isinstance(node, dict) and ("anyOf" in node or "oneOf" in node) for node in nodes.values()):
        return False
    sizes: dict[str, int] = {}
    path: dict[str, Iterator[str]] = {"": _below(nodes[""], "")}
    while path:
        last = next(reversed(path))
        target = next(path[last], None)
        if target is None:
            del path[last]
            sizes[last] = 1 + sum(sizes[one] for one in _below(nodes[last], last))
        elif target in path or target not in nodes:
            return True
        elif target not in sizes:
            path[target] = _below(nodes[target], target)
    return sizes[""] > _MOST_UNFOLDED * len(nodes)


def _below(node: Schema, pointer: str) -> Iterator[str]:
    """Pointers of the schemas that a schema may ask in turn; one that is nowhere for a reference not by pointer."""
    for keyword, relative, _ in vocabulary.children(node):
        if keyword not in _DEFINING:
            yield pointer + relative
    for keyword in ("$ref", "$dynamicRef"):
        if isinstance(node, dict) and isinstance(reference := node.get(keyword), str):
            where = local_pointer(reference)
            yield "nowhere" if where is None else where


def _is_big(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _SAFE


def _holds_big(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif _is_big(item):
            return True
    return False
