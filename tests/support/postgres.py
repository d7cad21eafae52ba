"""A real PostgreSQL server on a Unix socket of its own; skips, by name, where none is installed."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_PLACES = (
    "/usr/lib/postgresql/18/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
    "/usr/lib/postgresql/14/bin",
)


@dataclass(frozen=True)
class PostgresServer:
    """owner: superuser's connection string."""

    folder: Path

    def dsn(self, user: str = "postgres", database: str = "postgres") -> str:
        return f"host={self.folder} user={user} dbname={database}"

    @property
    def owner(self) -> str:
        return self.dsn()


def programs() -> Path:
    """Where `initdb` is."""
    found = shutil.which("initdb")
    for place in ([str(Path(found).parent)] if found else []) + list(_PLACES):
        if (Path(place) / "initdb").exists():
            return Path(place)
    pytest.skip("needs PostgreSQL (initdb)")


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A fresh cluster, gone when the block ends. PostgreSQL refuses to run as root, so root becomes `postgres`."""
    place = programs()
    folder = Path(tempfile.mkdtemp(prefix="cpg-", dir="/tmp"))  # socket paths must be short
    become: dict[str, object] = {}
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        become = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    data = folder / "data"

    def program(name: str, *words: str | Path) -> None:
        done = subprocess.run(
            [str(place / name), *map(str, words)],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=folder,
            check=False,
            **become,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, done.stderr

    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c shared_buffers=16MB"
    try:
        program("initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        program("pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield PostgresServer(folder)
        finally:
            program("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
