"""Load an OpenAPI 3.0 or 3.1 document: which operations it declares, which schema each of their bodies must satisfy.

Guarantees: a document that is not OpenAPI 3 is refused; one bad schema never costs the rest, the body that needs it is
quarantined with its place, cause and way out, and says so when it is selected instead of passing unchecked; every
schema that is handed out has been compiled. Callbacks and webhooks travel the other way and are not operations here.
References: OpenAPI 3.0.4, OpenAPI 3.1.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs

from clyra_proxy.errors import SchemaError
from clyra_proxy.json_pointer import escape, pointer_of
from clyra_proxy.schemalock import regex
from clyra_proxy.schemalock.document import Document, load_document
from clyra_proxy.schemalock.openapi_convert import SchemaFault
from clyra_proxy.schemalock.openapi_schema import Direction, SchemaSet
from clyra_proxy.schemalock.router import AmbiguousPath, Router
from clyra_proxy.schemalock.vocabulary import Schema

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True, slots=True)
class MediaEntry:
    """One media type of one body. media: lower case, may hold `*`. schema: None when the document gives none.

    pointer: into the document. fault: why the schema cannot be used; the entry is then quarantined.
    """

    media: str
    pointer: str
    schema: Schema | None
    fault: SchemaFault | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What a request, or a response of one status, may carry. fault: the whole body could not be read."""

    entries: tuple[MediaEntry, ...]
    required: bool = False
    fault: SchemaFault | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path template. responses: by status key (`200`, `2XX`, `default`)."""

    id: str
    method: str
    path: str
    pointer: str
    request: Body | None
    responses: dict[str, Body]

    def response(self, status: int) -> Body | None:
        """The declared response for a status: exact, then its range, then `default` (OpenAPI 3.1.1 section 4.8.16)."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if (body := self.responses.get(key)) is not None:
                return body
        return None

    def entries(self) -> Iterator[tuple[str, MediaEntry]]:
        """Every entry with the place it holds: `request`, or `response 200`."""
        for entry in self.request.entries if self.request else ():
            yield "request", entry
        for status, body in self.responses.items():
            for entry in body.entries:
                yield f"response {status}", entry


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A part of the document that cannot be enforced."""

    operation: str
    part: str
    pointer: str
    why: str
    todo: str


@dataclass(frozen=True)
class ApiDescription:
    """A loaded document. notes: places that were repaired on load, as (pointer, what)."""

    document: Document
    operations: tuple[Operation, ...]
    quarantined: tuple[Quarantined, ...]
    notes: tuple[tuple[str, str], ...]
    router: Router[Operation]
    sets: dict[Direction, SchemaSet] = field(repr=False, default_factory=dict)

    def where(self, entry: MediaEntry, direction: Direction, pointer: str) -> str:
        """`file:line` of a place in an entry's schema."""
        return self.document.where(self.sets[direction].place_of(pointer, entry.pointer))

    def find(self, method: str, path: str) -> Operation | None:
        return self.router.find(method, path)


def load_openapi(
    path: Path, *, name: str = "", base_paths: Iterable[str] = (), backtracking: bool = False
) -> ApiDescription:
    """Read an OpenAPI file. Raises SchemaError when it is not one; see `read_openapi`."""
    return read_openapi(load_document(path, name=name), base_paths=base_paths, backtracking=backtracking)


def read_openapi(document: Document, *, base_paths: Iterable[str] = (), backtracking: bool = False) -> ApiDescription:
    """Make an ApiDescription. base_paths: overrides the path part of `servers`. Raises SchemaError."""
    value = document.value
    version = value.get("openapi") if isinstance(value, dict) else None
    if not isinstance(version, str) or not version.startswith(("3.0", "3.1")):
        said = f"it says openapi {version!r}" if version else "it has no `openapi` member"
        raise SchemaError(
            f"{document.name} is not an OpenAPI 3.0 or 3.1 document", f"{said}.", "Convert it to OpenAPI 3.1."
        )
    if not isinstance(value.get("paths", {}), dict):
        raise SchemaError(f"{document.where('/paths')}: `paths` is not an object", "", "Correct the document.")
    return _Reading(document, version.startswith("3.0"), tuple(base_paths), backtracking).read()


