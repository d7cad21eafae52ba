"""Taking a snapshot of a PostgreSQL table: one read-only transaction, commitments computed by the server.

The transaction is REPEATABLE READ, so that all rows are those of one moment; its snapshot and WAL position name that
moment in `snapshot_id`. Rows are never fetched, only 32 bytes for each.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from recorder import record
from recorder.anchoring.warehouse import IDENTIFIER, connect
from recorder.snapshot.row import Column, RowError, root_of_rows, salt_name, schema_digest
from recorder.snapshot.statements import commitments, texts

if TYPE_CHECKING:
    import psycopg

TYPE = "def.snapshot"
_FETCH = 10_000
_KINDS = {
    "bool": "bool",
    "int2": "int",
    "int4": "int",
    "int8": "int",
    "oid": "int",
    "numeric": "decimal",
    "float4": "float",
    "float8": "float",
    "bytea": "bytes",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "uuid": "uuid",
}
_SETTINGS = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'iso_8601'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL lc_monetary = 'C'",
    "SET LOCAL statement_timeout = 0",
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a table was at one moment. table: `schema.table`; taken: microseconds since the epoch, database's clock."""

    dataset: str
    table: str
    snapshot_id: str
    columns: tuple[Column, ...]
    rows: int
    root: bytes
    salt_key: str
    taken: int

    def data(self, job: str = "", dbt_node: str = "") -> dict[str, Any]:
        """The `data` of a `def.snapshot` record."""
        optional = {"job": job, "dbt_node": dbt_node}
        return {
            "platform": "postgresql",
            "dataset": self.dataset,
            "table": self.table,
            "snapshot_id": self.snapshot_id,
            "taken": record.timestamp(self.taken),
            "schema_sha256": schema_digest(self.columns),
            "row_count": self.rows,
            "rows_root": self.root.hex(),
            "c14n": "row/0",
            "salt_key": self.salt_key,
            "coverage": "full",
            **{name: value for name, value in optional.items() if value},
        }


def take(dsn: str, table: str, table_salt: bytes, leaves: IO[bytes] | None = None, timeout_s: float = 10.0) -> Snapshot:
    """Take a snapshot. leaves: gets all commitments, for row proofs later. Raises RowError, AnchorError."""
    if IDENTIFIER.fullmatch(table) is None:
        raise RowError(f"Not a table name: {table}", "", "Write schema.table with plain identifiers.")
    with connect(dsn, timeout_s) as run:
        for setting in _SETTINGS:
            run.execute(setting)
        dataset, name, moment, taken = _where(run, table)
        columns = columns_of(run, table)
        query = commitments("postgres", table, columns, table_salt)
        with run.cursor(name="clyra_rows", binary=True) as cursor:
            cursor.itersize = _FETCH
            cursor.execute(query.encode())
            root, rows = root_of_rows(_kept((bytes(row[0]) for row in cursor), leaves))
    return Snapshot(dataset, name, moment, tuple(columns), rows, root, salt_name(table_salt), taken)


def fetch_texts(
    dsn: str, table: str, key: str, value: str, timeout_s: float = 10.0
) -> tuple[list[Column], list[str | None]]:
    """Columns and texts of the one row whose column `key` has this text. Raises RowError, AnchorError."""
    with connect(dsn, timeout_s) as run:
        for setting in _SETTINGS:
            run.execute(setting)
        columns = columns_of(run, table)
        # A % in a column's name would be read as a placeholder.
        query = texts(table, columns, key).replace("%", "%%").replace("= %%s LIMIT", "= %s LIMIT")
        rows = run.execute(query.encode(), (value,)).fetchall()
    if len(rows) != 1:
        raise RowError(f"{'More than one row' if rows else 'No row'} of {table} has {key} = {value}.")
    return columns, [None if text is None else str(text) for text in rows[0]]


def columns_of(run: psycopg.Connection[Any], table: str) -> list[Column]:
    """The columns in order. A type without a form of its own counts as its text. Raises RowError."""
    rows = run.execute(
        "SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = "
        "(SELECT CASE WHEN b.typtype = 'd' THEN b.typbasetype ELSE b.oid END FROM pg_type b WHERE b.oid = a.atttypid) "
        "WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        (table,),
    ).fetchall()
    if not rows:
        raise RowError(f"The table {table} has no columns.")
    return [Column(name, _KINDS.get(kind, "text")) for name, kind in rows]


def _where(run: psycopg.Connection[Any], table: str) -> tuple[str, str, str, int]:
    row = run.execute(
        "SELECT current_database(), n.nspname || '.' || c.relname, pg_current_snapshot()::text, "
        "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text, "
        "(extract(epoch FROM transaction_timestamp()) * 1000000)::bigint "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %s::regclass",
        (table,),
    ).fetchone()
    if row is None:
        raise RowError(f"There is no table {table}.")
    taken = int(row[4]) if row[4] else time.time_ns() // 1000
    return str(row[0]), str(row[1]), f"lsn={row[3]};snapshot={row[2]}"[:256], taken


def _kept(found: Iterator[bytes], leaves: IO[bytes] | None) -> Iterator[bytes]:
    for commitment in found:
        if leaves is not None:
            leaves.write(commitment)
        yield commitment
