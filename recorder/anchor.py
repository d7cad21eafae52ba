"""Where a log's root was written down outside of it: a row in somebody's table, a commit, an object that is locked.

A `def-anchor/0` file says which root which tree had, and where that is written. It proves what its reader fetched by
himself from there; a copy that travels with the bundle proves nothing, because the bundle's holder could have made it.
"""

from __future__ import annotations

from dataclasses import dataclass

import jsonschema_rs

from recorder import canonical

VERSION = "def-anchor/0"
_SCHEMA = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["v", "kind", "origin", "size", "root", "location"],
        "properties": {
            "v": {"const": VERSION},
            "kind": {"enum": ["warehouse", "git", "object"]},
            "origin": {"type": "string", "minLength": 1, "maxLength": 200},
            "size": {"type": "integer", "minimum": 1},
            "root": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "location": {"type": "string", "maxLength": 1024},
            "version": {"type": "string", "maxLength": 256},
            "written_at": {"type": "string", "maxLength": 64},
        },
    }
)


class AnchorError(ValueError):
    """Not a `def-anchor/0` file."""


@dataclass(frozen=True, slots=True)
class PlacedRoot:
    """One root as it is written down somewhere."""

    kind: str
    origin: str
    size: int
    root: bytes
    location: str


def parse(raw: bytes) -> PlacedRoot:
    """Read a def-anchor file strictly; one newline may follow. Raises AnchorError."""
    try:
        document = canonical.check(raw.removesuffix(b"\n"))
    except canonical.CanonicalError as error:
        raise AnchorError(error.detail) from None
    if not _SCHEMA.is_valid(document):
        raise AnchorError("it does not satisfy its schema")
    return PlacedRoot(
        document["kind"], document["origin"], document["size"], bytes.fromhex(document["root"]), document["location"]
    )
