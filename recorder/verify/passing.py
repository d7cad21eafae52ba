"""Running records through the pass: member bytes in, checked lines out, in constant memory.

Lines go by in blocks. A block is first asked the quick way, here or in a second process; only one that is not clean, or
does not join, is taken line by line. Blocks join in order, whoever looked at them, so the report is the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Final

from recorder.merkle import HASH_SIZE
from recorder.verify.quick import Clean, check_block
from recorder.verify.records import MAX_LINE, RecordCheck
from recorder.verify.second_process import SecondProcess, beside

BLOCK: Final = 1 << 20
WORTH_HELP: Final = 16 << 20
"""Bytes of records from which a second process is worth starting."""


class Cutter:
    """Cuts a stream into blocks of whole lines. rest: what has no newline yet; of a longer line only its beginning."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.rest = b""

    def blocks(self) -> Iterator[bytes]:
        """Whole lines, without the newline of the last; about BLOCK bytes each."""
        held: list[bytes] = []
        size = 0
        for chunk in self._chunks:
            at = chunk.rfind(b"\n")
            if at < 0:
                if len(self.rest) < MAX_LINE:
                    self.rest = (self.rest + chunk)[:MAX_LINE]
                continue
            held.append(self.rest + chunk[:at])
            size += len(held[-1])
            self.rest = chunk[at + 1 :][:MAX_LINE]
            if size >= BLOCK:
                yield b"\n".join(held)
                held, size = [], 0
        if held:
            yield b"\n".join(held)


def check_lines(
    check: RecordCheck, chunks: Iterable[bytes], tell: Callable[[], None], *, helped: bool = False
) -> tuple[str, str]:
    """Pass every line through `check`; (hex SHA-256 of the bytes, the same over the leaf hashes or "")."""
    digest = sha256()

    def hashed() -> Iterator[bytes]:
        for chunk in chunks:
            digest.update(chunk)
            yield chunk

    cutter = Cutter(hashed())
    if check.reading:
        with beside(check.origin, wanted=helped) as second:
            _check_blocks(check, cutter.blocks(), second, tell)
    else:
        for block in cutter.blocks():
            check.lines(line[:MAX_LINE] for line in block.split(b"\n"))
            tell()
    if cutter.rest:
        check.unended(cutter.rest)
    check.finish()
    return digest.hexdigest(), check.leaves.hexdigest() if check.leaves is not None else ""


def _check_blocks(
    check: RecordCheck, blocks: Iterable[bytes], second: SecondProcess | None, tell: Callable[[], None]
) -> None:
    """waiting: blocks in order, with what was found; `...` marks one the second process has."""
    waiting: deque[tuple[bytes, Clean | None, bool]] = deque()

    def settle(limit: int) -> None:
        while waiting and (len(waiting) > limit or not waiting[0][2]):
            block, found, away = waiting.popleft()
            if away and second is not None:
                found = second.answer()
            _join(check, block, found)
            tell()

    for block in blocks:
        if second is not None and second.offer(block):
            waiting.append((block, None, True))
        else:
            waiting.append((block, check_block(block, check.origin), False))
        settle(_MOST_WAITING)
    settle(0)


def _join(check: RecordCheck, block: bytes, found: Clean | None) -> None:
    if found is None or not check.joins(found):
        check.lines(line[:MAX_LINE] for line in block.split(b"\n"))
    else:
        check.take(found)


def check_leaves(check: RecordCheck, chunks: Iterable[bytes]) -> bool:
    """Grow the tree from stored leaf hashes; False when the member is not whole hashes."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        whole = len(rest) - len(rest) % HASH_SIZE
        for at in range(0, whole, HASH_SIZE):
            check.leaf(rest[at : at + HASH_SIZE], "")
        rest = rest[whole:]
    return not rest


_MOST_WAITING: Final = 6
"""Blocks kept until their turn: what the second process has, and a few done here meanwhile."""
