"""From what policy binds to a route (files) to what the data path asks for: one compiled choice per body.

Guarantees: every document is read, judged hostile or not, and compiled when the policy is loaded; nothing is read or
compiled while traffic flows. A part of an API description that cannot be enforced is quarantined: its bodies are
treated as those of an unknown route, never passed without a word. A locked route that was learned from too little is
watched, not enforced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from clyra_proxy.exchange import Exchange
from clyra_proxy.schemalock.compile import CompiledSchema, compile_schema
from clyra_proxy.schemalock.dialect import to_2020_12
from clyra_proxy.schemalock.document import load_document
from clyra_proxy.schemalock.hostile import inspect_schema
from clyra_proxy.schemalock.learn import RouteKey
from clyra_proxy.schemalock.lock import SchemaLock, load_lock
from clyra_proxy.schemalock.lock_routes import LockIndex
from clyra_proxy.schemalock.media import Kind, Media
from clyra_proxy.schemalock.openapi import ApiDescription, load_openapi
from clyra_proxy.schemalock.selection import Outcome, select_request, select_response
from clyra_proxy.verdict.model import Phase
from clyra_proxy.verdict.reasons import Reason


class Bound(Protocol):
    """What binds a route's bodies to files; names are relative to the policy's folder (see policy's SchemaBinding)."""

    @property
    def request(self) -> str | None: ...
    @property
    def response(self) -> str | None: ...
    @property
    def events(self) -> Mapping[str, str]: ...
    @property
    def openapi(self) -> str | None: ...
    @property
    def lock(self) -> str | None: ...
    @property
    def rows(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """What applies to one body. schema: None for admission only. required: an empty body is a violation.

    refusal: the body is not wanted at all (undeclared media type, unknown operation). note: coverage says it.
    events: schemas of server-sent events by name; `schema` is that of all others.
    """

    schema: CompiledSchema | None = None
    required: bool = False
    refusal: Reason | None = None
    note: str = ""
    events: Mapping[str, CompiledSchema] = field(default_factory=dict)


ADMISSION_ONLY = Choice()
_WRONG_MEDIA = Choice(refusal=Reason.MEDIA_TYPE)
_UNKNOWN = Choice(refusal=Reason.SCHEMA_UNKNOWN_ROUTE)
_QUARANTINED = Choice(refusal=Reason.SCHEMA_UNKNOWN_ROUTE, note="quarantined")
_WATCHED_ONLY = Choice(note="lock_not_ready")
_WITHOUT_SCHEMA = {Outcome.UNKNOWN_ROUTE: _UNKNOWN, Outcome.UNKNOWN_MEDIA: _WRONG_MEDIA}
_ROW_KINDS = frozenset({Kind.NDJSON, Kind.CSV, Kind.FORM})


class SchemaPlan(Protocol):
    """The schemas of one route. Immutable; shared between exchanges."""

    def choose(self, exchange: Exchange, phase: Phase, media: Media) -> Choice:
        """What applies to this body."""
        ...

    def of_messages(self, *, from_client: bool) -> CompiledSchema | None:
        """What WebSocket messages of one side must look like; None when nothing is said of them."""
        ...

    def schemas(self) -> Mapping[str, CompiledSchema]:
        """Every schema by a name a person recognises."""
        ...


class DirectPlan:
    """Schemas named in the policy. rows: for the rows of NDJSON, CSV and form-encoded requests. events: by name, for
    server-sent events of which `response` is not to say what they look like."""

    def __init__(
        self,
        request: CompiledSchema | None = None,
        response: CompiledSchema | None = None,
        rows: CompiledSchema | None = None,
        events: Mapping[str, CompiledSchema] | None = None,
    ) -> None:
        self.request = request
        self.response = response
        self.rows = rows
        self.events = events or {}
        self._response = Choice(response, events=self.events)
        self._requests = {kind: self._request_choice(kind) for kind in Kind}

    def choose(self, exchange: Exchange, phase: Phase, media: Media) -> Choice:
        return self._requests[media.kind] if phase is Phase.REQUEST_BODY else self._response

    def of_messages(self, *, from_client: bool) -> CompiledSchema | None:
        return self.request if from_client else self.response

    def schemas(self) -> Mapping[str, CompiledSchema]:
        named = {"request": self.request, "response": self.response, "rows": self.rows}
        events = {f"event {name}": schema for name, schema in self.events.items()}
        return {name: schema for name, schema in named.items() if schema is not None} | events

    def _request_choice(self, kind: Kind) -> Choice:
        if kind in _ROW_KINDS and self.rows is not None:
            return Choice(self.rows, required=True)
        if self.request is None:
            return ADMISSION_ONLY
        if kind in (Kind.OTHER, Kind.NONE, Kind.CSV):
            return _WRONG_MEDIA  # a body that the schema cannot judge does not pass for that
        return Choice(self.request, required=True)


@dataclass(frozen=True, slots=True)
class DescribedPlan:
    """Schemas of an API description: the operation is found per exchange. compiled: by pointer into the document."""

    description: ApiDescription
    compiled: Mapping[tuple[str, str], CompiledSchema] = field(default_factory=dict)
    rows: CompiledSchema | None = None

    def choose(self, exchange: Exchange, phase: Phase, media: Media) -> Choice:
        method, path = exchange.request.method, exchange.request.path
        request = phase is Phase.REQUEST_BODY
        if request:
            found = select_request(self.description, method, path, media.essence)
            if self.rows is not None and media.kind in _ROW_KINDS and found.outcome is not Outcome.UNKNOWN_ROUTE:
                return Choice(self.rows, required=True)
        else:
            status = exchange.response.status if exchange.response else 0
            found = select_response(self.description, method, path, status, media.essence)
        if found.outcome is Outcome.SCHEMA and found.entry is not None and found.operation is not None:
            schema = self.compiled.get(("request" if request else "response", found.entry.pointer))
            body = found.operation.request
            return Choice(schema, required=request and body is not None and body.required)
        if found.outcome is Outcome.QUARANTINED:
            return _QUARANTINED
        return _WITHOUT_SCHEMA.get(found.outcome, ADMISSION_ONLY) if request else ADMISSION_ONLY

    def of_messages(self, *, from_client: bool) -> None:
        """OpenAPI describes the handshake, not what follows it."""
        return

    def schemas(self) -> Mapping[str, CompiledSchema]:
        found: dict[str, CompiledSchema] = {}
        for operation in self.description.operations:
            for place, entry in operation.entries():
                schema = self.compiled.get((place.partition(" ")[0], entry.pointer))
                if schema is not None:
                    found[f"{operation.method.upper()} {operation.path} {place} {entry.media}"] = schema
        return found


@dataclass(frozen=True, slots=True)
class LockedPlan:
    """Schemas of a lock file. compiled: of the routes that are ready to be enforced."""

    index: LockIndex
    compiled: Mapping[RouteKey, CompiledSchema] = field(default_factory=dict)
    rows: CompiledSchema | None = None

    def choose(self, exchange: Exchange, phase: Phase, media: Media) -> Choice:
        method, path = exchange.request.method, exchange.request.path
        request = phase is Phase.REQUEST_BODY
        if request and media.kind in _ROW_KINDS and self.rows is not None:
            return Choice(self.rows, required=True)
        status = "" if request or exchange.response is None else str(exchange.response.status)
        found = self.index.find(method, path, "request" if request else "response", status, media.essence)
        if found is None:
            return ADMISSION_ONLY if not request or self.index.knows(method, path) else _UNKNOWN
        schema = self.compiled.get(found.key)
        return _WATCHED_ONLY if schema is None else Choice(schema)

    def of_messages(self, *, from_client: bool) -> None:
        """Messages are not learned."""
        return

    def schemas(self) -> Mapping[str, CompiledSchema]:
        return {str(key): schema for key, schema in self.compiled.items()}


def bind(binding: Bound, base_dir: Path) -> SchemaPlan | None:
    """Read and compile what a route is bound to. Raises SchemaError, naming file and place.

    A description or schemas named beside a lock are what is enforced; the lock then only tells drift.
    """
    rows = _compile_file(base_dir, binding.rows) if binding.rows else None
    if binding.openapi:
        description = load_openapi(base_dir / binding.openapi, name=binding.openapi)
        return DescribedPlan(description, _compile_operations(description), rows)
    request = _compile_file(base_dir, binding.request) if binding.request else None
    response = _compile_file(base_dir, binding.response) if binding.response else None
    if request is None and response is None and binding.lock:
        return _locked(load_lock(base_dir / binding.lock, name=binding.lock), rows)
    if request is None and response is None and rows is None:
        return None
    events = {event: _compile_file(base_dir, name) for event, name in binding.events.items()}
    return DirectPlan(request, response, rows, events)


def _locked(lock: SchemaLock, rows: CompiledSchema | None) -> LockedPlan:
    compiled = {
        route.key: compile_schema(route.schema, source=f"{lock.name} ({route.key})")
        for route in lock.routes
        if route.ready
    }
    return LockedPlan(LockIndex(lock), compiled, rows)


def _compile_file(base_dir: Path, name: str) -> CompiledSchema:
    schema = to_2020_12(load_document(base_dir / name, name=name).value, source=name)
    inspect_schema(schema, source=name)
    return compile_schema(schema, source=name)


def _compile_operations(description: ApiDescription) -> dict[tuple[str, str], CompiledSchema]:
    compiled: dict[tuple[str, str], CompiledSchema] = {}
    for operation in description.operations:
        for place, entry in operation.entries():
            key = (place.partition(" ")[0], entry.pointer)
            if entry.schema is not None and entry.fault is None and key not in compiled:
                source = f"{description.document.name}#{entry.pointer}"
                compiled[key] = compile_schema(entry.schema, source=source)
    return compiled
