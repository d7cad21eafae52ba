"""Records of every type made at random from the schemas, and a plain reading of the schemas beside the real one.

The plain reading knows the keywords of `recorder.record_schemas.KEYWORDS` and nothing else: it is what an
implementation in another language does.
"""

from __future__ import annotations

import random
import re
import re._parser as regex  # type: ignore[import-not-found]
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

_KINDS: Mapping[str, tuple[type, ...]] = {"object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,)}


def holds(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a DEF-JSON value satisfies a schema."""
    if "const" in schema and not _same(value, schema["const"]):
        return False
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        return False
    if "type" in schema and not _is(schema["type"], value):
        return False
    if "if" in schema and not holds(schema.get("then" if holds(schema["if"], value) else "else", {}), value):
        return False
    if not all(holds(part, value) for part in schema.get("allOf", ())):
        return False
    if "anyOf" in schema and not any(holds(part, value) for part in schema["anyOf"]):
        return False
    if isinstance(value, dict):
        return _object_holds(schema, value)
    if isinstance(value, list):
        fits = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return fits and all(holds(schema.get("items", {}), part) for part in value)
    if isinstance(value, str):
        fits = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        return fits and ("pattern" not in schema or re.fullmatch(schema["pattern"][1:-1], value, re.ASCII) is not None)
    if _is("integer", value):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def _object_holds(schema: Mapping[str, Any], value: dict[str, Any]) -> bool:
    properties = schema.get("properties", {})
    if any(name not in value for name in schema.get("required", ())):
        return False
    if schema.get("additionalProperties") is False and not value.keys() <= properties.keys():
        return False
    return all(holds(properties[name], part) for name, part in value.items() if name in properties)


def _is(kind: str, value: Any) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, _KINDS[kind])


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def instance(schema: Mapping[str, Any], chance: random.Random, fullness: float = 0.5) -> Any:
    """A value that satisfies a schema. fullness: how likely an optional member is there."""
    value = _make(schema, chance, fullness)
    for _ in range(8):
        if holds(schema, value):
            return value
        value = _mended(schema, schema, value, chance)
    raise AssertionError(f"no instance found of {schema.get('title')}")


def _make(schema: Mapping[str, Any], chance: random.Random, fullness: float) -> Any:
    if "const" in schema:
        return deepcopy(schema["const"])
    if "enum" in schema:
        return chance.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        required = schema.get("required", ())
        return {
            name: _make(part, chance, fullness)
            for name, part in schema.get("properties", {}).items()
            if name in required or chance.random() < fullness
        }
    if kind == "array":
        least = schema.get("minItems", 0)
        count = chance.randint(least, min(schema["maxItems"], least + 3))
        return [_make(schema["items"], chance, fullness) for _ in range(count)]
    if kind == "boolean":
        return chance.random() < 0.5
    if kind == "integer":
        low = schema.get("minimum", 0)
        high = min(schema.get("maximum", 2**53 - 1), 2**53 - 1)
        return chance.choice([low, high, chance.randint(low, min(high, low + 10_000))])
    if "pattern" in schema:
        return _matching(regex.parse(schema["pattern"]), chance)
    length = chance.choice(
        [schema.get("minLength", 0), chance.randint(schema.get("minLength", 0), schema["maxLength"])]
    )
    return "".join(chance.choice('aZ09 ._/-é€\U0001f600"\\') for _ in range(min(length, 40) or length))


def _matching(parsed: Any, chance: random.Random) -> str:
    made = ""
    for op, argument in parsed:
        name = str(op)
        if name == "LITERAL":
            made += chr(argument)
        elif name == "IN":
            made += _one_of(argument, chance)
        elif name == "MAX_REPEAT":
            least, most, inner = argument
            count = chance.randint(least, min(int(most), least + 4))
            made += "".join(_matching(inner, chance) for _ in range(count))
        elif name == "SUBPATTERN":
            made += _matching(argument[3], chance)
    return made


def _one_of(choices: Any, chance: random.Random) -> str:
    op, argument = chance.choice(choices)
    return chr(chance.randint(*argument) if str(op) == "RANGE" else argument)


def _mended(schema: Mapping[str, Any], part: Mapping[str, Any], value: Any, chance: random.Random) -> Any:
    """`value` with what the conditions of `part` demand; `schema` says what a missing member looks like."""
    for inner in part.get("allOf", ()):
        if "if" in inner:
            branch = "then" if holds(inner["if"], value) else "else"
            value = _mended(schema, inner.get(branch, {}), value, chance)
        else:
            value = _mended(schema, inner, value, chance)
    if "const" in part:
        return deepcopy(part["const"])
    if "pattern" in part and not holds(part, value):
        return _matching(regex.parse(part["pattern"]), chance)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for name in part.get("required", ()):
            if name not in value:
                value[name] = _make(known[name], chance, 0.3)
        for name, inner in part.get("properties", {}).items():
            if name in value and name in known and part is not schema:
                value[name] = _mended(known[name], inner, value[name], chance)
    return value


def changed(value: Any, chance: random.Random) -> Any:
    """A copy with one thing other than it was, somewhere."""
    again = deepcopy(value)
    spots: list[tuple[Any, Any]] = []

    def walk(part: Any) -> None:
        for key in list(part) if isinstance(part, dict) else range(len(part)):
            spots.append((part, key))
            if isinstance(part[key], dict | list):
                walk(part[key])

    walk(again)
    part, key = chance.choice(spots)
    what = chance.choice(["drop", "add", "other", "edge"])
    if what == "drop" and isinstance(part, dict):
        del part[key]
    elif what == "add" and isinstance(part, dict):
        part[chance.choice(["surplus", "phase", "id"])] = chance.choice([1, "x", {}, True])
    elif what == "edge":
        part[key] = _edge(part[key], chance)
    else:
        part[key] = chance.choice([0, -1, "", "x" * 2000, True, [], {}, [{}], ["", ""], "A", 10**15])
    return again


def _edge(value: Any, chance: random.Random) -> Any:
    if isinstance(value, str):
        return chance.choice([value[:-1], value + "0", value.upper(), value + "\n", f" {value}", value * 3])
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return chance.choice([value + 1, value - 1, -value, value * 2 + 1, str(value)])
    if isinstance(value, list):
        return chance.choice([value * 70, value[:-1], [*value, 1]])
    return chance.choice([{}, [value], None])
