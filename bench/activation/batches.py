"""The mix: four destinations' batches of 100 rows each, and the limits they are held to.

Rule: no two requests of a run are the same (`MARK` becomes the number of the request), or the idempotency check would
answer from what it remembers. One request of SHARE has a bad row, which is taken out, kept in the quarantine and told
to the sender; all others are clean, so that what is measured is looking more than refusing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROWS = 100
SHARE = 13
MARK = "@@@@@@@@@@@@"
LIMIT = 1 << 50
PATHS = {
    "hubspot": "/crm/v3/objects/contacts/batch/upsert",
    "salesforce": "/services/data/v59.0/composite/sobjects",
    "braze": "/users/track",
    "generic-json": "/v1/rows",
}


def person(number: int) -> dict[str, Any]:
    """The fields of one row, about 200 bytes."""
    return {
        "email": f"u{MARK}-{number}@mail.example",
        "first_name": f"Name{number}",
        "last_name": "Muster",
        "city": ("Berlin", "Lyon", "Porto", "Austin")[number % 4],
        "score": number * 7 % 101,
        "active": number % 3 != 0,
        "plan": ("free", "team", "firm")[number % 3],
        "tenant": "acme",
    }


def write_mix(folder: Path) -> list[tuple[str, Path]]:
    """Files with the bodies; paths and files as the load generator takes them."""
    people = [person(number) for number in range(ROWS)]
    attributes = {"attributes": {"type": "Contact"}}
    bodies: Mapping[str, Any] = {
        "hubspot": {"inputs": [{"idProperty": "email", "id": one["email"], "properties": one} for one in people]},
        "salesforce": {
            "allOrNone": False,
            "records": [{**attributes, "External_Id__c": one["email"], **one} for one in people],
        },
        "braze": {
            "attributes": [{"external_id": one["email"], **one} for one in people[:50]],
            "events": [
                {"external_id": one["email"], "name": "seen", "time": "2026-11-22T10:00:00Z", "properties": one}
                for one in people[50:]
            ],
        },
        "generic-json": [{"id": one["email"], **one} for one in people],
    }
    mix = []
    for name, document in bodies.items():
        file = folder / f"{name}.json"
        file.write_text(json.dumps(document, separators=(",", ":")))
        mix.append((PATHS[name], file))
    rows = [dict(row) for row in bodies["generic-json"]]
    rows[ROWS // 2]["score"] = -1
    bad = folder / "bad.json"
    bad.write_text(json.dumps(rows, separators=(",", ":")))
    return [*(SHARE // len(mix)) * mix, (PATHS["generic-json"], bad)]


def sections(folder: Path) -> dict[str, Any]:
    """Policy sections with every primitive on, and limits that nothing reaches."""
    schema = folder / "row.json"
    schema.write_text(json.dumps({"type": "object", "properties": {"score": {"type": "integer", "minimum": 0}}}))
    rule = {
        "name": "people",
        "per_request": 1000,
        "per_run": LIMIT,
        "windows": [{"rows": LIMIT}],
        "table_rows": LIMIT,
        "share": 0.5,
        "deletes": {"per_request": 10, "per_run": 1000},
        "nulls": {"enabled": True},
        "fields": {"deny": ["ssn", "password*"]},
        "row_schema": str(schema),
        "distribution": {"enabled": True},
        "tenant": {"field": "tenant", "tenants": ["acme"], "missing": "allow"},
        "velocity": {"rows_per_s": 1e8},
        "idempotency": {"enabled": True},
        "hours": {"open": [{"start": "00:00", "end": "24:00"}]},
    }
    rules = [{"name": name, "paths": [path], "activation": name} for name, path in PATHS.items()]
    return {
        "data_platform": {"activation": {"rows": {"rules": [rule]}}},
        "destinations": {"local": {"rules": rules}},
    }
