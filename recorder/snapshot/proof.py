"""Showing that one row was in a snapshot, and checking it, with the row and its own salt and nothing of the others.

The proof is DEF-JSON `def-row-proof/0`: columns, the row's texts, its salt, its place among the sorted commitments and
the audit path of RFC 6962 to `rows_root`. It holds the row in the clear; it is for whoever may see it.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from recorder import canonical
from recorder.merkle import Frontier, ProofError, leaf_hash, verify_inclusion
from recorder.snapshot.row import TYPES, Column, RowError, commit, commitment_of, row_bytes, schema_digest

VERSION = "def-row-proof/0"
_HEX64 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SCHEMA = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["v", "rows_root", "row_count", "index", "schema", "row", "row_salt", "proof"],
        "properties": {
            "v": {"const": VERSION},
            "rows_root": _HEX64,
            "row_count": {"type": "integer", "minimum": 1},
            "index": {"type": "integer", "minimum": 0},
            "schema": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name", "type"],
                    "properties": {"name": {"type": "string"}, "type": {"enum": list(TYPES)}},
                },
            },
            "row": {"type": "array", "items": {"type": ["string", "null"]}},
            "row_salt": _HEX64,
            "proof": {"type": "array", "maxItems": 64, "items": _HEX64},
        },
    }
)


@dataclass(frozen=True, slots=True)
class RowProof:
    """One row and its way to the root."""

    columns: tuple[Column, ...]
    texts: tuple[str | None, ...]
    row_salt: bytes
    index: int
    rows: int
    path: tuple[bytes, ...]
    root: bytes

    def check(self) -> None:
        """Whether the row is in the snapshot of that root and number of rows. Raises RowError when it is not."""
        leaf = leaf_hash(commitment_of(self.row_salt, row_bytes(self.columns, self.texts)))
        try:
            verify_inclusion(leaf, self.index, self.rows, self.path, self.root)
        except ProofError as error:
            raise RowError("The row is not proven to be in the snapshot.", f"{error}.") from None

    def check_against(self, data: Mapping[str, Any]) -> None:
        """Whether the proof is about the snapshot of a `def.snapshot` record. Raises RowError."""
        said = (data.get("rows_root"), data.get("row_count"), data.get("schema_sha256"), data.get("c14n"))
        if said != (self.root.hex(), self.rows, schema_digest(self.columns), "row/0"):
            raise RowError("The proof is about another snapshot than the record.")

    def to_bytes(self) -> bytes:
        document = {
            "v": VERSION,
            "rows_root": self.root.hex(),
            "row_count": self.rows,
            "index": self.index,
            "schema": [{"name": column.name, "type": column.kind} for column in self.columns],
            "row": list(self.texts),
            "row_salt": self.row_salt.hex(),
            "proof": [node.hex() for node in self.path],
        }
        try:
            return canonical.encode(document, canonical.MAX_BYTES)
        except canonical.CanonicalError as error:
            raise RowError("The row is too long for a proof file.", f"{error.detail}.") from None

    @classmethod
    def parse(cls, raw: bytes) -> RowProof:
        """Read a proof strictly; one newline may follow. Raises RowError."""
        try:
            found = canonical.check(raw.removesuffix(b"\n"))
        except canonical.CanonicalError as error:
            raise RowError("This is not a row proof.", f"{error.detail}.") from None
        if not _SCHEMA.is_valid(found):
            raise RowError("This is not a row proof.", "Its fields are not those of def-row-proof/0.")
        return cls(
            tuple(Column(item["name"], item["type"]) for item in found["schema"]),
            tuple(found["row"]),
            bytes.fromhex(found["row_salt"]),
            found["index"],
            found["row_count"],
            tuple(bytes.fromhex(node) for node in found["proof"]),
            bytes.fromhex(found["rows_root"]),
        )


def prove(leaves: Path, columns: Sequence[Column], texts: Sequence[str | None], table_salt: bytes) -> RowProof:
    """The proof of one row. leaves: the file of all commitments that taking the snapshot wrote. Raises RowError."""
    committed = commit(table_salt, row_bytes(columns, texts))
    try:
        size = leaves.stat().st_size
    except OSError as error:
        raise RowError(f"Cannot read {leaves}.", f"The system says: {error.strerror}.", "Check the path.") from None
    if size == 0 or size % 32:
        raise RowError(f"{leaves} is not a file of commitments.")
    with leaves.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        count = size // 32
        index = _find(mapped, count, committed.commitment)
        if index is None:
            raise RowError("That row is not in the snapshot.", "", "Check its values, the columns and the salt.")
        path = _path(mapped, index, count)
        root = _root(mapped, 0, count)
    return RowProof(tuple(columns), tuple(texts), committed.salt, index, count, tuple(path), root)


def _find(mapped: mmap.mmap, count: int, wanted: bytes) -> int | None:
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if mapped[32 * middle : 32 * middle + 32] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < count and mapped[32 * low : 32 * low + 32] == wanted else None


def _path(mapped: mmap.mmap, index: int, count: int) -> list[bytes]:
    path: list[bytes] = []
    start, end = 0, count
    while end - start > 1:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < middle:
            path.append(_root(mapped, middle, end))
            end = middle
        else:
            path.append(_root(mapped, start, middle))
            start = middle
    return path[::-1]


def _root(mapped: mmap.mmap, start: int, end: int) -> bytes:
    frontier = Frontier()
    for at in range(start, end):
        frontier.append(leaf_hash(mapped[32 * at : 32 * at + 32]))
    return frontier.root()
