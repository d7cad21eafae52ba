"""The anchoring process: looks at the log twice a second, and runs a round when one is due or asked for.

`python -m recorder.anchoring.worker FOLDER`, started by the recorder, of which it holds no key. It only reads the log,
so it can neither delay nor damage it. A line on stdin asks for a round now; a JSON line on stdout reports each round.
It ends when its stdin ends, that is, with the recorder.
"""

from __future__ import annotations

import math
import os
import select
import signal
import sqlite3
import sys
import time
from pathlib import Path

from recorder import database, note
from recorder.anchoring import report, schedule, settings
from recorder.anchoring.placed import Tip
from recorder.anchoring.round_line import to_line
from recorder.anchoring.rounds import run_round
from recorder.anchoring.shelf import Shelf
from recorder.errors import RecorderError
from recorder.layout import Layout

TICK_S = 0.5


class Worker:
    """State between looks. store: the log's database."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._shelf = Shelf(layout.anchor_shelf)
        self._settings = settings.Settings()
        self._read_at = -1
        self._last_size = 0
        self._last_at = -math.inf

    def look(self, *, asked: bool) -> bytes | None:
        """Run a round if one is due; its report line. Raises RecorderError, sqlite3.Error."""
        self._reload()
        chosen = self._settings
        if not chosen.targets and not asked:
            return None
        connection = database.open_for_reading(self._layout.database)
        try:
            state = database.read_state(connection)
            if state is None:
                return None
            now = time.monotonic()
            if not asked and not schedule.is_due(chosen, state.size, self._last_size, now - self._last_at):
                return None
            seen = {target.name: self._shelf.target(target.name).size for target in chosen.targets}
            part = schedule.behind(connection, state.size, chosen.targets, seen)
        finally:
            connection.close()
        self._last_size, self._last_at = state.size, now
        if not part and not asked:
            return None
        return self._round(state.note, asked=asked, only=None if asked else {target.name for target in part})

    def _round(self, raw: bytes, *, asked: bool, only: set[str] | None) -> bytes:
        chosen = self._settings
        targets = [target for target in chosen.targets if only is None or target.name in only]
        try:
            tip = Tip.of(raw)
        except note.NoteError as error:
            raise RecorderError("The log's own checkpoint cannot be read.", f"{error.detail}.") from None
        done = run_round(self._layout.database, self._shelf, chosen, tip, targets)
        return to_line(done, chosen.interval_s, min(chosen.need, len(chosen.witnesses)), asked=asked)

    def _reload(self) -> None:
        """Take over changed settings; raises AnchorSettingsError once for a file that is wrong, and keeps the old."""
        try:
            changed = self._layout.anchors.stat().st_mtime_ns
        except FileNotFoundError:
            changed = 0
        if changed == self._read_at:
            return
        self._read_at = changed
        self._settings = settings.load(self._layout.anchors)
        self._last_at = -math.inf


def main() -> int:
    """Until stdin ends."""
    os.nice(5)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the recorder, whose end ends this process
    worker = Worker(Layout(Path(sys.argv[1])))
    while True:
        ready, _, _ = select.select([sys.stdin.fileno()], [], [], TICK_S)
        asked = b""
        if ready:
            asked = os.read(sys.stdin.fileno(), 4096)
            if not asked:
                return 0
        try:
            line = worker.look(asked=bool(asked))
        except (RecorderError, sqlite3.Error, OSError) as error:
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
            line = None
        if line is None and asked:
            line = report.NOTHING
        if line is not None:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
