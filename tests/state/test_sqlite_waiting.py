"""Beginning to write while another process has the file, or puts it right after a crash."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from clyra_proxy.state.sqlite_file import _Session
from clyra_proxy.state.sqlite_waiting import begin


class Occupied:
    """A connection that answers the first `times` attempts to write with a result code."""

    def __init__(self, real: sqlite3.Connection, code: int, times: int) -> None:
        self._real, self._code, self.left = real, code, times

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        if statement.startswith("BEGIN") and self.left:
            self.left -= 1
            error = sqlite3.OperationalError("occupied")
            error.sqlite_errorcode = self._code
            raise error
        return self._real.execute(statement, values)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_BUSY_TIMEOUT])
def test_it_waits_for_whatever_makes_the_file_busy(tmp_path: Path, code: int) -> None:
    session = _Session(tmp_path / "state.sqlite")
    session.connection = occupied = Occupied(session.connection, code, 3)  # type: ignore[assignment]
    begin(session)
    assert occupied.left == 0
    assert occupied._real.in_transaction


def test_what_is_not_busy_is_told_at_once(tmp_path: Path) -> None:
    session = _Session(tmp_path / "state.sqlite")
    session.connection = occupied = Occupied(session.connection, sqlite3.SQLITE_IOERR, 3)  # type: ignore[assignment]
    with pytest.raises(sqlite3.OperationalError):
        begin(session)
    assert occupied.left == 2
