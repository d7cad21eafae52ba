"""The power fails at every sync of the store, with any part of what was not synced on the disk, also torn writes.

After each of these failures a new recorder must find every acknowledged record, in the very history that was
acknowledged, and must be able to go on.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder import database
from recorder.admission import parse_batch
from recorder.errors import RecorderError
from recorder.layout import Layout
from recorder.main import prepare
from recorder.merkle import Frontier, leaf_hash
from recorder.store import Store
from tests.support import write_trace
from tests.support.recorder_process import batch_body, intent, outcome

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")

WORKLOAD = """
import json, os, sys
from pathlib import Path
from recorder import store as module
from recorder.admission import parse_batch
from recorder.layout import Layout
from tests.support.recorder_process import batch_body, intent, outcome
module.ANCHOR_RECORDS = 60
layout, groups = Layout(Path(sys.argv[1])), int(sys.argv[2])
keys = layout.keys
store = module.Store(layout, keys.signing_key("log"), keys.signing_key("seal"))
if sys.argv[3:]:
    store._connection.execute(f"PRAGMA synchronous={sys.argv[3]}")
acks = os.open(layout.folder / "acks", os.O_WRONLY | os.O_CREAT, 0o600)
def ack():
    os.write(acks, (json.dumps([store.size, store.root.hex()]) + "\\n").encode())
ack()
counter = 1
for group in range(groups):
    events = []
    for number in range(group % 7 + 1):
        name = f"exchange-{group}-{number}"
        events += [intent(name)] if number % 3 == 2 else [intent(name), outcome(name)]
    body = batch_body("src", counter, events)
    store.commit([parse_batch(body, "source", "ab" * 32)])
    counter += len(events)
    ack()
store.shut()
"""


def _traced(tmp_path: Path, groups: int, *options: str) -> tuple[Layout, list[write_trace.Operation]]:
    """Run the workload; its folder (keys included) and everything it wrote."""
    layout = Layout(tmp_path / "home")
    prepare(layout)
    trace = tmp_path / "trace"
    preload = write_trace.environment(write_trace.build(tmp_path), trace, layout.folder)
    command = [sys.executable, "-c", WORKLOAD, str(layout.root), str(groups), *options]
    subprocess.run(command, check=True, env={**os.environ, **preload}, cwd=Path(__file__).resolve().parents[2])
    return layout, list(write_trace.read(trace))


def _survived(tmp_path: Path, original: Layout, files: dict[str, bytes]) -> Layout:
    """A home in which the recorder finds exactly these files, and its keys."""
    home = tmp_path / "after"
    shutil.rmtree(home, ignore_errors=True)
    layout = Layout(home)
    shutil.copytree(original.keys.folder, layout.keys.folder)
    for path, content in files.items():
        if not path.endswith(("-shm", "/acks")):
            target = layout.folder / Path(path).relative_to(original.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return layout


def _failures(
    operations: list[write_trace.Operation], dice: random.Random
) -> Iterator[tuple[str, dict[str, bytes], list[str]]]:
    """(how it failed, files on the disk, acks given before) around every sync and after every acknowledgement."""
    disk = write_trace.Disk()
    acks: list[str] = []
    for number, step in enumerate(operations):
        if step.path.endswith("/acks"):
            if step.op == "W":
                acks.append(step.data.decode())
                for how, files in disk.states(dice):
                    yield f"after acknowledgement {len(acks)}: {how}", files, acks
            continue
        if step.op == "S":
            for how, files in disk.states(dice):
                yield f"before sync {number}: {how}", files, acks
        disk.apply(step)
        if step.op == "S":
            for how, files in disk.states(dice):
                yield f"after sync {number}: {how}", files, acks


def _check(layout: Layout, acks: list[str], how: str) -> int:
    """Open the log, hold it against the acknowledgements, and go on writing it. Returns its size."""
    keys = layout.keys
    store = Store(layout, keys.signing_key("log"), keys.signing_key("seal"))
    try:
        size, root = json.loads(acks[-1]) if acks else (0, Frontier().root().hex())
        assert store.size > size, how  # the new run adds its own record
        connection = database.open_for_reading(layout.database)
        frontier = Frontier()
        for seq, leaf, line in database.read_lines(connection, 0, size):
            assert (seq, leaf) == (frontier.size, leaf_hash(line)), how
            frontier.append(leaf)
        connection.close()
        assert frontier.root().hex() == root, f"{how}: another history than was acknowledged"
        body = batch_body("src-2", 1, [intent("after"), outcome("after")])
        assert store.commit([parse_batch(body, "source", "ab" * 32)]).size == store.size, how
        return store.size
    finally:
        store.shut()


def _cut_everywhere(tmp_path: Path, groups: int, seed: int, *options: str) -> Counter[str]:
    layout, operations = _traced(tmp_path, groups, *options)
    done: Counter[str] = Counter()
    for how, files, acks in _failures(operations, random.Random(seed)):
        after = _survived(tmp_path, layout, files)
        try:
            _check(after, acks, how)
            done["went on"] += 1
        except RecorderError:
            if acks:  # before the first acknowledgement a clear refusal is allowed
                raise
            done["refused"] += 1
    return done


def test_the_power_fails_at_every_sync(tmp_path: Path) -> None:
    assert _cut_everywhere(tmp_path, 24, seed=1)["went on"] > 50


@pytest.mark.parametrize("level", ["OFF", "NORMAL"])
def test_a_store_that_syncs_less_would_be_caught(tmp_path: Path, level: str) -> None:
    with pytest.raises((AssertionError, RecorderError)):
        _cut_everywhere(tmp_path, 24, 1, level)


@pytest.mark.comprehensive
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(3))
def test_the_power_fails_at_every_sync_of_a_long_run(tmp_path: Path, seed: int) -> None:
    """Long enough for several checkpoints of the write-ahead log into the database."""
    assert _cut_everywhere(tmp_path, 300, seed)["went on"] > 1000
