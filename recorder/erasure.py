"""What the log says when a subject key was destroyed: which key, from where to where it was used, and why.

Rule. Erasing changes no record: the commitments stay and mean nothing any more. The recorder never sees the key, only
its id; destroying it is its holder's part, this is the written trace. The trace is made by the recorder, so a source
cannot write it. References: GDPR Art. 17, Art. 5(2) (a controller must be able to show what it did).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from recorder import database, record
from recorder.errors import RecorderError, SocketError, StoreCorruptError
from recorder.layout import Layout
from recorder.local import request_erasure
from recorder.opening import open_store

TYPE: Final = "sys.erasure"
_KEY_ID = re.compile(r"[0-9a-f]{32}")
_STEP = 20_000


type Progress = Callable[[int, int], None]
"""Called with (records looked at, records in the log) now and then."""


class ErasureError(RecorderError):
    """An erasure cannot be written down."""


@dataclass(frozen=True, slots=True)
class Use:
    """Where a key occurs. first: first record that names it. last: newest record at that time, because what answers a
    record does not name the key again. records: how many name it."""

    first: int
    last: int
    records: int


def find_use(layout: Layout, key_id: str, progress: Progress | None = None) -> Use:
    """Look through the log for a subject key. Raises RecorderError."""
    if _KEY_ID.fullmatch(key_id) is None:
        raise ErasureError(f"'{key_id}' is not the id of a subject key.", "It has 32 hex digits.")
    connection = database.open_for_reading(layout.database)
    try:
        state = database.read_state(connection)
        size = state.size if state else 0
        needle = f'"subject_key":"{key_id}"'.encode()
        first, records = size, 0
        for start in range(0, size, _STEP):
            row = connection.execute(
                "SELECT min(seq), count(*) FROM records WHERE seq >= ? AND seq < ? AND instr(line, ?) > 0",
                (start, start + _STEP, needle),
            ).fetchone()
            first, records = (min(first, row[0]) if row[1] else first), records + row[1]
            if progress is not None:
                progress(min(start + _STEP, size), size)
    except sqlite3.Error as error:
        raise StoreCorruptError("The log cannot be read.", f"SQLite says: {error}.") from None
    finally:
        connection.close()
    last = max(size - 1, 0)
    return Use(min(first, last), last, records)


def erasure_data(key_id: str, use: Use, basis: str, requested_at: str = "") -> dict[str, Any]:
    """`data` of the record. basis: the reason in words, 1 to 512 characters. Raises ErasureError."""
    if not 1 <= len(basis) <= 512:
        raise ErasureError("An erasure needs its basis.", "1 to 512 characters.", "Say it with --basis.")
    found: dict[str, Any] = {"subject_key": key_id, "from_seq": use.first, "to_seq": use.last}
    found |= {"basis": basis, "records": use.records}
    return found | ({"requested_at": requested_at} if requested_at else {})


def check_data(data: object) -> dict[str, Any]:
    """`data` of an erasure as it came over the local socket. Raises ValueError."""
    schema = record.schema_of(TYPE)["properties"]["data"]
    if not isinstance(data, dict) or not record.satisfies(data, schema) or data["from_seq"] > data["to_seq"]:
        raise ValueError("not the data of a sys.erasure record")
    return data


def write_down(layout: Layout, data: dict[str, Any]) -> int:
    """Record an erasure, through the running recorder or, if none runs, directly; return the size of the log after it.

    Raises RecorderError.
    """
    try:
        return int(request_erasure(layout.socket, data)["size"])
    except SocketError:
        store = open_store(layout)
        try:
            store.record_own([(TYPE, data)])
            return store.size
        finally:
            store.shut()
