"""How a document differs from what was locked, and the one change to the lock that would accept it.

Guarantees: a drift's id depends on its shape alone (route, keyword, place in the schema, name, kind), so the same drift
has the same id on every machine and every day; it holds no value of the document; accepting one changes the locked
schema at its place only, and the schema still takes everything it took. References: RFC 6901, RFC 8785.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import rfc8785

from clyra_proxy.errors import SchemaError
from clyra_proxy.json_pointer import escape, pointer_of
from clyra_proxy.schemalock import regex, vocabulary
from clyra_proxy.schemalock.learn import RouteKey
from clyra_proxy.schemalock.lock import LockedRoute, SchemaLock
from clyra_proxy.schemalock.shape import Shape, is_data_name, kind_of
from clyra_proxy.schemalock.vocabulary import Schema

_MOST_ERRORS = 2_000  # looked at in one document


@dataclass(frozen=True, slots=True)
class Drift:
    """One way in which documents differ from the lock.

    keyword, schema_pointer: what they broke, in the locked schema. place: where in the document, elements and map
    members as `*`. name: the property that is new or missing. kind: JSON type found. shape: schema of what was found.
    """

    id: str
    key: RouteKey
    keyword: str
    schema_pointer: str
    place: str
    name: str
    kind: str
    shape: Schema

    def to_json(self) -> dict[str, Any]:
        return {**{name: getattr(self, name) for name in _FIELDS}, "route": asdict(self.key)}

    def __str__(self) -> str:
        where = self.place or "the document"
        said = {
            "additionalProperties": f"new property {self.name!r} ({self.kind}) in {where}",
            "required": f"property {self.name!r} is missing in {where}",
            "type": f"{where} is now {self.kind}",
        }
        return said.get(self.keyword, f"{where} breaks `{self.keyword}`")


_FIELDS = ("id", "keyword", "schema_pointer", "place", "name", "kind", "shape")


class DriftFinder:
    """Compares documents of one route with its lock. Compiled once."""

    def __init__(self, route: LockedRoute) -> None:
        self.route = route
        self._validator = jsonschema_rs.validator_for(
            route.schema, offline=True, mask="...", pattern_options=regex.LINEAR
        )

    def find(self, document: Any) -> tuple[Drift, ...]:
        """Every distinct drift of a parsed document, in the order of the schema; empty when it fits the lock."""
        if self._validator.is_valid(document):
            return ()
        found: dict[str, tuple[Drift, Shape]] = {}
        for error in itertools.islice(self._validator.iter_errors(document), _MOST_ERRORS):
            for drift, value in self._of(error, document):
                _, shape = found.setdefault(drift.id, (drift, Shape()))
                shape.observe(value, 0)
        return tuple(
            drift if drift.keyword == "required" else replace(drift, shape=shape.schema())
            for drift, shape in found.values()
            if drift.id not in self.route.accepted
        )

    def _of(self, error: jsonschema_rs.ValidationError, document: Any) -> Iterator[tuple[Drift, Any]]:
        """Each drift an error stands for, with the value to learn its shape from."""
        value = _at(document, error.instance_path)
        kind = error.kind
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
            for name in kind.unexpected:
                yield self._drift(error, value[name], "*" if is_data_name(name) else name), value[name]
        elif isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
            yield self._drift(error, value, kind.property), value
        else:
            yield self._drift(error, value, ""), value

    def _drift(self, error: jsonschema_rs.ValidationError, value: Any, name: str) -> Drift:
        keyword = str(error.schema_path[-1]) if error.schema_path else error.kind.name
        schema_pointer = pointer_of(error.schema_path)
        facts = [str(self.route.key), keyword, schema_pointer, name, kind_of(value)]
        identifier = hashlib.sha256(rfc8785.dumps(facts)).hexdigest()[:12]
        place = generalised(error)
        return Drift(identifier, self.route.key, keyword, schema_pointer, place, name, kind_of(value), True)


def _at(document: Any, path: list[str | int]) -> Any:
    for step in path:
        document = document[step]
    return document


def generalised(error: jsonschema_rs.ValidationError) -> str:
    """The instance pointer with element numbers, and names that the schema does not spell out, as `*`."""
    spelled = {str(step) for step in error.schema_path}
    steps = ("*" if isinstance(step, int) or step not in spelled else escape(step) for step in error.instance_path)
    return "".join(f"/{step}" for step in steps)


def accept(lock: SchemaLock, drift: Drift) -> SchemaLock:
    """The lock with one drift accepted. Raises SchemaError when it cannot be accepted by one change."""
    route = lock.by_key.get(drift.key)
    if route is None:
        raise SchemaError(f"the lock has no route {drift.key}", "It drifted under another lock.", "Learn it first.")
    schema = widened(route.schema, drift)
    accepted = tuple(sorted({*route.accepted, drift.id}))
    return lock.with_route(replace(route, schema=schema, accepted=accepted))


def widened(schema: Schema, drift: Drift) -> Schema:
    """A copy of a locked schema, changed at the drift's place so that what drifted fits. Raises SchemaError."""
    made = copy.deepcopy(schema)
    parent_pointer, _, _ = drift.schema_pointer.rpartition("/")
    try:
        node = vocabulary.lookup(made, parent_pointer)
    except (LookupError, ValueError):
        node = None
    if not isinstance(node, dict):
        raise _by_hand(drift, "the lock changed since")
    if drift.keyword == "additionalProperties" and drift.name != "*":
        node.setdefault("properties", {}).setdefault(drift.name, drift.shape)
    elif drift.keyword == "required":
        node["required"] = [name for name in node.get("required", []) if name != drift.name]
    elif drift.keyword == "type" and isinstance(drift.shape, dict):
        _add_kind(node, drift.shape)
    elif drift.keyword == "items" and node.get("items") is False:
        node["items"] = drift.shape
    elif drift.name == "*":
        raise _by_hand(drift, "the new name looks like data, so the object may be a map")
    else:
        raise _by_hand(drift, f"`{drift.keyword}` was set by a person")
    return made


