"""kill -9 at random moments under load, and a full disk: nothing acknowledged is missing, the log never forks."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from recorder import database
from recorder.layout import Layout
from recorder.main import prepare
from recorder.merkle import Frontier, leaf_hash
from recorder.seal import seal_offline
from recorder.verify.bundle import verify_bundle
from tests.support.recorder_process import RecorderProcess, batch_body, intent, outcome, post, running_recorder


class _Source(threading.Thread):
    """Hands in batches without pause, again after every failure; remembers every head it was answered with."""

    def __init__(self, layout: Layout, name: str) -> None:
        super().__init__(daemon=True)
        self.layout, self.source = layout, name
        self.acked = 0
        self.heads: list[tuple[int, str]] = []
        self.stopping = False

    def run(self) -> None:
        while not self.stopping:
            first = self.acked + 1
            pairs = range(first, first + 6)
            names = [f"{self.source}-{(number + 1) // 2}" for number in pairs]
            events = [intent(name) if number % 2 else outcome(name) for number, name in zip(pairs, names, strict=True)]
            try:
                status, document = post(self.layout, batch_body(self.source, first, events))
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.01)
                continue
            if status == 200:
                assert "rejected" not in document
                self.acked = document["acked"]
                self.heads.append((document["size"], document["root"]))


def _kill_often(home: Path, times: int, seed: int) -> None:
    dice = random.Random(seed)
    layout = Layout(home)
    sources = [_Source(layout, f"src-{number}") for number in range(3)]
    recorder = RecorderProcess(home).wait_ready()
    for source in sources:
        source.start()
    try:
        for _ in range(times):
            time.sleep(dice.uniform(0.02, 0.4))
            recorder.kill()
            recorder = RecorderProcess(home)
            if dice.random() < 0.3:  # also while it starts
                time.sleep(dice.uniform(0.0, 0.5))
            else:
                recorder.wait_ready()
        if recorder.process.poll() is None:
            recorder.wait_ready()
    finally:
        for source in sources:
            source.stopping = True
        for source in sources:
            source.join(30)
        recorder.kill()
    _check_log(layout, sources)


def _check_log(layout: Layout, sources: list[_Source]) -> None:
    roots, counters = {}, {source.source: 0 for source in sources}
    frontier = Frontier()
    connection = database.open_for_reading(layout.database)
    for _, leaf, line in database.read_lines(connection, 0, 1 << 60):
        assert leaf == leaf_hash(line)
        frontier.append(leaf)
        roots[frontier.size] = frontier.root().hex()
        record = orjson.loads(line)
        assert record["typ"] != "sys.gap"
        name = record["src"]["id"]
        if name in counters:
            assert record["src"]["seq"] == counters[name] + 1
            counters[name] += 1
    connection.close()
    for source in sources:
        assert source.acked > 0
        assert source.acked <= counters[source.source]
        assert all(roots[size] == root for size, root in source.heads), "an answered head is not in the log's history"
    sealed = seal_offline(layout)
    report = verify_bundle(sealed.path, layout.trust.read_bytes())
    assert (report.verdict, report.end) == ("prefix", frontier.size)


def test_killed_a_few_times(tmp_path: Path) -> None:
    _kill_often(tmp_path / "home", 8, seed=1)


@pytest.mark.comprehensive
@pytest.mark.timeout(900)
def test_killed_two_hundred_times(tmp_path: Path) -> None:
    _kill_often(tmp_path / "home", 200, seed=2)


@contextlib.contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of a few megabytes; skips where it cannot be mounted."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(folder: Path, leave: int) -> Path:
    """A file that takes all space but `leave` bytes."""
    ballast = folder / "ballast"
    space = os.statvfs(folder)
    ballast.write_bytes(bytes(max(0, space.f_bavail * space.f_frsize - leave)))
    return ballast


def test_a_full_disk_refuses_cleanly_and_recovers(tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk", "24m") as disk:
        layout = Layout(disk / "home")
        with running_recorder(layout.root) as recorder:
            assert post(layout, batch_body("p", 1, [intent("before")]))[0] == 200
            ballast = _fill(disk, 300_000)
            acked, refused = 1, 0
            events = [intent(f"x{number}", route="r" * 200) for number in range(200)]
            while not refused:
                status, document = post(layout, batch_body("p", acked + 1, events))
                if status == 200:
                    acked = document["acked"]
                else:
                    refused = status
            assert refused == 507
            assert post(layout, batch_body("p", acked + 1, events))[0] == 507
            ballast.unlink()
            status, document = post(layout, batch_body("p", acked + 1, events))
            assert (status, document["acked"]) == (200, acked + 200)
            assert recorder.process.poll() is None
            recorder.stop()
        sealed = seal_offline(layout)
        assert verify_bundle(sealed.path, layout.trust.read_bytes()).verdict == "prefix"


def test_a_full_disk_at_the_start_is_one_clear_message(tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk", "1m") as disk:
        prepare(Layout(disk / "home"))
        _fill(disk, 0)
        recorder = RecorderProcess(disk / "home", log=tmp_path / "recorder.log")
        assert recorder.process.wait(20) == 1
        recorder.log.close()
        said = Path(recorder.log.name).read_text()
        assert "Traceback" not in said
        assert "Free disk space" in said


def test_importing_the_verifier_needs_neither_proxy_nor_engine() -> None:
    code = "import sys, recorder.verify.bundle; print([m for m in sys.modules if m[:5] in ('mitmp', 'clyra')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"
