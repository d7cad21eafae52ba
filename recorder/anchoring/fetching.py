"""Fetching anchors back, for whoever verifies: from a repository, a store, a folder, a table, or a row already read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from recorder.anchoring import folder
from recorder.anchoring.errors import AnchorError, AnchorSettingsError
from recorder.anchoring.git import Repository
from recorder.anchoring.objects import Bucket
from recorder.anchoring.placed import Receipt
from recorder.anchoring.warehouse import TABLE, Postgres, receipt_of_row

_MAX_ROW = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where to fetch from. source: `git:PATH`, `s3://...`, `folder:PATH`, a PostgreSQL URL, or `row:FILE`."""

    source: str
    branch: str = "clyra-anchors"
    remote: str = ""
    endpoint: str = ""
    region: str = ""
    table: str = TABLE
    location: str = ""


def fetch(place: Place, origin: str, size: int | None) -> Receipt:
    """The receipt of a placed checkpoint, the newest when `size` is None. Raises AnchorError, AnchorSettingsError."""
    scheme, _, rest = place.source.partition(":")
    if scheme == "git":
        return Repository(Path(rest), place.branch, place.remote).fetch(origin, size)
    if scheme == "s3":
        return Bucket(place.source, place.endpoint, place.region).fetch(origin, size)
    if scheme == "folder":
        return folder.fetch(Path(rest), origin, size)
    if scheme in ("postgresql", "postgres"):
        return Postgres(place.source, place.table).fetch(origin, size)
    if scheme == "row":
        return _row(Path(rest), place.location, origin, size)
    raise AnchorSettingsError(
        f"Unknown source: {place.source.partition('?')[0][:60]}", "", "See clyra anchor fetch --help."
    )


def _row(path: Path, location: str, origin: str, size: int | None) -> Receipt:
    """A row as a warehouse's own client prints it: a JSON object, or a list whose first entry counts."""
    if not location:
        raise AnchorSettingsError(
            "Say where the row was read.", "", "Give --location, e.g. snowflake:account/db.table."
        )
    try:
        found = json.loads(path.read_bytes()[:_MAX_ROW])
    except OSError as error:
        raise AnchorError(f"Cannot read {path}.", f"The system says: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise AnchorError(f"{path} is not JSON.") from None
    row = found[0] if isinstance(found, list) and found else found
    if not isinstance(row, dict):
        raise AnchorError(f"{path} holds no row.")
    receipt = receipt_of_row({str(name).lower(): value for name, value in row.items()}, location)
    if receipt.origin != origin or size not in (None, receipt.size):
        raise AnchorError(f"The row is of {receipt.origin} at size {receipt.size}.")
    return receipt
