"""The schema lock: what each route's bodies look like, agreed on and kept in git.

Guarantees: the file is canonical (sorted, one way to write it), so a diff of it shows only what changed; its digest is
SHA-256 over the RFC 8785 form of everything else in it and is checked on every load; a route learned from too little
(missing mass above the limit) is marked as not to be enforced unless a person forced it, and that is in the file too.
References: RFC 8785, RFC 3339.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock.document import load_document
from clyra_proxy.schemalock.hostile import inspect_schema
from clyra_proxy.schemalock.learn import Learner, RouteKey, RouteLearning
from clyra_proxy.schemalock.vocabulary import Schema

FORMAT = "clyra-schema-lock/1"
MAX_MISSING_MASS = 0.001


@dataclass(frozen=True, slots=True)
class LockedRoute:
    """One route's agreement. first_seen, last_seen: RFC 3339, UTC. forced: enforced although learned from too little.

    accepted: ids of drifts that a person accepted since it was learned.
    """

    key: RouteKey
    schema: Schema
    documents: int
    first_seen: str
    last_seen: str
    missing_mass: float
    forced: bool = False
    accepted: tuple[str, ...] = ()

    @property
    def confidence(self) -> float:
        return round(1 - self.missing_mass, 6)

    @property
    def ready(self) -> bool:
        """Whether it may refuse traffic."""
        return self.forced or self.missing_mass <= MAX_MISSING_MASS

    def to_json(self) -> dict[str, Any]:
        return {
            "method": self.key.method,
            "path": self.key.path,
            "direction": self.key.direction,
            "status": self.key.status,
            "media": self.key.media,
            "documents": self.documents,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "missing_mass": self.missing_mass,
            "confidence": self.confidence,
            "enforce": self.ready,
            "forced": self.forced,
            "accepted": sorted(self.accepted),
            "schema": self.schema,
        }


@dataclass(frozen=True, slots=True)
class SchemaLock:
    """All locked routes, sorted by key."""

    routes: tuple[LockedRoute, ...] = ()
    name: str = "schema.lock.json"
    by_key: dict[RouteKey, LockedRoute] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.by_key.update({route.key: route for route in self.routes})

    @property
    def content(self) -> dict[str, Any]:
        ordered = sorted(self.routes, key=lambda route: route.key)
        return {"format": FORMAT, "routes": [route.to_json() for route in ordered]}

    @property
    def sha256(self) -> str:
        return digest_of(self.content)

    def with_route(self, route: LockedRoute) -> SchemaLock:
        kept = [one for one in self.routes if one.key != route.key]
        return replace(self, routes=tuple(sorted([*kept, route], key=lambda one: one.key)))

    def dumps(self) -> str:
        return json.dumps({**self.content, "sha256": self.sha256}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def save(self, path: Path) -> None:
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            partial.write_text(self.dumps(), encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise SchemaError(f"{path} cannot be written", f"{error.strerror}.", "Check folder and disk.") from None


def digest_of(content: Any) -> str:
    """SHA-256 (hex) over the RFC 8785 form. Raises SchemaError for numbers that form cannot hold."""
    try:
        return hashlib.sha256(rfc8785.dumps(content)).hexdigest()
    except rfc8785.CanonicalizationError as error:
        raise SchemaError(
            "the lock has no canonical form", f"{error}.", "Keep integers in schemas below 2^53."
        ) from None


def make_lock(
    learner: Learner, *, force: bool = False, closed: bool = True, name: str = "schema.lock.json"
) -> SchemaLock:
    """Turn what was learned into a lock. force: enforce every route, however little was seen. closed: a property that
    was never seen is drift."""
    routes = [_locked(key, route, force, closed) for key, route in sorted(learner.routes.items())]
    return SchemaLock(tuple(routes), name)


def _locked(key: RouteKey, route: RouteLearning, force: bool, closed: bool) -> LockedRoute:
    mass = round(route.missing_mass, 6)
    return LockedRoute(
        key,
        route.shape.schema(closed=closed),
        route.documents,
        _rfc3339(route.first_seen),
        _rfc3339(route.last_seen),
        mass,
        forced=force and mass > MAX_MISSING_MASS,
    )


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def load_lock(path: Path, *, name: str = "", check: bool = True) -> SchemaLock:
    """Read a lock file. check: refuse a digest that does not match. Raises SchemaError naming the file."""
    name = name or str(path)
    value = load_document(path, name=name).value
    if not isinstance(value, dict) or value.get("format") != FORMAT or not isinstance(value.get("routes"), list):
        raise SchemaError(f"{name} is not a schema lock", f"It does not say {FORMAT}.", "Write one with schema lock.")
    lock = SchemaLock(tuple(_read(entry, name) for entry in value["routes"]), name)
    if len(lock.by_key) != len(lock.routes):
        raise SchemaError(f"{name} names a route twice", "", "Remove one of the two.")
    recorded = {key: part for key, part in value.items() if key != "sha256"}
    if check and value.get("sha256") != digest_of(recorded):
        raise SchemaError(
            f"{name} was changed after it was locked",
            "Its content does not have the digest it carries.",
            "Review the change; `clyra schema lock --reseal` gives it a new digest.",
        )
    return lock


def _read(entry: Any, name: str) -> LockedRoute:
    try:
        key = RouteKey(*(_text(entry[part]) for part in ("method", "path", "direction", "status", "media")))
        schema = entry["schema"]
        route = LockedRoute(
            key,
            schema,
            int(entry["documents"]),
            _text(entry["first_seen"]),
            _text(entry["last_seen"]),
            float(entry["missing_mass"]),
            entry["forced"] is True,
            tuple(_text(one) for one in entry["accepted"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SchemaError(f"{name} has a damaged route", f"{error!r}.", "Lock again, or restore it.") from None
    inspect_schema(schema, source=f"{name} ({key})")
    return route


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a string is expected, not {type(value).__name__}")
    return value
