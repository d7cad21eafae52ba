"""JSON Schemas that come with the traffic: of tools and of structured answers. Tamed, compiled once, asked often.

Guarantees: nothing is fetched; a schema is copied without what could hurt (patterns that only a backtracking engine
runs, nesting and sizes beyond bounds, circles of references); what providers write differently is read as they mean it
(Gemini's upper-case types and `nullable`, OpenAPI 3.0). A schema that cannot be used judges nothing: `None`, never an
exception, because it is the server's mistake and not the caller's. Instance values never leave this room: an objection
is a pointer of names that the schema spells out, and a keyword.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson

from clyra_proxy.errors import SchemaError
from clyra_proxy.genai.fingerprints import canonical
from clyra_proxy.genai.schema_cost import is_affordable
from clyra_proxy.schemalock import regex
from clyra_proxy.schemalock.hostile import inspect_schema
from clyra_proxy.schemalock.traits import property_names
from clyra_proxy.schemalock.validate import first_objection, pointer

LONGEST = 128 << 10
"""Bytes of a schema that is used; a longer one judges nothing."""
_DEEPEST = 40
_MOST_NODES = 20_000
_CACHED = 256
_PROSE = frozenset({"description", "title", "examples", "example", "default", "$comment"})
_TYPES = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
_OLD = frozenset(f"http://json-schema.org/draft-0{number}/schema{end}" for number in (4, 6, 7) for end in ("", "#")) | {
    "https://json-schema.org/draft/2019-09/schema"
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Objection:
    """Where a value breaks its schema. path: pointer with unknown names as `*`. keyword: of the schema."""

    path: str
    keyword: str


def objection(schema: Mapping[str, Any] | bool, value: Any) -> Objection | None:
    """The first place where `value` breaks `schema`; None when it does not, or when the schema cannot be used."""
    if schema is True:
        return None
    judge = _judge(canonical(schema))
    if judge is None or judge.validator.is_valid(value):
        return None
    try:
        found = first_objection(judge.validator, value)
    except ValueError:
        return Objection("", "schema")
    return Objection(pointer(found.path, judge.names), found.keyword)


def is_usable(schema: Mapping[str, Any] | bool) -> bool:
    """Whether the schema can judge anything."""
    return _judge(canonical(schema)) is not None


def without_prose(schema: Any) -> Any:
    """A copy that judges the same and says nothing: no descriptions, titles, examples, defaults, comments.

    A schema that is too large or too deep to be used becomes `true`.
    """
    try:
        return _Tamer(silent=True).tame(schema, 0)
    except ValueError:
        return True


@dataclass(frozen=True, slots=True)
class _Judge:
    validator: jsonschema_rs.Validator
    names: frozenset[str]


@lru_cache(maxsize=_CACHED)
def _judge(text: bytes) -> _Judge | None:
    if len(text) > LONGEST:
        return None
    try:
        schema = _Tamer().tame(orjson.loads(text), 0)
        if b'Ref"' in text.replace(b'"$ref"', b'"$Ref"') and not is_affordable(schema):
            return None
        dialect = schema.get("$schema") if isinstance(schema, dict) else None
        inspect_schema(schema, source="traffic", registered=(dialect,) if isinstance(dialect, str) else ())
        validator = jsonschema_rs.validator_for(
            schema, offline=True, mask="...", validate_formats=False, pattern_options=regex.LINEAR
        )
        return _Judge(validator, property_names((schema,)))
    except (SchemaError, ValueError, TypeError, RecursionError):
        return None
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError):
        return None


class _Tamer:
    """Copies a schema. silent: without annotations that are prose. Raises ValueError past its bounds."""

    def __init__(self, *, silent: bool = False) -> None:
        self._nodes = 0
        self._silent = silent

    def tame(self, node: Any, depth: int) -> Any:
        self._nodes += 1
        if depth > _DEEPEST or self._nodes > _MOST_NODES:
            raise ValueError("the schema is too large")
        if isinstance(node, list):
            return [self.tame(item, depth + 1) for item in node]
        if not isinstance(node, dict):
            return node
        made = {key: self.tame(value, depth + 1) for key, value in node.items() if not self._is_prose(key, value)}
        _correct_type(made)
        _drop_unsafe(made)
        return made

    def _is_prose(self, key: str, value: Any) -> bool:
        """Whether a member is an annotation; a property of that name holds a schema and no text."""
        return self._silent and key in _PROSE and not isinstance(value, dict | bool)


def _correct_type(node: dict[str, Any]) -> None:
    kind = node.get("type")
    if isinstance(kind, str) and kind in _TYPES:
        node["type"] = kind = kind.lower()
    if node.get("nullable") is True and isinstance(kind, str):
        node["type"] = [kind, "null"]
        if isinstance(node.get("enum"), list) and None not in node["enum"]:
            node["enum"] = [*node["enum"], None]


def _drop_unsafe(node: dict[str, Any]) -> None:
    """Take out patterns the linear engine cannot run, and the name of a dialect nobody knows."""
    pattern = node.get("pattern")
    if isinstance(pattern, str) and regex.fault(pattern) is not None:
        del node["pattern"]
    patterns = node.get("patternProperties")
    if isinstance(patterns, dict):
        for name in [name for name in patterns if regex.fault(name) is not None]:
            del patterns[name]
            node.pop("additionalProperties", None)
    dialect = node.get("$schema")
    if isinstance(dialect, str) and dialect.rstrip("#") != _DIALECT and dialect not in _OLD:
        del node["$schema"]
