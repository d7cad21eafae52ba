"""Where events wait while the recorder is away: one append-only file a source, 0600, bounded, replayed in order.

Durability: each append is one write to the page cache, so a killed process loses nothing; the file is synced to disk
about once a second by a thread, so a power cut loses at most that. Events replayed twice do no harm: the recorder knows
each by source and counter. A file whose owner is gone is adopted by the next worker that starts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

type Event = tuple[int, bytes]
"""(source counter, encoded event)"""

_NAME = re.compile(r"([a-z0-9][a-z0-9._-]{0,63})\.spool")


class Spool:
    """The waiting events of one source. Held under an exclusive lock."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Open or create. Raises OSError; BlockingIOError when another process holds it."""
        self.source = path.name.removesuffix(".spool")
        self._path = path
        self._max_bytes = max_bytes
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise
        self._size = os.fstat(self._descriptor).st_size
        self._replayed = 0
        self._batch_end = 0
        self.unsynced = False

    @property
    def waiting(self) -> bool:
        return self._replayed < self._size

    def append(self, events: Iterable[Event]) -> bool:
        """Add events; False when they do not fit or cannot be written, and then none of them is kept."""
        data = b"".join([b"%d %b\n" % event for event in events])
        if self._size + len(data) > self._max_bytes:
            return False
        try:
            written = os.write(self._descriptor, data)
        except OSError:
            written = 0
        if written != len(data):
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            return False
        self._size += written
        self.unsynced = True
        return True

    def sync(self) -> None:
        """Force what was appended to disk. Blocking: call it in a thread."""
        self.unsynced = False
        with contextlib.suppress(OSError):
            os.fdatasync(self._descriptor)

    def next_batch(self, max_events: int, max_bytes: int) -> list[Event]:
        """The next events to replay, contiguous counters only. Confirm with `done`."""
        data = os.pread(self._descriptor, max_bytes, self._replayed)
        events: list[Event] = []
        at = 0
        for number, line, size in _parse(data):
            if len(events) == max_events or (events and number != events[-1][0] + 1):
                break
            events.append((number, line))
            at += size
        if not events:  # torn by a power cut: nothing after this point can be trusted
            at = self._size - self._replayed
        self._batch_end = self._replayed + at
        return events

    def done(self) -> None:
        """The last batch is in the log."""
        self._replayed = self._batch_end
        if not self.waiting:
            os.ftruncate(self._descriptor, 0)
            self._size = self._replayed = self._batch_end = 0

    def close(self) -> None:
        """Let go; an empty file is removed."""
        if not self.waiting:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _parse(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """(counter, event, bytes used) of each complete line."""
    for raw in data.split(b"\n")[:-1]:
        number, separator, line = raw.partition(b" ")
        if not separator or not number.isdigit():
            return
        yield int(number), line, len(raw) + 1


def adopt(folder: Path, max_bytes: int) -> list[Spool]:
    """Spools left behind by processes that are gone."""
    found = []
    for path in sorted(folder.glob("*.spool")):
        if _NAME.fullmatch(path.name):
            with contextlib.suppress(OSError):
                found.append(Spool(path, max_bytes))
    return found
