"""The desk's own memory: packets, decisions, uses, challenges, credentials and letters, in one SQLite file.

Rules. (1) Every change of state is one transaction that is on disk before anybody hears of it (WAL, synchronous=FULL).
(2) States only move forward; who moved one is told so by the row count, so that of two at the same time one loses. (3)
The file is 0600 in a 0700 folder; what people were shown stands in it and is forgotten after its time. Used by one
thread.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WAITING, GRANTED, CONSUMED = "requested", "granted", "consumed"
REFUSED, EXPIRED, SUPERSEDED, UNREACHABLE = "refused", "expired", "superseded", "unreachable"
OPEN_STATES = (WAITING, GRANTED)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS secrets(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS packets(
  id TEXT PRIMARY KEY, state TEXT NOT NULL, fingerprint TEXT NOT NULL, request TEXT NOT NULL, display BLOB,
  created REAL NOT NULL, deadline REAL NOT NULL, decided REAL, expires REAL, ended REAL,
  reason TEXT NOT NULL DEFAULT '', superseded_by TEXT NOT NULL DEFAULT '',
  escalated INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX IF NOT EXISTS packets_state ON packets(state, created);
CREATE UNIQUE INDEX IF NOT EXISTS packets_open ON packets(fingerprint) WHERE state IN ('requested','granted');
CREATE TABLE IF NOT EXISTS decisions(
  packet TEXT NOT NULL, iss TEXT NOT NULL, sub TEXT NOT NULL, decision TEXT NOT NULL, cert_sha256 TEXT NOT NULL,
  at REAL NOT NULL, expires REAL NOT NULL, delegator TEXT NOT NULL DEFAULT '', PRIMARY KEY(packet, iss, sub)) STRICT;
CREATE TABLE IF NOT EXISTS uses(
  packet TEXT PRIMARY KEY, attempt TEXT NOT NULL, exchange TEXT NOT NULL, at REAL NOT NULL,
  recorded INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS challenges(
  nonce TEXT PRIMARY KEY, packet TEXT NOT NULL, iss TEXT NOT NULL, sub TEXT NOT NULL, decision TEXT NOT NULL,
  issued INTEGER NOT NULL, expires INTEGER NOT NULL, audience TEXT NOT NULL, answer_by REAL NOT NULL,
  code BLOB NOT NULL DEFAULT x'', used INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS credentials(
  id TEXT PRIMARY KEY, iss TEXT NOT NULL, sub TEXT NOT NULL, alg TEXT NOT NULL, public BLOB NOT NULL,
  rp_id TEXT NOT NULL, signs INTEGER NOT NULL, created REAL NOT NULL, revoked REAL) STRICT;
CREATE TABLE IF NOT EXISTS enrolments(
  token_sha256 TEXT PRIMARY KEY, person TEXT NOT NULL, challenge BLOB NOT NULL DEFAULT x'', expires REAL NOT NULL,
  used INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS letters(
  id TEXT PRIMARY KEY, packet TEXT NOT NULL, channel TEXT NOT NULL, event TEXT NOT NULL, due REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, done REAL, failed TEXT NOT NULL DEFAULT '') STRICT;
"""


class Book:
    """The file. Raises sqlite3.Error when it cannot be read or written; nothing is changed then."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.executescript(_SCHEMA)

    def close(self) -> None:
        self.connection.close()

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, durably, or nothing."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def secret(self, name: str) -> bytes:
        """32 random bytes under a name, made when they are first asked for."""
        self.connection.execute("INSERT OR IGNORE INTO secrets VALUES(?,?)", (name, secrets.token_bytes(32)))
        found: bytes = self.connection.execute("SELECT value FROM secrets WHERE name=?", (name,)).fetchone()[0]
        return found

    def one(self, query: str, *values: Any) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.connection.execute(query, values).fetchone()
        return found

    def every(self, query: str, *values: Any) -> list[sqlite3.Row]:
        return self.connection.execute(query, values).fetchall()

    def packet(self, packet: str) -> sqlite3.Row | None:
        return self.one("SELECT * FROM packets WHERE id=?", packet)

    def decisions(self, packet: str) -> list[sqlite3.Row]:
        """All of them, in their order."""
        return self.every("SELECT * FROM decisions WHERE packet=? ORDER BY at, cert_sha256", packet)

    def forget(self, now: float, summaries_s: float) -> None:
        """Let go of what was shown in packets that ended long ago, and of challenges and letters that are over."""
        with self.change() as run:
            run.execute("UPDATE packets SET display=NULL WHERE display IS NOT NULL AND ended < ?", (now - summaries_s,))
            run.execute("DELETE FROM challenges WHERE answer_by < ?", (now - 86_400,))
            run.execute("DELETE FROM enrolments WHERE expires < ?", (now - 86_400,))
            run.execute("DELETE FROM letters WHERE done < ?", (now - summaries_s,))
