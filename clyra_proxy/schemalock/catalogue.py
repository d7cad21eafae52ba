"""The schemas in any file a person may name: a JSON Schema, an OpenAPI document or a schema lock.

Rule: every schema comes with a name a person recognises and with the place it stands at, so that commands treat all
kinds of file alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock import lock as schema_lock
from clyra_proxy.schemalock.dialect import to_2020_12
from clyra_proxy.schemalock.document import Document, load_document
from clyra_proxy.schemalock.hostile import SchemaWarning, inspect_schema
from clyra_proxy.schemalock.openapi import ApiDescription, Quarantined, read_openapi
from clyra_proxy.schemalock.openapi_schema import Direction
from clyra_proxy.schemalock.vocabulary import Schema


@dataclass(frozen=True, slots=True)
class Named:
    """One schema. name: "" when the file is nothing but this schema. direction: `request`, `response` or "".

    operation: method and path it belongs to, or "". where: `file:line` for a pointer into the schema.
    """

    name: str
    direction: str
    schema: Schema
    where: Callable[[str], str]
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A file's schemas. kind: `schema`, `openapi`, `lock` or `policy`."""

    file: str
    kind: str
    schemas: tuple[Named, ...]
    quarantined: tuple[Quarantined, ...] = ()
    warnings: tuple[SchemaWarning, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


def open_catalogue(path: Path, *, backtracking: bool = False) -> Catalogue:
    """Read a file of any of the kinds. Raises SchemaError."""
    document = load_document(path)
    value = document.value
    if isinstance(value, dict) and ("openapi" in value or "swagger" in value):
        api = read_openapi(document, backtracking=backtracking)
        return Catalogue(str(path), "openapi", tuple(_operations(api)), api.quarantined, notes=api.notes)
    if isinstance(value, dict) and value.get("format") == schema_lock.FORMAT:
        return Catalogue(str(path), "lock", tuple(_locked(path, document)))
    if not isinstance(value, dict | bool) or (isinstance(value, dict) and "destinations" in value):
        raise SchemaError(
            f"{path} holds no schema", "It is something else.", "Name a JSON Schema, an API description or a lock."
        )
    value = to_2020_12(value, source=str(path))
    warnings = inspect_schema(value, source=str(path), backtracking=backtracking)
    return Catalogue(str(path), "schema", (Named("", "", value, document.where),), warnings=warnings)


def _operations(api: ApiDescription) -> Iterator[Named]:
    for operation in api.operations:
        for part, entry in operation.entries():
            if entry.schema is not None:
                direction = Direction(part.partition(" ")[0])
                where = partial(api.where, entry, direction)
                yield Named(f"{operation.id} {part} {entry.media}", direction.value, entry.schema, where, operation.id)


def _locked(path: Path, document: Document) -> Iterator[Named]:
    for index, route in enumerate(schema_lock.load_lock(path).routes):
        prefix = f"/routes/{index}/schema"
        where = partial(_inside, document, prefix)
        yield Named(str(route.key), route.key.direction, route.schema, where, f"{route.key.method} {route.key.path}")


def _inside(document: Document, prefix: str, pointer: str) -> str:
    return document.where(prefix + pointer)
