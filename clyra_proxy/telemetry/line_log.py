"""A log of NDJSON lines, 0600, rotated by size, shared by all workers.

Guarantees: `write_line` costs the caller no system call (a thread writes blocks, at the latest `flush_seconds` after
the line was made); lines never interleave between processes (`telemetry.rotation`); what cannot be written (disk full)
is kept up to a bound, then counted and declared by a gap line, never silently lost.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from clyra_proxy.errors import StartupError
from clyra_proxy.telemetry.rotation import RotatingFile

MAX_BYTES = 64 * 1024 * 1024
KEEP = 8
FLUSH_SECONDS = 0.1
FLUSH_LINES = 512
MOST_PENDING = 20_000
"""Lines kept in memory while the file cannot be written."""


class LineLog:
    """One process's handle on a log. Raises StartupError when the file cannot be opened.

    name: what messages call it. gap: makes the line that says how many lines were lost between two times.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        gap: Callable[[int, float, float], bytes],
        *,
        max_bytes: int = MAX_BYTES,
        keep: int = KEEP,
        flush_seconds: float = FLUSH_SECONDS,
        flush_lines: int = FLUSH_LINES,
    ) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = RotatingFile(path, max_bytes, keep)
            self._file.append(b"")
        except OSError as error:
            raise StartupError(
                f"Cannot open the {name} {path}.",
                f"The system says: {error.strerror}.",
                "Make its folder writable for the proxy's user, or choose another data folder with --home.",
            ) from error
        self.path = path
        self._name = name
        self._gap = gap
        self.lost = 0
        self._undeclared = 0
        self._lost_since = 0.0
        self._flush_seconds = flush_seconds
        self._flush_lines = flush_lines
        self._pending: deque[bytes] = deque()  # append and popleft are atomic: no lock on the caller's side
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._full = threading.Event()
        self._stopping = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def write_line(self, line: bytes) -> None:
        """Queue one finished line, newline included."""
        pending = self._pending
        if len(pending) >= MOST_PENDING:
            self._lose(1)
            return
        pending.append(line)
        if len(pending) == 1:
            self._wake.set()
        elif len(pending) == self._flush_lines:
            self._full.set()

    def flush(self) -> None:
        """Write what is queued now. Safe from any thread; never raises for a full disk (see `lost`)."""
        with self._writing:
            lines = [self._pending.popleft() for _ in range(len(self._pending))]
            try:
                self._declare_gap()
                if lines:
                    written = self._file.append(b"".join(lines))
                    self._keep_for_later(_unwritten(lines, written))
                self._failing = False
            except OSError as error:
                self._keep_for_later(lines)
                self._complain(error)

    def close(self) -> None:
        """Flush and stop. The object cannot be used afterwards."""
        self._stopping = True
        self._wake.set()
        self._full.set()
        self._thread.join(timeout=5)
        self.flush()
        with self._writing:
            self._file.close()

    @property
    def pending(self) -> int:
        """Lines queued and not yet written."""
        return len(self._pending)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait()
            self._full.wait(self._flush_seconds)  # gather lines, unless there are plenty already
            self._wake.clear()
            self._full.clear()
            self.flush()
            if self._pending:  # came while we wrote, or could not be written yet
                self._wake.set()

    def _lose(self, lines: int) -> None:
        if not self._undeclared:
            self._lost_since = time.time()
        self.lost += lines
        self._undeclared += lines

    def _declare_gap(self) -> None:
        if self._undeclared:
            lost = self._undeclared
            self._file.append(self._gap(lost, self._lost_since, time.time()))
            self._undeclared -= lost

    def _keep_for_later(self, lines: list[bytes]) -> None:
        self._pending.extendleft(reversed(lines))
        surplus = len(self._pending) - MOST_PENDING
        if surplus > 0:
            for _ in range(surplus):
                self._pending.popleft()
            self._lose(surplus)

    def _complain(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            print(f"clyra: the {self._name} {self.path} cannot be written: {error.strerror}", file=sys.stderr)


def _unwritten(lines: list[bytes], written: int) -> list[bytes]:
    """The lines not wholly inside the first `written` bytes of their concatenation."""
    for index, line in enumerate(lines):
        written -= len(line)
        if written < 0:
            return lines[index:]
    return []
