"""The evidence records of one exchange, read from the recorder's log without disturbing it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

import orjson

from clyra_proxy.home import Home


@dataclass(frozen=True, slots=True)
class Recorded:
    """One record. seq: its place in the log. line: the record itself."""

    seq: int
    line: dict[str, Any]


def find_records(home: Home, exchange: str) -> list[Recorded] | None:
    """Records that name an exchange id, in order; None when the log cannot be read from here."""
    database = home.recorder / "log.db"
    try:
        connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=2)
    except sqlite3.Error:
        return None
    try:
        query = "SELECT seq, line FROM records WHERE instr(line, ?) > 0 ORDER BY seq"
        rows = connection.execute(query, (exchange.encode(),)).fetchall()
    except sqlite3.Error:
        return None
    finally:
        connection.close()
    return [Recorded(int(seq), orjson.loads(line)) for seq, line in rows]
