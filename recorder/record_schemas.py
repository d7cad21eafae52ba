"""The composed schema of every record type as one file each, for readers that are not written in Python.

`python -m recorder.record_schemas FOLDER` writes them; `recorder/schemas/composed` holds the current ones, and sealing
puts those of the types that occur into a bundle. They use only the keywords below, and patterns that mean the same in
RE2, in JavaScript with the u flag, in Rust and in Python, so that a verifier can interpret them in a few lines.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import orjson

from recorder import record

KEYWORDS = frozenset(
    (
        "type",
        "properties",
        "required",
        "additionalProperties",
        "enum",
        "const",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "items",
        "minItems",
        "maxItems",
        "allOf",
        "anyOf",
        "if",
        "then",
        "else",
    )
)
"""Every keyword that says something about a value. Lengths of strings count code points (JSON Schema 2020-12, 6.3)."""
ANNOTATIONS = frozenset(("$schema", "title"))
ENVELOPE = "envelope"


def composed(name: str) -> bytes:
    """The file of one record type, or of `envelope`, which every record satisfies whatever its type."""
    schema: Mapping[str, object] = record.envelope_schema() if name == ENVELOPE else record.schema_of(name)
    return orjson.dumps(schema, option=orjson.OPT_SORT_KEYS) + b"\n"


def packaged(name: str) -> bytes:
    """The same file as this version ships it."""
    return (resources.files("recorder") / "schemas" / "composed" / f"{name}.json").read_bytes()


def write_all(folder: Path) -> None:
    """Write every composed schema into `folder`, and remove those of types that are gone. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    names = (*record.TYPES, ENVELOPE)
    for stale in folder.glob("*.json"):
        if stale.stem not in names:
            stale.unlink()
    for name in names:
        (folder / f"{name}.json").write_bytes(composed(name))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m recorder.record_schemas FOLDER")
    write_all(Path(sys.argv[1]))
