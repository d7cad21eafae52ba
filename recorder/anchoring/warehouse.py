"""Writing checkpoints into a table of the customer's warehouse, and reading them back.

The table `clyra_anchor(origin, size, root, note, tsr, written_at)` belongs to an owner who is not the recorder's: the
recorder's role may insert and read, nothing else. `written_at` is the database's clock. Postgres is written directly
(extra `warehouse`); for Snowflake and BigQuery the same statements are printed for the client at hand.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from recorder.anchoring.errors import AnchorError, AnchorSettingsError, ContradictionError
from recorder.anchoring.placed import Placed, Receipt, Tip, read_tip, receipt_of

if TYPE_CHECKING:
    import psycopg

TABLE = "clyra_anchor"
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62}){0,2}")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A table in PostgreSQL or a database that speaks its protocol. dsn: libpq connection string; it may be secret."""

    dsn: str
    table: str = TABLE
    timeout_s: float = 10.0

    def drop(self, tip: Tip, token: bytes = b"") -> Placed:
        """Insert the tip. token: a time stamp response over it. Raises AnchorError, ContradictionError."""
        with connect(self.dsn, self.timeout_s) as run:
            table = _checked(self.table)
            inserted = run.execute(
                f"INSERT INTO {table}(origin, size, root, note, tsr) VALUES (%s, %s, %s, %s, %s) "  # noqa: S608
                "ON CONFLICT (origin, size) DO NOTHING",
                (tip.origin, tip.size, tip.root.hex(), tip.raw.decode(), token or None),
            ).rowcount
            newest = run.execute(f"SELECT max(size) FROM {table} WHERE origin = %s", (tip.origin,)).fetchone()  # noqa: S608
            if newest is not None and newest[0] is not None and newest[0] > tip.size:
                raise ContradictionError(
                    f"The warehouse has this log at size {newest[0]}; it now ends at {tip.size}.",
                    "The log was rolled back, or it has two histories.",
                    "Do not go on: find out who restored or rewrote it.",
                )
            receipt = self._receipt(run, tip.origin, tip.size)
            if receipt.root != tip.root:
                raise ContradictionError(
                    f"The warehouse has another root at size {tip.size}.", "The log has two histories."
                )
            version = receipt.version if inserted else ""
        return Placed("warehouse", receipt.to_bytes(), int(time.time()), receipt.location, version)

    def fetch(self, origin: str, size: int | None) -> Receipt:
        """The receipt of a stored row, the newest when `size` is None. Raises AnchorError."""
        with connect(self.dsn, self.timeout_s) as run:
            return self._receipt(run, origin, size)

    def _receipt(self, run: psycopg.Connection[Any], origin: str, size: int | None) -> Receipt:
        row = run.execute(
            f"SELECT size, root, written_at, current_database(), note FROM {_checked(self.table)} "  # noqa: S608
            "WHERE origin = %s AND (%s::bigint IS NULL OR size = %s) ORDER BY size DESC LIMIT 1",
            (origin, size, size),
        ).fetchone()
        if row is None:
            raise AnchorError(f"The table {self.table} has no such checkpoint of {origin}.")
        return receipt_of_row(
            {"origin": origin, "size": row[0], "root": row[1], "note": row[4]},
            f"postgresql:{row[3]}/{self.table}",
            row[2].astimezone(UTC),
        )


def receipt_of_row(row: dict[str, Any], location: str, written: datetime | None = None) -> Receipt:
    """The receipt of a fetched row, whatever the warehouse. Raises AnchorError.

    row: at least `origin`, `size`, `root` (hex); `note` is held against them where it is there.
    """
    try:
        origin, size, root = str(row["origin"]), int(row["size"]), bytes.fromhex(str(row["root"]))
    except (KeyError, TypeError, ValueError):
        raise AnchorError("The row has not the columns origin, size and root.") from None
    if row.get("note"):
        tip = read_tip(str(row["note"]).encode(), origin)
        if (tip.size, tip.root) != (size, root):
            raise AnchorError(f"The row of size {size} disagrees with the checkpoint stored in it.")
    at_us = round(written.timestamp() * 1_000_000) if written else None
    found = receipt_of("warehouse", Tip(origin, size, root, b"", b""), location, at_us=at_us)
    return Receipt.parse(found.to_bytes())


@contextmanager
def connect(dsn: str, timeout_s: float) -> Iterator[psycopg.Connection[Any]]:
    """One transaction. Raises AnchorError; the message never shows the connection string."""
    try:
        import psycopg
    except ImportError:
        raise AnchorError(
            "The PostgreSQL client is not installed.", "", "Install the extra: pip install 'clyra[warehouse]'."
        ) from None
    milliseconds = int(timeout_s * 1000)
    try:
        with psycopg.connect(
            dsn,
            connect_timeout=max(2, int(timeout_s)),
            tcp_user_timeout=milliseconds,
            options=f"-c statement_timeout={milliseconds}",
        ) as connection:
            yield connection
    except psycopg.Error as error:
        said = str(error).strip().partition("\n")[0][:200]
        raise AnchorError("The warehouse could not be used.", f"It says: {said}.") from None


def _checked(table: str) -> str:
    if IDENTIFIER.fullmatch(table) is None:
        raise AnchorSettingsError(f"Not a table name: {table}", "", "Write schema.table with plain identifiers.")
    return table
