"""The demo's made-up data: contacts as a reverse-ETL tool sends them, and what goes wrong with them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

CONTACT_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "email", "country", "consent"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "email": {"type": "string", "maxLength": 200, "pattern": "^[^@]+@[^@]+$"},
            "name": {"type": "string", "maxLength": 200},
            "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
            "consent": {"type": "boolean"},
            "note": {"type": "string", "maxLength": 400},
        },
    },
}
"""What the CRM accepts: an array of contacts. Every record can be judged alone, so the array streams."""

CLEAN_ROWS = 1000
LARGE_BATCH_BYTES = 50_000_000
BOMB_BYTES = 200_000_000


def contact(number: int) -> bytes:
    """One valid contact, about 250 bytes."""
    return json.dumps(
        {
            "id": number,
            "email": f"contact{number}@example.com",
            "name": f"Contact Number {number}",
            "country": "DE",
            "consent": True,
            "note": "Met at the spring fair; prefers to be called in the afternoon, and not at all in August.",
        }
    ).encode()


def write_clean_batch(path: Path) -> int:
    """`CLEAN_ROWS` valid contacts; returns the size in bytes."""
    return path.write_bytes(b"[" + b",".join(contact(number) for number in range(1, CLEAN_ROWS + 1)) + b"]")


def write_large_batch(path: Path) -> tuple[int, int]:
    """About 50 MB of contacts, valid but for one in the middle whose consent is a text; returns (size, its row)."""
    rows = LARGE_BATCH_BYTES // len(contact(100_000))
    bad = rows // 2
    with path.open("wb") as file:
        file.write(b"[")
        for number in range(1, rows + 1):
            row = contact(number)
            file.write(row.replace(b'"consent": true', b'"consent": "yes"') if number == bad else row)
            file.write(b"," if number < rows else b"]")
    return path.stat().st_size, bad


def write_duplicate_key(path: Path) -> None:
    """A contact that says no and then yes: parsers disagree about which one counts."""
    path.write_bytes(b'[{"id":1,"email":"a@example.com","country":"DE","consent":false,"consent":true}]')


def write_bomb(path: Path) -> int:
    """A small gzip file that opens into `BOMB_BYTES` of JSON; returns its size."""
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b"[")
        block = b"0," * 500_000
        for _ in range(BOMB_BYTES // len(block)):
            file.write(block)
        file.write(b"0]")
    return path.stat().st_size
