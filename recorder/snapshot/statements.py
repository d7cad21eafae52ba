"""SQL that computes the commitments of a table's rows where they are: no row leaves the warehouse.

The same texts, lengths and hashes as `recorder.snapshot.row`, from functions every warehouse has: SHA-256, byte
lengths, concatenation. HMAC is written out as SHA-256(opad || SHA-256(ipad || row)); the pads are the table salt XOR
constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorder.anchoring.warehouse import IDENTIFIER
from recorder.snapshot.row import NAN, PREFIX, SALT_BYTES, Column, RowError, schema_digest

DIALECTS = ("postgres", "snowflake", "bigquery")
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Pads:
    """The two key blocks of HMAC-SHA-256, as hex."""

    inner: str
    outer: str

    @classmethod
    def of(cls, table_salt: bytes) -> Pads:
        """Raises RowError."""
        if len(table_salt) != SALT_BYTES:
            raise RowError(f"A table salt has {SALT_BYTES} bytes.")
        block = table_salt.ljust(_BLOCK, b"\x00")
        return cls(bytes(one ^ 0x36 for one in block).hex(), bytes(one ^ 0x5C for one in block).hex())


def commitments(dialect: str, table: str, columns: Sequence[Column], table_salt: bytes) -> str:
    """A query for the commitments of all rows, one BYTES/BINARY/bytea column, ascending. Raises RowError.

    The text holds key material derived from the salt: whoever runs it can check guesses of rows he does not know.
    """
    if dialect not in DIALECTS:
        raise RowError(f"Unknown warehouse: {dialect}", "", f"Known are {', '.join(DIALECTS)}.")
    if IDENTIFIER.fullmatch(table) is None:
        raise RowError(f"Not a table name: {table}", "", "Write schema.table with plain identifiers.")
    pads = Pads.of(table_salt)
    write = _WRITERS[dialect]
    head = f"row/0\n{schema_digest(columns)}\n"
    row = write.bytes_of([write.literal(head), *(write.column(column) for column in columns)])
    inner, outer, prefix = (write.binary(text) for text in (pads.inner, pads.outer, PREFIX.hex()))
    salted = write.hash(write.join([outer, write.hash(write.join([inner, "b"]))]))
    committed = write.hash(write.join([prefix, "k", "b"]))
    return (
        f"SELECT {committed} AS c FROM (SELECT b, {salted} AS k FROM (SELECT {row} AS b FROM {table}) rows_) salted_ "  # noqa: S608
        "ORDER BY c"
    )


def texts(table: str, columns: Sequence[Column], key: str) -> str:
    """A PostgreSQL query for the texts of the rows whose column `key`, as text, is the one parameter."""
    if IDENTIFIER.fullmatch(table) is None:
        raise RowError(f"Not a table name: {table}", "", "Write schema.table with plain identifiers.")
    write = _Postgres()
    if key not in [column.name for column in columns]:
        raise RowError(f"The table has no column {key}.")
    wanted = ", ".join(write.text(write.name(column.name), column.kind) for column in columns)
    return f"SELECT {wanted} FROM {table} WHERE {write.name(key)}::text = %s LIMIT 2"  # noqa: S608


class _Postgres:
    """PostgreSQL 13 or newer."""

    def literal(self, text: str) -> str:
        return "E'" + text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"

    def binary(self, text: str) -> str:
        return f"'\\x{text}'::bytea"

    def name(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def hash(self, what: str) -> str:
        return f"sha256({what})"

    def join(self, parts: Sequence[str]) -> str:
        return " || ".join(parts)

    def bytes_of(self, parts: Sequence[str]) -> str:
        return f"convert_to({' || '.join(parts)}, 'UTF8')"

    def column(self, column: Column) -> str:
        name = self.name(column.name)
        text = self.text(name, column.kind)
        size = f"octet_length(convert_to({text}, 'UTF8'))"
        return f"CASE WHEN {name} IS NULL THEN E'-\\n' ELSE {size} || ':' || {text} || E'\\n' END"

    def text(self, name: str, kind: str) -> str:
        usual = f"{name} >= '0001-01-01' AND {name} < '10000-01-01'"
        stamp = 'YYYY-MM-DD"T"HH24:MI:SS.US'
        return {
            "bool": f"CASE WHEN {name} THEN 'true' ELSE 'false' END",
            "int": f"{name}::text",
            "decimal": f"trim_scale({name})::text",
            "float": f"CASE WHEN {name} = 'NaN' THEN '{NAN}' ELSE encode(float8send({name}::float8 + 0), 'hex') END",
            "text": f"{name}::text",
            "bytes": f"encode({name}, 'hex')",
            "date": f"{name}::text",
            "time": f"to_char({name}, 'HH24:MI:SS.US')",
            "timestamp": f"CASE WHEN {usual} THEN to_char({name}, '{stamp}') ELSE {name}::text END",
            "timestamptz": (
                f"CASE WHEN {usual} THEN to_char({name} AT TIME ZONE 'UTC', '{stamp}\"Z\"') ELSE {name}::text END"
            ),
            "uuid": f"{name}::text",
        }[kind]


class _Snowflake:
    def literal(self, text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"

    def binary(self, text: str) -> str:
        return f"TO_BINARY('{text}', 'HEX')"

    def name(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def hash(self, what: str) -> str:
        return f"SHA2_BINARY({what}, 256)"

    def join(self, parts: Sequence[str]) -> str:
        return f"CONCAT({', '.join(parts)})"

    def bytes_of(self, parts: Sequence[str]) -> str:
        return f"TO_BINARY(CONCAT({', '.join(parts)}), 'UTF-8')"

    def column(self, column: Column) -> str:
        name = self.name(column.name)
        text = self.text(name, column.kind)
        return f"CASE WHEN {name} IS NULL THEN '-\\n' ELSE CONCAT(OCTET_LENGTH({text}), ':', {text}, '\\n') END"

    def text(self, name: str, kind: str) -> str:
        if kind == "float":
            raise RowError("Snowflake cannot show the bits of a float.", "", "Cast the column to NUMBER in a view.")
        plain = f"TO_VARCHAR({name})"
        stamp = 'YYYY-MM-DD"T"HH24:MI:SS.FF6'
        return {
            "bool": f"IFF({name}, 'true', 'false')",
            "int": plain,
            "decimal": f"IFF(CONTAINS({plain}, '.'), RTRIM(RTRIM({plain}, '0'), '.'), {plain})",
            "text": plain,
            "bytes": f"LOWER(HEX_ENCODE({name}))",
            "date": f"TO_CHAR({name}, 'YYYY-MM-DD')",
            "time": f"TO_CHAR({name}, 'HH24:MI:SS.FF6')",
            "timestamp": f"TO_CHAR({name}, '{stamp}')",
            "timestamptz": f"TO_CHAR(CONVERT_TIMEZONE('UTC', {name}), '{stamp}\"Z\"')",
            "uuid": f"LOWER({name})",
        }[kind]


class _BigQuery:
    def literal(self, text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"

    def binary(self, text: str) -> str:
        return f"FROM_HEX('{text}')"

    def name(self, name: str) -> str:
        return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"

    def hash(self, what: str) -> str:
        return f"SHA256({what})"

    def join(self, parts: Sequence[str]) -> str:
        return f"CONCAT({', '.join(parts)})"

    def bytes_of(self, parts: Sequence[str]) -> str:
        return f"CAST(CONCAT({', '.join(parts)}) AS BYTES)"

    def column(self, column: Column) -> str:
        name = self.name(column.name)
        text = self.text(name, column.kind)
        size = f"CAST(BYTE_LENGTH({text}) AS STRING)"
        return f"IF({name} IS NULL, '-\\n', CONCAT({size}, ':', {text}, '\\n'))"

    def text(self, name: str, kind: str) -> str:
        if kind == "float":
            raise RowError("BigQuery cannot show the bits of a float.", "", "Cast the column to NUMERIC in a view.")
        plain = f"CAST({name} AS STRING)"
        stamp = "%Y-%m-%dT%H:%M:%E6S"
        return {
            "bool": plain,
            "int": plain,
            "decimal": f"IF(STRPOS({plain}, '.') > 0, RTRIM(RTRIM({plain}, '0'), '.'), {plain})",
            "text": plain,
            "bytes": f"TO_HEX({name})",
            "date": f"FORMAT_DATE('%Y-%m-%d', {name})",
            "time": f"FORMAT_TIME('%H:%M:%E6S', {name})",
            "timestamp": f"FORMAT_DATETIME('{stamp}', {name})",
            "timestamptz": f"FORMAT_TIMESTAMP('{stamp}Z', {name}, 'UTC')",
            "uuid": f"LOWER({name})",
        }[kind]


_WRITERS: dict[str, _Postgres | _Snowflake | _BigQuery] = {
    "postgres": _Postgres(),
    "snowflake": _Snowflake(),
    "bigquery": _BigQuery(),
}
