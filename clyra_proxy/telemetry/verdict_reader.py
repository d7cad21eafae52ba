"""Reading the verdict log while workers write and rotate it: backwards for the past, forwards for what comes.

Guarantees: every whole line is given exactly once and in order, across rotations (the reader finishes a rotated file
before it goes to the next newer one, see `telemetry.rotation`); torn or foreign lines are skipped and counted.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from clyra_proxy.telemetry.rotation import lock_path, locked, rotated_path

_BLOCK = 1 << 18
_MOST_ROTATED = 1000


class VerdictReader:
    """A reader of one log. Close it, or use it as a context manager.

    skipped: lines that were not JSON objects. missed: rotated files that vanished before they were read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._offset = 0
        self._rest = b""
        self.skipped = 0
        self.missed = 0

    def __enter__(self) -> VerdictReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def backwards(self) -> Iterator[bytes]:
        """Lines written so far, newest first, through all rotated files. `follow` continues after the newest."""
        files = self._open_all()
        try:
            if files:
                self._start_at_end(files[0])
            for descriptor, size in files:
                yield from _lines_backwards(descriptor, size)
        finally:
            for descriptor, _ in files:
                os.close(descriptor)

    def follow(self, stop: Callable[[], bool], poll_seconds: float = 0.1) -> Iterator[bytes]:
        """Lines as they are written, from where `backwards` started (or the log's beginning), until `stop()`."""
        while True:
            stopping = stop()
            lines = self._read_more()
            yield from lines
            if lines:
                continue
            if not self._next_file():
                if stopping:
                    return
                time.sleep(poll_seconds)

    def parse(self, line: bytes) -> dict[str, Any] | None:
        """The event of a line, or None (counted in `skipped`) when it is torn or not ours."""
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            event = None
        if isinstance(event, dict):
            return event
        self.skipped += 1
        return None

    def _start_at_end(self, newest: tuple[int, int]) -> None:
        self.close()
        descriptor, size = newest
        self._descriptor = os.dup(descriptor)
        self._offset = size
        self._rest = b""
        while self._offset and os.pread(self._descriptor, 1, self._offset - 1) != b"\n":
            self._offset -= 1  # the newest line is not whole yet: `follow` will give it

    def _read_more(self) -> list[bytes]:
        if self._descriptor < 0:
            return []
        data = os.pread(self._descriptor, _BLOCK, self._offset)
        if not data:
            if os.fstat(self._descriptor).st_size < self._offset:  # truncated in place by someone
                self._offset, self._rest = 0, b""
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line for line in lines if line]

    def _next_file(self) -> bool:
        """Move to the next newer file once ours is rotated and drained; False when there is nothing to move to."""
        with self._unrotated():
            files = self._existing()
            inodes = [file.stat().st_ino for file in files]
            if not files:
                return False
            if self._descriptor < 0:
                return self._move_to(files[-1])
            status = os.fstat(self._descriptor)
            if status.st_ino == inodes[0] or status.st_size > self._offset:
                return status.st_size > self._offset
            if status.st_ino in inodes:
                return self._move_to(files[inodes.index(status.st_ino) - 1])
            self.missed += 1
            return self._move_to(files[-1])

    def _move_to(self, path: Path) -> bool:
        self.close()
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._offset = 0
        self.skipped += bool(self._rest)
        self._rest = b""
        return True

    def _open_all(self) -> list[tuple[int, int]]:
        """(descriptor, size) of the log and its rotated files, newest first."""
        opened = []
        with self._unrotated():
            for file in self._existing():
                descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
                opened.append((descriptor, os.fstat(descriptor).st_size))
        return opened

    def _existing(self) -> list[Path]:
        found = [self._path] if self._path.exists() else []
        for number in range(1, _MOST_ROTATED):
            rotated = rotated_path(self._path, number)
            if not rotated.exists():
                break
            found.append(rotated)
        return found

    @contextmanager
    def _unrotated(self) -> Iterator[None]:
        """Nobody rotates while this is held. Without a lock file there is no writer yet."""
        try:
            descriptor = os.open(lock_path(self._path), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield
            return
        try:
            with locked(descriptor, fcntl.LOCK_SH):
                yield
        finally:
            os.close(descriptor)


def _lines_backwards(descriptor: int, size: int) -> Iterator[bytes]:
    tail, position = b"", size
    whole = False  # bytes after the last newline are a line still being written
    while position:
        step = min(_BLOCK, position)
        position -= step
        first, *lines = (os.pread(descriptor, step, position) + tail).split(b"\n")
        if lines and not whole:
            lines.pop()
            whole = True
        tail = first
        if lines:
            yield from (line for line in reversed(lines) if line)
    if tail and whole:
        yield tail
