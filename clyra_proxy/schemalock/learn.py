"""Learn a schema per route, direction and media type from documents that pass by.

Guarantees: no value is kept (`shape`); the number of routes and of properties is bounded; what was learned can be
saved, merged and continued. Readiness is a number: the missing mass, the expected share of features that the next
document brings and no document so far had (Good-Turing: features seen in exactly one document, per document), never
claimed to be below one in the number of documents seen. Reference: Good, Biometrika 40 (1953).
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock.document import load_document
from clyra_proxy.schemalock.shape import Shape
from clyra_proxy.schemalock.shape_state import from_state, to_state

FORMAT = "clyra-learning/1"
MAX_ROUTES = 2_000
MAX_PLACES = 20_000  # in the documents of one route
_WEIGH_EVERY = 64  # documents

_IDENTIFIER = re.compile(
    r"\d+|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-.*|[0-9a-fA-F]{12,}|.*@.*|.{65,}|(?=.*\d)[A-Za-z0-9_-]{12,}|.*%.*"
)


@dataclass(frozen=True, slots=True, order=True)
class RouteKey:
    """path: a template. direction: `request` or `response`. status: of a response, as text; "" for requests."""

    method: str
    path: str
    direction: str
    status: str
    media: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.method, self.path, self.direction, self.status, self.media) if part)


def template_of(path: str) -> str:
    """A path with segments that look like identifiers replaced by `{id}`; the query is dropped."""
    segments = path.partition("?")[0].split("/")
    return "/".join("{id}" if _IDENTIFIER.fullmatch(segment) else segment for segment in segments) or "/"


@dataclass(slots=True)
class RouteLearning:
    """What is known of one route. first_seen, last_seen: seconds since the epoch.

    full: its documents have too many different places to be learned; it then never becomes ready.
    """

    shape: Shape = field(default_factory=Shape)
    documents: int = 0
    first_seen: float = 0.0
    last_seen: float = 0.0
    full: bool = False

    def observe(self, document: Any, now: float) -> None:
        if self.full:
            return
        self.first_seen = self.first_seen or now
        self.last_seen = max(self.last_seen, now)
        self.documents += 1
        self.shape.observe(document, self.documents)
        if self.documents % _WEIGH_EVERY == 0:
            self._weigh()

    def _weigh(self) -> None:
        self.full = self.full or self.shape.count() > MAX_PLACES

    def merge(self, other: RouteLearning) -> None:
        self.shape.merge(other.shape)
        self.full = self.full or other.full
        self._weigh()
        self.documents += other.documents
        self.first_seen = min(one for one in (self.first_seen or other.first_seen, other.first_seen))
        self.last_seen = max(self.last_seen, other.last_seen)

    @property
    def missing_mass(self) -> float:
        """Between 0 and 1; 1 when nothing was seen, or too much to learn."""
        if not self.documents or self.full:
            return 1.0
        once = sum(1 for seen in self.shape.features() if seen.documents == 1)
        return min(1.0, max(once / self.documents, 1 / (self.documents + 1)))


@dataclass(slots=True)
class Learner:
    """Learning for many routes. overflow: documents of routes beyond `MAX_ROUTES`, which are not learned."""

    routes: dict[RouteKey, RouteLearning] = field(default_factory=dict)
    overflow: int = 0

    def observe(self, key: RouteKey, document: Any, now: float | None = None) -> None:
        """Learn from one parsed document."""
        route = self.routes.get(key)
        if route is None:
            if len(self.routes) >= MAX_ROUTES:
                self.overflow += 1
                return
            route = self.routes[key] = RouteLearning()
        route.observe(document, time.time() if now is None else now)

    def merge(self, other: Learner) -> None:
        for key, route in other.routes.items():
            if key in self.routes or len(self.routes) < MAX_ROUTES:
                self.routes.setdefault(key, RouteLearning()).merge(route)
            else:
                self.overflow += route.documents
        self.overflow += other.overflow

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all, readable by the owner only."""
        routes = [
            {
                "method": key.method,
                "path": key.path,
                "direction": key.direction,
                "status": key.status,
                "media": key.media,
                "documents": route.documents,
                "first_seen": route.first_seen,
                "last_seen": route.last_seen,
                "full": route.full,
                "shape": to_state(route.shape),
            }
            for key, route in sorted(self.routes.items())
        ]
        text = json.dumps({"format": FORMAT, "overflow": self.overflow, "routes": routes}, separators=(",", ":"))
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(partial, "w", encoding="utf-8", opener=_private) as file:
                file.write(text)
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise SchemaError(f"{path} cannot be written", f"{error.strerror}.", "Check folder and disk.") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def load_learner(paths: Iterable[Path]) -> Learner:
    """Read saved states and merge them. Raises SchemaError."""
    learner = Learner()
    for path in paths:
        learner.merge(_load(path))
    return learner


def _load(path: Path) -> Learner:
    value = load_document(path).value
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise SchemaError(f"{path} is not a learning state", f"It does not say {FORMAT}.", "Give what `learn` wrote.")
    learner = Learner(overflow=int(value.get("overflow") or 0))
    for entry in value.get("routes") or []:
        try:
            key = RouteKey(*(str(entry[name]) for name in ("method", "path", "direction", "status", "media")))
            route = RouteLearning(
                from_state(entry["shape"]),
                int(entry["documents"]),
                float(entry["first_seen"]),
                float(entry["last_seen"]),
                entry["full"] is True,
            )
        except (KeyError, TypeError, ValueError):
            raise SchemaError(f"{path} is damaged", "A route in it cannot be read.", "Learn again.") from None
        learner.routes[key] = route
    return learner
