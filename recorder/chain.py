"""The tip of the log: turns a source's event into the next record.

One object owns everything that must never disagree: next sequence number, previous leaf hash, frontier, clocks. It is
copied before a group commit and the copy becomes the truth only when the commit is durable, so a failed commit leaves
nothing behind.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from recorder import FORMAT, record
from recorder.merkle import Frontier, leaf_hash

CLOCK_STEP_US = 2_000_000
"""A wall clock that moves this much against the boot clock between two looks has been set, not slewed."""

type Clock = Callable[[], tuple[int, int]]


def system_clock() -> tuple[int, int]:
    """(wall clock, time since boot including suspend), both in microseconds."""
    return time.time_ns() // 1000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Appended(NamedTuple):
    """One new record, ready to store: a row of `records` as it is."""

    seq: int
    leaf: bytes
    line: bytes


@dataclass(slots=True)
class Chain:
    """The growing end of one log in one run of the recorder. last_ts, now_ts: microseconds since the epoch."""

    origin: str
    frontier: Frontier = field(default_factory=Frontier)
    prev: str = record.GENESIS_PREV
    last_ts: int = 0
    own_seq: int = 0
    boot: str = field(default_factory=lambda: secrets.token_hex(4))
    clock: Clock = system_clock
    _mono: int = 0
    _offset: int | None = None
    _now_text: str = ""

    @property
    def size(self) -> int:
        return self.frontier.size

    def copy(self) -> Chain:
        return Chain(
            self.origin, self.frontier.copy(), self.prev, self.last_ts, self.own_seq, self.boot, self.clock,
            self._mono, self._offset, self._now_text,
        )  # fmt: skip

    def continue_run(self, before: Chain) -> None:
        """This chain was read back from disk in the same run as `before`: keep its boot id and clock."""
        self.boot, self._mono, self._offset, self._now_text = (
            before.boot,
            before._mono,
            before._offset,
            before._now_text,
        )

    def look_at_clock(self) -> Appended | None:
        """Take the time for the records that follow; a step of the clock is itself a record, returned to be stored."""
        wall, mono = self.clock()
        known = self._offset
        drift = (wall - mono) - known if known is not None else min(0, wall - self.last_ts)
        self._offset = wall - mono
        self._mono = max(self._mono, mono)
        step = None
        if abs(drift) > CLOCK_STEP_US and self.size:
            step = self._record_step(wall, drift, "step" if known is not None else "restart")
            self.last_ts = wall
        else:
            self.last_ts = max(self.last_ts, wall)
        self._now_text = record.timestamp(self.last_ts)
        return step

    def append(self, typ: str, fields: dict[str, Any], source: str, source_seq: int, mac: str = "") -> Appended:
        """Make the next record. Raises RecordError, and then nothing has changed."""
        frontier, mono = self.frontier, self._mono + 1
        seq = frontier.size
        src = {"id": source, "seq": source_seq, "mac": mac} if mac else {"id": source, "seq": source_seq}
        entry = {
            **fields,
            "v": FORMAT,
            "typ": typ,
            "origin": self.origin,
            "seq": seq,
            "prev": self.prev,
            "ts": self._now_text,
            "boot": self.boot,
            "mono_us": mono,
            "src": src,
        }
        line = record.encode(entry)
        leaf = leaf_hash(line)
        frontier.append(leaf)
        self.prev, self._mono = leaf.hex(), mono
        return Appended(seq, leaf, line)

    def append_own(self, typ: str, data: dict[str, Any], **fields: Any) -> Appended:
        """A record of the recorder's own making, with its own source counter."""
        made = self.append(typ, {"data": data, **fields}, record.RECORDER_SOURCE, self.own_seq + 1)
        self.own_seq += 1
        return made

    def _record_step(self, wall: int, drift: int, cause: str) -> Appended:
        old = max(self.last_ts, wall - drift)
        self._now_text = record.timestamp(max(self.last_ts, wall) if drift > 0 else self.last_ts)
        data = {"old": record.timestamp(old), "new": record.timestamp(wall), "cause": cause}
        return self.append_own("sys.clock", data)
