"""`row/0`: the one byte form of a row of typed columns, its commitment, and the root over all rows of a table.

A row is text: `row/0 LF`, the schema's digest and LF, then for each column `-` LF for NULL, or the number of UTF-8
bytes of the value's text, a colon, the text and LF. Lengths instead of quoting, because every warehouse can count
bytes and no two escape strings alike. `row_salt = HMAC-SHA-256(table salt, row)`, `commitment = SHA-256("row/0" 00 ||
row_salt || row)`: without the salt nobody can guess a row, and one row can be shown without showing the salt of all.
The root is that of RFC 6962 over the commitments in ascending order; equal rows stay beside each other.
"""

from __future__ import annotations

import hmac
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from recorder import canonical
from recorder.errors import RecorderError
from recorder.merkle import Frontier, leaf_hash

PREFIX = b"row/0\x00"
TYPES = ("bool", "int", "decimal", "float", "text", "bytes", "date", "time", "timestamp", "timestamptz", "uuid")
SALT_BYTES = 32
NAN = "7ff8000000000000"


class RowError(RecorderError):
    """A row, a column or a salt is not of the form `row/0` needs."""


@dataclass(frozen=True, slots=True)
class Column:
    """name: as the warehouse says it. kind: one of TYPES."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Committed:
    """A row's commitment and what shows it: its salt and its bytes."""

    commitment: bytes
    salt: bytes
    row: bytes


def schema_digest(columns: Sequence[Column]) -> str:
    """Hex SHA-256 of the DEF-JSON list of columns in order. Raises RowError."""
    if not columns or any(column.kind not in TYPES for column in columns):
        raise RowError("A schema has at least one column, and every column one of the types of row/0.")
    document = [{"name": column.name, "type": column.kind} for column in columns]
    try:
        return sha256(canonical.encode(document, 1 << 20)).hexdigest()
    except canonical.CanonicalError as error:
        raise RowError("The schema cannot be written down.", f"{error.detail}.") from None


def row_bytes(columns: Sequence[Column], texts: Sequence[str | None]) -> bytes:
    """The row's bytes. texts: one per column, as `text_of` gives it; None is NULL. Raises RowError."""
    if len(texts) != len(columns):
        raise RowError(f"The row has {len(texts)} values, the schema {len(columns)} columns.")
    parts = [f"row/0\n{schema_digest(columns)}\n".encode()]
    for text in texts:
        if text is None:
            parts.append(b"-\n")
        else:
            raw = _utf8(text)
            parts.append(b"%d:%b\n" % (len(raw), raw))
    return b"".join(parts)


def commit(table_salt: bytes, row: bytes) -> Committed:
    """The commitment of a row. Raises RowError for a salt of the wrong length."""
    if len(table_salt) != SALT_BYTES:
        raise RowError(f"A table salt has {SALT_BYTES} bytes.")
    salt = hmac.digest(table_salt, row, "sha256")
    return Committed(commitment_of(salt, row), salt, row)


def commitment_of(row_salt: bytes, row: bytes) -> bytes:
    """What whoever was shown a row and its salt recomputes."""
    return sha256(PREFIX + row_salt + row).digest()


def root_of_rows(commitments: Iterable[bytes]) -> tuple[bytes, int]:
    """(root, number of rows) over commitments in ascending order. Raises RowError when they are not."""
    frontier, last = Frontier(), b""
    for commitment in commitments:
        if len(commitment) != 32 or commitment < last:
            raise RowError("The commitments are not in ascending order.", "The database's order is not bytewise.")
        frontier.append(leaf_hash(commitment))
        last = commitment
    return frontier.root(), frontier.size


def salt_name(table_salt: bytes) -> str:
    """What names a salt without giving it away, as in `def.snapshot.salt_key`: 32 hex digits."""
    return sha256(b"def/0 row salt\x00" + table_salt).hexdigest()[:32]


def text_of(value: Any, kind: str) -> str | None:
    """The text of a value of one type; None for NULL. Raises RowError."""
    if value is None:
        return None
    try:
        return _TEXTS[kind](value)
    except (KeyError, TypeError, ValueError, AttributeError, struct.error):
        raise RowError(f"A value of {type(value).__name__} is not of type {kind}.") from None


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise RowError("A text is not valid Unicode.") from None


def _of(*kinds: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if (isinstance(value, bool) and bool not in kinds) or not isinstance(value, kinds):
            raise TypeError
        return value

    return check


def _decimal(value: Any) -> str:
    number = Decimal(_of(Decimal, int)(value))
    if not number.is_finite():
        return {"nan": "NaN", "infinity": "Infinity", "-infinity": "-Infinity"}[str(number).lower()]
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _float(value: Any) -> str:
    number = float(_of(float, int)(value)) + 0.0
    return NAN if math.isnan(number) else struct.pack(">d", number).hex()


def _timestamp(value: Any) -> str:
    moment: datetime = _of(datetime)(value)
    if moment.tzinfo is not None:
        raise ValueError
    return moment.isoformat(timespec="microseconds")


def _timestamptz(value: Any) -> str:
    moment: datetime = _of(datetime)(value)
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _date(value: Any) -> str:
    if isinstance(value, datetime):
        raise TypeError
    return str(_of(date)(value).isoformat())


_TEXTS: dict[str, Callable[[Any], str]] = {
    "bool": lambda value: "true" if _of(bool)(value) else "false",
    "int": lambda value: str(_of(int)(value)),
    "decimal": _decimal,
    "float": _float,
    "text": lambda value: str(_of(str)(value)),
    "bytes": lambda value: bytes(_of(bytes, bytearray, memoryview)(value)).hex(),
    "date": _date,
    "time": lambda value: str(_of(time)(value).replace(tzinfo=None).isoformat(timespec="microseconds")),
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
    "uuid": lambda value: str(_of(UUID)(value)),
}
