"""A second process that looks at every other block of records, so that both cores of a small machine are used.

Blocks travel through shared memory, answers through a pipe. It knows nothing but the quick check, and its only
good answer is "clean"; if it dies, its blocks go the slow way. Memory is bounded by the number of slots.
"""

from __future__ import annotations

import mmap
import os
import pickle
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from recorder.verify.quick import Clean, check_block

SLOTS: Final = 3
SLOT_BYTES: Final = 1 << 21
_ORDER = struct.Struct("<II")
_LENGTH = struct.Struct("<I")


class SecondProcess:
    """The parent's end. At most SLOTS blocks are under way, answered in order."""

    def __init__(self, memory: mmap.mmap, orders: BinaryIO, answers: BinaryIO) -> None:
        self._memory, self._orders, self._answers = memory, orders, answers
        self._free = deque(range(SLOTS))
        self._busy: deque[int] = deque()
        self._dead = False

    def offer(self, block: bytes) -> bool:
        """Hand over a block; False when it does not fit or all slots are taken."""
        if self._dead or not self._free or len(block) > SLOT_BYTES:
            return False
        slot = self._free.popleft()
        self._memory[slot * SLOT_BYTES : slot * SLOT_BYTES + len(block)] = block
        try:
            self._orders.write(_ORDER.pack(slot, len(block)))
            self._orders.flush()
        except OSError:
            self._dead = True
            return False
        self._busy.append(slot)
        return True

    def answer(self) -> Clean | None:
        """The answer to the oldest block that was handed over; waits for it."""
        self._free.append(self._busy.popleft())
        if self._dead:
            return None
        try:
            (length,) = _LENGTH.unpack(self._answers.read(_LENGTH.size))
            found = pickle.loads(self._answers.read(length))  # noqa: S301 - our own child's
        except (OSError, struct.error, EOFError, pickle.UnpicklingError):
            self._dead = True
            return None
        return found if isinstance(found, Clean) else None


@contextmanager
def beside(origin: str, *, wanted: bool) -> Iterator[SecondProcess | None]:
    """A second process for one log's records while the block runs; None when there can be none."""
    if not wanted or not hasattr(os, "fork") or threading.active_count() > 1 or (os.cpu_count() or 1) < 2:
        yield None
        return
    memory = mmap.mmap(-1, SLOTS * SLOT_BYTES)
    orders_in, orders_out = os.pipe()
    answers_in, answers_out = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(orders_out)
        os.close(answers_in)
        _serve(memory, orders_in, answers_out, origin)
    os.close(orders_in)
    os.close(answers_out)
    with os.fdopen(orders_out, "wb") as orders, os.fdopen(answers_in, "rb") as answers:
        try:
            yield SecondProcess(memory, orders, answers)
        finally:
            orders.close()  # it ends when its orders do,
            answers.close()  # or when nobody wants an answer any more
            os.waitpid(child, 0)
            memory.close()


def _serve(memory: mmap.mmap, orders: int, answers: int, origin: str) -> None:
    """The child's whole life; never returns."""
    try:
        with os.fdopen(orders, "rb") as source, os.fdopen(answers, "wb") as sink:
            while len(order := source.read(_ORDER.size)) == _ORDER.size:
                slot, length = _ORDER.unpack(order)
                block = memory[slot * SLOT_BYTES : slot * SLOT_BYTES + length]
                raw = pickle.dumps(check_block(block, origin), pickle.HIGHEST_PROTOCOL)
                sink.write(_LENGTH.pack(len(raw)) + raw)
                sink.flush()
    finally:
        os._exit(0)
