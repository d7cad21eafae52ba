"""What a disk may hold after the power failed: every state that the writes before and their syncs allow.

The traced process runs with a preloaded library that records each write and each sync. A write is certain to be on the
disk only after a sync of its file that came later; until then it may be missing, there, or there in some of its
512-byte sectors. Creating, renaming and removing a file count as done in order, as a journaling file system does them.
"""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_HEAD = struct.Struct("=cqHI")
SOURCE = Path(__file__).with_suffix(".c")


@dataclass(frozen=True, slots=True)
class Operation:
    """One entry of the trace. op: O W T S U R; offset: of a write, or the new size."""

    op: str
    path: str
    offset: int
    data: bytes


def build(folder: Path) -> Path:
    """The preloadable library."""
    library = folder / "write_trace.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True)
    return library


def environment(library: Path, trace: Path, root: Path) -> dict[str, str]:
    return {"LD_PRELOAD": str(library), "WRITE_TRACE": str(trace), "WRITE_TRACE_ROOT": str(root)}


def read(trace: Path) -> Iterator[Operation]:
    raw = trace.read_bytes()
    at = 0
    while at < len(raw):
        op, offset, length, size = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        path = raw[at : at + length].decode()
        data = raw[at + length : at + length + size]
        at += length + size
        yield Operation(op.decode(), path, offset, data)


@dataclass(slots=True)
class Disk:
    """Files as they certainly are, and the writes that may or may not be there."""

    certain: dict[str, bytearray] = field(default_factory=dict)
    pending: dict[str, list[Operation]] = field(default_factory=dict)

    def apply(self, step: Operation) -> None:
        if step.op == "O":
            self.certain.setdefault(step.path, bytearray())
        elif step.op in "WT":
            self.pending.setdefault(step.path, []).append(step)
        elif step.op == "S" and step.path in self.certain:  # a folder's sync only orders what counts as done anyway
            content = self.certain[step.path]
            for one in self.pending.pop(step.path, []):
                _write(content, one, None)
        elif step.op == "U":
            self.certain.pop(step.path, None)
            self.pending.pop(step.path, None)
        elif step.op == "R":
            target = step.data.decode()
            self.certain[target] = self.certain.pop(step.path, bytearray())
            self.pending[target] = self.pending.pop(step.path, [])

    def states(self, dice: random.Random) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Names and contents of the files, once for each way the power may have failed now."""
        yield "nothing unsynced survived", self._state(lambda _: 0.0, dice)
        if any(self.pending.values()):
            yield "everything survived", self._state(lambda _: 1.0, dice)
            yield "some sectors survived", self._state(lambda _: 0.5, dice)
            last = dice.choice([path for path, steps in self.pending.items() if steps])
            yield "one file survived, others did not", self._state(lambda path: float(path == last), dice)

    def _state(self, share: object, dice: random.Random) -> dict[str, bytes]:
        found = {path: bytearray(content) for path, content in self.certain.items()}
        for path, steps in self.pending.items():
            content = found.setdefault(path, bytearray())
            odds = share(path)  # type: ignore[operator]
            for step in steps:
                if odds == 1.0:
                    _write(content, step, None)
                elif odds:
                    _write(content, step, dice)
        return {path: bytes(content) for path, content in found.items()}


def _write(content: bytearray, step: Operation, dice: random.Random | None) -> None:
    """Apply one write or truncation; with dice, each sector of it only perhaps."""
    if step.op == "T":
        if dice is None or dice.random() < 0.5:
            del content[step.offset :]
            content.extend(bytes(step.offset - len(content)))
        return
    at = 0
    while at < len(step.data):
        size = SECTOR - (step.offset + at) % SECTOR
        piece = step.data[at : at + size]
        if dice is None or dice.random() < 0.5:
            place = step.offset + at
            content.extend(bytes(max(0, place - len(content))))
            content[place : place + len(piece)] = piece
        at += size