def _add_kind(node: dict[str, Any], shape: dict[str, Any]) -> None:
    kinds = [node["type"]] if isinstance(node["type"], str) else list(node["type"])
    new = shape["type"] if isinstance(shape["type"], str) else shape["type"][0]
    if new == "number" and "integer" in kinds:
        kinds.remove("integer")
    if new not in kinds:
        kinds.append(new)
    node["type"] = kinds[0] if len(kinds) == 1 else kinds
    for keyword, value in shape.items():
        node.setdefault(keyword, value)


def _by_hand(drift: Drift, why: str) -> SchemaError:
    return SchemaError(
        f"drift {drift.id} cannot be accepted by itself: {drift}",
        f"It broke #{drift.schema_pointer}; {why}.",
        "Edit the schema in the lock and reseal it.",
    )


def save_drifts(path: Path, drifts: Iterable[Drift]) -> int:
    """Add drifts that the file does not hold yet, one JSON object a line; returns how many were new."""
    known = {drift.id for drift in load_drifts(path)} if path.exists() else set[str]()
    new = {drift.id: drift for drift in drifts if drift.id not in known}
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(drift.to_json(), sort_keys=True) + "\n" for drift in new.values())
    return len(new)


def load_drifts(path: Path) -> list[Drift]:
    """Read what `save_drifts` wrote. Raises SchemaError naming file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SchemaError(
            f"{path} cannot be read", f"{error.strerror}.", "Compare documents with the lock first."
        ) from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            key = RouteKey(**entry["route"])
            found.append(Drift(key=key, **{name: entry[name] for name in _FIELDS}))
        except (ValueError, KeyError, TypeError):
            raise SchemaError(f"{path}:{number} is not a drift", "The line is damaged.", "Remove it.") from None
    return found
