"""Waiting for other processes that write the SQLite file of the state, or put it right after a crash.

Rule: whatever makes the file busy is waited for, in steps shorter than SQLite's own, for at most `BUSY_MS`; everything
else is told at once.
"""

from __future__ import annotations

import itertools
import sqlite3
from time import monotonic, sleep
from typing import Protocol

from clyra_proxy.state.sqlite_connection import BUSY_MS

STEPS_S = (0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002)
"""How long to sleep before asking again for the right to write; the last one again and again.

SQLite's own first step is a millisecond, and a worker that sleeps for that long leaves half an exchange undone.
"""
_PRIMARY = 0xFF  # of a result code; the rest says more of it (https://sqlite.org/rescode.html)


class Waiting(Protocol):
    """Who waits. busy_ms: how long SQLite itself waits for other processes."""

    connection: sqlite3.Connection
    busy_ms: int


def begin(session: Waiting, statement: str = "BEGIN IMMEDIATE", values: tuple[object, ...] = ()) -> None:
    """Begin to write as soon as no other process does, or raise sqlite3.OperationalError after `BUSY_MS`.

    statement: what takes the right to write; one that was told to wait has done nothing yet.
    """
    let_wait(session, 0)
    until = monotonic() + BUSY_MS / 1000
    for step in itertools.chain(STEPS_S, itertools.repeat(STEPS_S[-1])):
        try:
            session.connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
        else:
            return
        sleep(step)


def let_wait(session: Waiting, busy_ms: int) -> None:
    """Let SQLite itself wait for so long, or not at all."""
    if session.busy_ms != busy_ms:
        session.connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
        session.busy_ms = busy_ms
