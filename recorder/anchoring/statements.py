"""SQL for the anchor table, per warehouse: what its owner runs once, and what a client without our driver runs."""

from __future__ import annotations

from recorder.anchoring.errors import AnchorSettingsError
from recorder.anchoring.placed import Tip
from recorder.anchoring.warehouse import IDENTIFIER

DIALECTS = ("postgres", "snowflake", "bigquery")

_CREATE = {
    "postgres": """CREATE TABLE {table} (
  origin text NOT NULL,
  size bigint NOT NULL CHECK (size > 0),
  root text NOT NULL CHECK (root ~ '^[0-9a-f]{{64}}$'),
  note text NOT NULL,
  tsr bytea,
  written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (origin, size)
);
-- The recorder's role writes and reads; it owns nothing and can change nothing.
GRANT SELECT, INSERT (origin, size, root, note, tsr) ON {table} TO {role};
""",
    "snowflake": """CREATE TABLE {table} (
  origin VARCHAR NOT NULL,
  size NUMBER(19, 0) NOT NULL,
  root VARCHAR(64) NOT NULL,
  note VARCHAR NOT NULL,
  tsr BINARY,
  written_at TIMESTAMP_NTZ(6) NOT NULL DEFAULT SYSDATE()
) DATA_RETENTION_TIME_IN_DAYS = 90;
-- The recorder's role writes and reads; it owns nothing and can change nothing.
GRANT SELECT, INSERT ON TABLE {table} TO ROLE {role};
""",
    "bigquery": """CREATE TABLE {table} (
  origin STRING NOT NULL,
  size INT64 NOT NULL,
  root STRING(64) NOT NULL,
  note STRING NOT NULL,
  tsr BYTES,
  written_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP()
);
-- Give the recorder's account a role with bigquery.tables.getData and bigquery.tables.updateData on this table only.
""",
}

_INSERT = {
    "postgres": """INSERT INTO {table}(origin, size, root, note)
SELECT {origin}, {size}, {root}, {note}
WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE origin = {origin} AND size >= {size});
""",
    "snowflake": """INSERT INTO {table}(origin, size, root, note)
SELECT {origin}, {size}, {root}, {note}
WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE origin = {origin} AND size >= {size});
""",
    "bigquery": """INSERT INTO {table}(origin, size, root, note)
SELECT {origin}, {size}, {root}, {note}
FROM (SELECT 1)
WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE origin = {origin} AND size >= {size});
""",
}


def create(dialect: str, table: str, role: str = "clyra_recorder") -> str:
    """DDL for the owner of the warehouse. Raises AnchorSettingsError."""
    return _pick(_CREATE, dialect).format(table=_name(table), role=_name(role))


def insert(dialect: str, table: str, tip: Tip) -> str:
    """One statement that places a checkpoint. Raises AnchorSettingsError."""
    values = {name: _literal(dialect, text) for name, text in _texts(tip).items()}
    return _pick(_INSERT, dialect).format(table=_name(table), size=tip.size, **values)


def select(dialect: str, table: str, origin: str) -> str:
    """The newest row of a log, as a verifier fetches it. Raises AnchorSettingsError."""
    _pick(_CREATE, dialect)
    where = _literal(dialect, origin)
    return (
        f"SELECT origin, size, root, note, written_at FROM {_name(table)} "  # noqa: S608
        f"WHERE origin = {where} ORDER BY size DESC LIMIT 1;\n"
    )


def _texts(tip: Tip) -> dict[str, str]:
    return {"origin": tip.origin, "root": tip.root.hex(), "note": tip.raw.decode()}


def _literal(dialect: str, text: str) -> str:
    """A string literal. Backslashes are escapes in Snowflake and BigQuery, and are none in standard SQL."""
    if dialect == "postgres":
        return "'" + text.replace("'", "''") + "'"
    quoted = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{quoted}'"


def _name(name: str) -> str:
    if IDENTIFIER.fullmatch(name) is None:
        raise AnchorSettingsError(f"Not a name: {name}", "", "Write schema.table with plain identifiers.")
    return name


def _pick(table: dict[str, str], dialect: str) -> str:
    if dialect not in table:
        raise AnchorSettingsError(f"Unknown warehouse: {dialect}", "", f"Known are {', '.join(DIALECTS)}.")
    return table[dialect]
