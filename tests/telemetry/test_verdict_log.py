"""The verdict log under many processes, rotation and a full disk; the reader beside it."""

from __future__ import annotations

import multiprocessing
import os
import resource
import stat
import threading
from pathlib import Path

import orjson
import pytest

from clyra_proxy.errors import StartupError
from clyra_proxy.telemetry.rotation import RotatingFile, rotated_path
from clyra_proxy.telemetry.verdict_log import VerdictLog
from clyra_proxy.telemetry.verdict_reader import VerdictReader
from tests.support.exchanges import exchange

PROCESSES, LINES = 4, 400


def write_many(path: Path, worker: int, lines: int) -> None:
    log = VerdictLog(path, max_bytes=10_000, keep=200, flush_seconds=0.001, flush_lines=7)
    for number in range(lines):
        log.write_line(orjson.dumps({"worker": worker, "n": number, "pad": "x" * 80}) + b"\n")
        if number % 20 == 0:
            log.flush()
    log.close()


def numbers(lines, worker):
    return [event["n"] for event in map(orjson.loads, lines) if event["worker"] == worker]


def test_processes_share_one_log_without_losing_or_mixing_a_line(tmp_path):
    path = tmp_path / "verdicts" / "verdicts.ndjson"
    path.parent.mkdir()
    path.touch()
    done = threading.Event()
    seen: list[bytes] = []
    with VerdictReader(path) as reader:
        watching = threading.Thread(target=lambda: seen.extend(reader.follow(done.is_set, poll_seconds=0.002)))
        watching.start()
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=write_many, args=(path, n, LINES)) for n in range(PROCESSES)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        done.set()
        watching.join()
        assert reader.missed == 0
    past = list(reversed(list(VerdictReader(path).backwards())))
    assert rotated_path(path, 3).exists()
    for worker in range(PROCESSES):
        assert numbers(past, worker) == list(range(LINES))
        assert numbers(seen, worker) == list(range(LINES))
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_rotation_keeps_n_files(tmp_path):
    path = tmp_path / "log"
    file = RotatingFile(path, max_bytes=100, keep=3)
    for number in range(40):
        file.append(b"%040d\n" % number)
    file.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log", "log.1", "log.2", "log.3", "log.lock"]
    lines = list(VerdictReader(path).backwards())
    assert [int(line) for line in lines] == list(range(39, 31, -1))


def test_lines_are_on_disk_soon_without_being_asked(tmp_path):
    path = tmp_path / "log"
    log = VerdictLog(path)
    log.write(exchange())
    with VerdictReader(path) as reader:
        first = next(reader.follow(lambda: False))
    assert orjson.loads(first)["unmapped"]["clyra"]["decision"] == "allow"
    log.close()


def test_an_undecided_exchange_is_refused(tmp_path):
    log = VerdictLog(tmp_path / "log")
    made = exchange()
    made.verdict = None
    with pytest.raises(ValueError, match="no verdict"):
        log.write(made)
    log.close()


def test_a_place_that_cannot_be_opened_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="Cannot open the verdict log"):
        VerdictLog(tmp_path / "file" / "log")


def full_disk(path: Path) -> None:
    """Child: the file may not grow beyond a few lines (RLIMIT_FSIZE acts as a full device)."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = VerdictLog(path, flush_seconds=0.001)
    resource.setrlimit(resource.RLIMIT_FSIZE, (250, resource.RLIM_INFINITY))
    for number in range(10):
        log.write_line(b'{"n":%d,"pad":"%s"}\n' % (number, b"x" * 80))
    log.flush()
    assert log.pending > 5
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    log.close()
    os._exit(0 if log.lost == 0 else 3)


def test_a_full_disk_loses_nothing_that_fits_in_memory(tmp_path):
    path = tmp_path / "log"
    child = multiprocessing.get_context("spawn").Process(target=full_disk, args=(path,))
    child.start()
    child.join()
    assert child.exitcode == 0
    reader = VerdictReader(path)
    events = [event for event in map(reader.parse, reader.backwards()) if event]
    assert sorted(event["n"] for event in events) == list(range(10))
    assert reader.skipped == 1  # the torn line, given again whole


def test_what_does_not_fit_is_declared(tmp_path, monkeypatch):
    monkeypatch.setattr("clyra_proxy.telemetry.line_log.MOST_PENDING", 5)
    path = tmp_path / "log"
    log = VerdictLog(path, flush_seconds=60, flush_lines=1000)
    for number in range(9):
        log.write_line(b'{"n":%d}\n' % number)
    log.flush()
    log.close()
    gap, *kept = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert gap["unmapped"]["clyra"]["gap"] == 4
    assert [event["n"] for event in kept] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("size", [1, 3, 700, 262143, 262144, 262145, 600000])
def test_backwards_is_the_reverse_of_the_file_whatever_the_line_lengths(tmp_path, size):
    path = tmp_path / "log"
    lines = [b"a", b"b" * size, b"c" * 10, b"d" * size, b"e"]
    path.write_bytes(b"\n".join(lines) + b"\nunfinished")
    reader = VerdictReader(path)
    assert list(reader.backwards()) == lines[::-1]
    with path.open("ab") as file:
        file.write(b" now whole\n")
    assert next(reader.follow(lambda: True)) == b"unfinished now whole"
