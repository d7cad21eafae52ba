"""Make documents that a schema is likely to accept, on and around the edges that the schema itself names.

Rule: only a source of candidates; whoever uses one validates it first. Deterministic for a seed. Every bound, constant
and property name in the schema becomes raw material, because that is where two schemas differ. Keywords that cannot be
solved by construction (`not`, `if`, `unevaluated*`) are left to chance and to the validator.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeGuard
from urllib.parse import unquote

from clyra_proxy.schemalock import vocabulary
from clyra_proxy.schemalock.regex_sample import sample_pattern
from clyra_proxy.schemalock.vocabulary import Schema

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_FORMATS = {
    "date": "2026-02-28",
    "date-time": "2026-02-28T12:00:00Z",
    "time": "12:00:00Z",
    "email": "a@example.com",
    "uuid": "01234567-89ab-4def-8123-456789abcdef",
    "uri": "https://example.com/a",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
}
_MAX_DEPTH = 6
_MAX_VISITS = 2_000


@dataclass(frozen=True, slots=True)
class Material:
    """What the schemas under comparison mention: the raw material of telling documents."""

    numbers: tuple[int | float, ...] = (0, 1, -1, 0.5, 2)
    strings: tuple[str, ...] = ("", "a", "Z9")
    names: tuple[str, ...] = ("extra",)
    lengths: tuple[int, ...] = (0, 1, 2)
    values: tuple[Any, ...] = ()


def gather(*schemas: Schema) -> Material:
    """Collect bounds (with their neighbours), constants, names and lengths from schemas."""
    numbers: set[int | float] = {0, 1, -1, 0.5, 2}
    strings = {"", "a", "Z9", *_FORMATS.values()}
    names, lengths, values = {"extra"}, {0, 1, 2}, list[Any]()
    for _, node, _ in (entry for schema in schemas for entry in vocabulary.walk(schema)):
        if not isinstance(node, dict):
            continue
        for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
            if _is_number(bound := node.get(keyword)):
                numbers |= {bound, bound + 1, bound - 1, bound + 0.5, bound * 2}
        for keyword in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"):
            if _is_number(bound := node.get(keyword)) and bound <= 5_000:
                lengths |= {int(bound), int(bound) + 1, max(int(bound) - 1, 0)}
        constants = [*(node.get("enum") or []), *([node["const"]] if "const" in node else [])]
        values.extend(constants)
        strings |= {value for value in constants if isinstance(value, str)}
        numbers |= {value for value in constants if _is_number(value)}
        names |= {*(node.get("properties") or {}), *(node.get("required") or [])}
        names |= {*(node.get("dependentRequired") or {}), *(node.get("dependentSchemas") or {})}
    return Material(
        tuple(sorted(numbers)), tuple(sorted(strings)), tuple(sorted(names)), tuple(sorted(lengths)), tuple(values)
    )


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(slots=True)
class Maker:
    """Makes candidates for one schema document."""

    root: Schema
    material: Material
    random: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - reproducible candidates, no secret

    budget: int = 0  # subschemas that one document may still visit

    def documents(self, count: int) -> Iterator[Any]:
        """`count` candidates, fewer when the arithmetic of odd bounds fails."""
        for _ in range(count):
            self.budget = _MAX_VISITS
            with contextlib.suppress(ArithmeticError, ValueError):
                yield self.make(self.root)

    def make(self, schema: Schema, depth: int = 0) -> Any:
        merged = self._flatten(schema, depth) if self.budget > 0 else True
        if isinstance(merged, bool):
            return self._scalar() if depth >= _MAX_DEPTH else self._of_type(self._pick(TYPES), {}, depth)
        if "const" in merged:
            return merged["const"]
        if isinstance(merged.get("enum"), list) and merged["enum"]:
            return self._pick(merged["enum"])
        kinds = merged.get("type", TYPES)
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        barred = merged.get("not")
        if isinstance(barred, dict) and isinstance(barred.get("type"), str | list):
            kinds = [kind for kind in kinds if kind not in barred["type"]] or kinds
        if depth >= _MAX_DEPTH:
            kinds = [kind for kind in kinds if kind not in ("array", "object")] or kinds
        return self._of_type(self._pick(kinds) if kinds else "null", merged, depth)

    def _flatten(self, schema: Schema, depth: int, hops: int = 0) -> Schema:
        """One flat set of keywords: references followed, a branch of each alternative chosen."""
        self.budget -= 1
        if isinstance(schema, bool) or hops > 24 or self.budget < 0:
            return schema if isinstance(schema, bool) else {k: v for k, v in schema.items() if k != "$ref"}
        parts: list[Schema] = [
            {k: v for k, v in schema.items() if k not in ("$ref", "allOf", "anyOf", "oneOf", "then", "else")}
        ]
        if isinstance(reference := schema.get("$ref"), str) and reference.startswith("#"):
            with contextlib.suppress(LookupError, ValueError):
                parts.append(vocabulary.lookup(self.root, unquote(reference[1:])))
        parts.extend(schema.get("allOf") or ())
        parts.extend(self._pick(schema[keyword]) for keyword in ("anyOf", "oneOf") if schema.get(keyword))
        if "if" in schema:
            taken = self.random.random() < 0.5
            parts.extend([schema["if"], schema.get("then", True)] if taken else [schema.get("else", True)])
        merged: dict[str, Any] = {}
        for index, part in enumerate(parts):
            flat = part if index == 0 else self._flatten(part, depth, hops + 1)
            if isinstance(flat, dict):
                merged = _merge(merged, flat)
        return merged

    def _of_type(self, kind: str, schema: dict[str, Any], depth: int) -> Any:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "string":
            return self._string(schema)
        if kind in ("integer", "number"):
            return self._number(schema, kind == "integer")
        return None if kind == "null" else self.random.random() < 0.5

    def _number(self, schema: dict[str, Any], integral: bool) -> int | float:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        step = schema.get("multipleOf", 1 if integral else None)
        fits = [
            n
            for n in self.material.numbers
            if (low is None or n >= low) and (high is None or n <= high) and (not integral or n == int(n))
        ]
        number: int | float = self._pick(fits) if fits else low if low is not None else high if high is not None else 0
        if ("exclusiveMinimum" in schema and number == low) or ("exclusiveMaximum" in schema and number == high):
            width = (high - low) / 2 if low is not None and high is not None else 1
            number = number + width if number == low else number - width
        if step:
            number = round(number / step) * step
        if not integral and isinstance(schema.get("not"), dict) and "multipleOf" in schema["not"]:
            number += schema["not"]["multipleOf"] / 2
        return int(number) if integral else number

    def _string(self, schema: dict[str, Any]) -> str:
        pattern = schema.get("pattern")
        low, high = schema.get("minLength", 0), schema.get("maxLength")
        if isinstance(pattern, str) and self.random.random() < 0.8:
            return sample_pattern(pattern, self.random)
        if (known := _FORMATS.get(str(schema.get("format")))) and self.random.random() < 0.7:
            return known
        fits = [s for s in self.material.strings if len(s) >= low and (high is None or len(s) <= high)]
        if fits and self.random.random() < 0.6:
            return str(self._pick(fits))
        return "a" * self._length(low, high)

    def _length(self, low: int, high: int | None) -> int:
        fits = [n for n in self.material.lengths if n >= low and (high is None or n <= high)]
        return int(self._pick(fits)) if fits else int(low)

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        prefix = schema.get("prefixItems") or []
        rest = schema.get("items", True)
        size = self._length(schema.get("minItems", 0), schema.get("maxItems"))
        if depth:
            size = min(size, max(6, schema.get("minItems", 0)))
        made = [self.make(prefix[n] if n < len(prefix) else rest, depth + 1) for n in range(min(size, 400))]
        if "contains" in schema and schema.get("minContains", 1) and len(made) < 400:
            made[:0] = [self.make(schema["contains"], depth + 1) for _ in range(min(schema.get("minContains", 1), 20))]
        if schema.get("uniqueItems"):
            made = [item for n, item in enumerate(made) if item not in made[:n]]
        return made

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties: dict[str, Schema] = schema.get("properties") or {}
        wanted = list(schema.get("required") or [])
        chance = self.random.choice((0.0, 0.3, 0.7, 1.0)) if depth < _MAX_DEPTH else 0.0
        wanted += [name for name in properties if self.random.random() < chance]
        for pattern in schema.get("patternProperties") or {}:
            if self.random.random() < chance:
                wanted.append(sample_pattern(pattern, self.random))
        if schema.get("additionalProperties", True) is not False and self.random.random() < chance:
            wanted.append(self._pick(self.material.names))
        names = schema.get("propertyNames", True)
        while len(wanted) < min(schema.get("minProperties", 0), 200):
            made = self.make(names, depth + 1) if isinstance(names, dict) else f"k{len(wanted)}"
            wanted.append(made if isinstance(made, str) else f"k{len(wanted)}")
        if (most := schema.get("maxProperties")) is not None:
            wanted = wanted[: max(most, len(schema.get("required") or []))]
        return {name: self._member(schema, properties, name, depth) for name in dict.fromkeys(wanted)}

    def _member(self, schema: dict[str, Any], properties: dict[str, Schema], name: str, depth: int) -> Any:
        if name in properties:
            return self.make(properties[name], depth + 1)
        patterned = list((schema.get("patternProperties") or {}).values())
        if patterned and self.random.random() < 0.8:
            return self.make(self._pick(patterned), depth + 1)
        return self.make(schema.get("additionalProperties", True), depth + 1)

    def _scalar(self) -> Any:
        return self._pick([*self.material.numbers, *self.material.strings, *self.material.values, None, True])

    def _pick[T](self, options: list[T] | tuple[T, ...]) -> T:
        return options[self.random.randrange(len(options))]


def _merge(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Roughly the conjunction of two flat schemas; what cannot be combined keeps the right one."""
    merged = {**left, **right}
    for keyword in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"):
        if keyword in left and keyword in right:
            merged[keyword] = max(left[keyword], right[keyword])
    for keyword in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"):
        if keyword in left and keyword in right:
            merged[keyword] = min(left[keyword], right[keyword])
    if "required" in left and "required" in right:
        merged["required"] = [*left["required"], *right["required"]]
    for keyword in ("properties", "patternProperties"):
        if keyword in left and keyword in right:
            both = {
                name: {"allOf": [left[keyword][name], right[keyword][name]]}
                for name in left[keyword].keys() & right[keyword].keys()
            }
            merged[keyword] = {**left[keyword], **right[keyword], **both}
    if "type" in left and "type" in right:
        kinds = [{t} if isinstance(t, str) else set(t) for t in (left["type"], right["type"])]
        merged["type"] = sorted(kinds[0] & kinds[1]) or right["type"]
    if "enum" in left and "enum" in right:
        merged["enum"] = [value for value in left["enum"] if value in right["enum"]] or right["enum"]
    return merged