class _Reading:
    """State of one load."""

    def __init__(self, document: Document, legacy: bool, base_paths: tuple[str, ...], backtracking: bool) -> None:
        self.document = document
        self.base_paths = base_paths
        self.options = regex.BACKTRACKING if backtracking else regex.LINEAR
        self.sets = {way: SchemaSet(document.value, way, legacy, backtracking) for way in Direction}
        self.compiled: dict[tuple[Direction, str], tuple[Schema | None, SchemaFault | None]] = {}
        self.quarantined: list[Quarantined] = []

    def read(self) -> ApiDescription:
        root = self.document.value
        router: Router[Operation] = Router(self.base_paths or _bases(root.get("servers")) or ("",))
        operations: list[Operation] = []
        for path, item in (root.get("paths") or {}).items():
            where = f"/paths/{escape(path)}"
            try:
                item, where = self._resolve(item, where)
                self._item(router, operations, path, item, where)
            except SchemaFault as fault:
                self._quarantine(f"* {path}", "path", fault)
        for operation in operations:
            for part, entry in operation.entries():
                if entry.fault:
                    self._quarantine(operation.id, f"{part} {entry.media}", entry.fault)
        notes = tuple(dict.fromkeys(note for one in self.sets.values() for note in one.notes))
        return ApiDescription(self.document, tuple(operations), tuple(self.quarantined), notes, router, self.sets)

    def _item(self, router: Router[Operation], operations: list[Operation], path: str, item: Any, where: str) -> None:
        if "?" in path or not path.startswith("/"):
            raise SchemaFault(where, "a path template starts with / and has no query", "Merge it into its path.")
        for method in METHODS:
            if method not in item:
                continue
            operation = self._operation(method, path, item[method], f"{where}/{method}")
            own = () if self.base_paths else _bases(item[method].get("servers")) or _bases(item.get("servers"))
            try:
                clash = router.add(method, path, operation, own or None)
            except AmbiguousPath as error:
                raise SchemaFault(where, f"the path template cannot be matched safely: {error}") from None
            if clash is not None:
                why = f"{method.upper()} {path} matches the same requests as {clash.id}"
                self._quarantine(operation.id, "path", SchemaFault(operation.pointer, why, "Keep one of the two."))
            operations.append(operation)

    def _operation(self, method: str, path: str, raw: Any, pointer: str) -> Operation:
        if not isinstance(raw, dict):
            raise SchemaFault(pointer, "an operation is an object")
        name = f"{method.upper()} {path}"
        request = None
        if "requestBody" in raw:
            request = self._body(raw["requestBody"], f"{pointer}/requestBody", Direction.REQUEST, name, "request")
        responses: dict[str, Body] = {}
        for status, response in (raw.get("responses") or {}).items():
            key = str(status).upper() if str(status)[:1].isdigit() else str(status)
            where = f"{pointer}/responses/{escape(str(status))}"
            responses[key] = self._body(response, where, Direction.RESPONSE, name, f"response {key}")
        return Operation(name, method.upper(), path, pointer, request, responses)

    def _body(self, raw: Any, pointer: str, way: Direction, operation: str, part: str) -> Body:
        try:
            raw, pointer = self._resolve(raw, pointer)
            content = raw.get("content") or {}
            entries = tuple(
                self._entry(str(media), value, f"{pointer}/content/{escape(str(media))}", way)
                for media, value in content.items()
            )
            return Body(entries, raw.get("required") is True)
        except SchemaFault as fault:
            self._quarantine(operation, part, fault)
            return Body((), fault=fault)

    def _entry(self, media: str, raw: Any, pointer: str, way: Direction) -> MediaEntry:
        media = media.partition(";")[0].strip().lower()
        if not isinstance(raw, dict) or "schema" not in raw:
            return MediaEntry(media, pointer, None)
        pointer += "/schema"
        key = (way, pointer)
        if key not in self.compiled:
            self.compiled[key] = self._compile(pointer, way)
        schema, fault = self.compiled[key]
        return MediaEntry(media, pointer, schema, fault)

    def _compile(self, pointer: str, way: Direction) -> tuple[Schema | None, SchemaFault | None]:
        try:
            schema = self.sets[way].schema_at(pointer)
        except SchemaFault as fault:
            return None, fault
        try:
            jsonschema_rs.validator_for(schema, offline=True, mask="...", pattern_options=self.options)
        except jsonschema_rs.ValidationError as error:
            inside = pointer_of(error.instance_path)
            place = self.sets[way].place_of(inside, pointer)
            return None, SchemaFault(place, f"not a valid schema: {str(error.message).partition(chr(10))[0][:200]}")
        except (jsonschema_rs.ReferencingError, ValueError) as error:
            return None, SchemaFault(pointer, f"it does not compile: {str(error)[:200]}")
        return schema, None

    def _resolve(self, raw: Any, pointer: str) -> tuple[Any, str]:
        """Follow `$ref` of a path item, request body or response. Raises SchemaFault."""
        for _ in range(16):
            if not isinstance(raw, dict):
                raise SchemaFault(pointer, "an object is expected")
            if "$ref" not in raw:
                return raw, pointer
            pointer = self.sets[Direction.REQUEST].target(raw["$ref"], pointer)
            raw = self.sets[Direction.REQUEST].lookup(pointer)
        raise SchemaFault(pointer, "a chain of references that does not end")

    def _quarantine(self, operation: str, part: str, fault: SchemaFault) -> None:
        self.quarantined.append(Quarantined(operation, part, fault.pointer, fault.why, fault.todo))


def _bases(servers: Any) -> tuple[str, ...]:
    """Path parts of server URLs with every enumerated value of their variables (the default where there is no enum)."""
    found: list[str] = []
    for server in servers if isinstance(servers, list) else ():
        if not isinstance(server, dict) or not isinstance(server.get("url"), str):
            continue
        urls = [server["url"]]
        for name, variable in (server.get("variables") or {}).items():
            values = variable.get("enum") or [variable.get("default", "")] if isinstance(variable, dict) else [""]
            urls = [url.replace(f"{{{name}}}", str(value)) for url in urls for value in values][:64]
        found.extend(urls)
    return tuple(dict.fromkeys(found))
