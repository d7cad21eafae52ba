"""The state file stays small: what expired goes with later writes, and under pressure what would expire next."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.sqlite import SqliteState
from clyra_proxy.state.sweep import Sweeper

NOW = 1_800_000_000.0


def _rows(path: Path, table: str) -> int:
    with sqlite3.connect(path) as run:
        return int(run.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_expired_rows_go_while_others_are_written(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    store = SqliteState(path)
    for number in range(2000):
        store.add(f"old{number}", 1, 10, NOW)
        store.put(f"old{number}", "v", NOW, 10)
        store.acquire(f"old{number}", "h", 1, 10, NOW)
    store.put("pin", "stays", NOW)
    for _ in range(64 * 3 * 12):
        store.add("new", 1, 10, NOW + 1000)
    assert _rows(path, "counters") <= 2
    assert _rows(path, "kept") == 1
    assert _rows(path, "leases") == 0
    assert store.get("pin", NOW + 1000) == "stays"


def test_crowded_file_loses_what_expires_next_and_never_a_pin(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    store = SqliteState(path)
    for number in range(200):
        store.put(f"k{number:03}", "v" * 500, NOW, 100 + number)
    store.put("pin", "stays", NOW)
    store.close()
    with sqlite3.connect(path) as run:
        sweeper = Sweeper(run, soft_pages=5)
        for _ in range(9):
            sweeper.step(NOW)
    left = [key for key, _ in store.entries("", NOW)]
    assert "pin" in left
    assert len(left) < 100
    assert "k199" in left
    assert "k000" not in left


def test_memory_is_bounded() -> None:
    store = MemoryState(most=100)
    for number in range(1000):
        store.put(f"v{number}", "", NOW, 60)
        store.add(f"c{number}", 1, 60, NOW)
    assert len(store.entries("", NOW)) <= 100
    assert store.get("v999", NOW) == ""
    assert store.total("c999", 60, NOW) == 1
