"""What a view shows that the text before it did not: its changed lines, with some around them.

Rule: only long texts are cut, because the lines that are the same have been looked at already; every line that is new
is kept, and where a byte of the cut text stood is known, so that what is found in it counts where it is. Linear.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

_WORTH_CUTTING = 4000
_AROUND = 3
"""Lines kept before and after a changed one."""
_APART = b"---"

type Cut = tuple[tuple[int, int], ...]
"""(byte of the cut text, what to add from there on to come to the byte of the whole), in order."""


def cut(before: bytes, after: bytes) -> tuple[bytes, Cut]:
    """The lines of `after` that are not as they were, and the way back."""
    if len(after) < _WORTH_CUTTING:
        return after, ()
    old, new = before.split(b"\n"), after.split(b"\n")
    if len(old) == len(new):
        changed = [number for number, (was, line) in enumerate(zip(old, new, strict=True)) if was != line]
    else:
        known = set(old)
        changed, old = [number for number, line in enumerate(new) if line not in known], new
    return _kept(new, changed, [0, *accumulate(len(line) + 1 for line in old)])


def _kept(lines: list[bytes], changed: list[int], starts: list[int]) -> tuple[bytes, Cut]:
    """starts: where each line stands in the whole."""
    kept: list[bytes] = []
    way: list[tuple[int, int]] = []
    end = size = 0
    for number in changed:
        start = max(end, number - _AROUND)
        if start > end:
            kept.append(_APART)
            size += len(_APART) + 1
        end = min(len(lines), max(end, number + _AROUND + 1))
        for place in range(start, end):
            way.append((size, starts[place] - size))
            kept.append(lines[place])
            size += len(lines[place]) + 1
    return b"\n".join(kept), tuple(way)


def whole_place(way: Cut, byte: int) -> int:
    """Where a byte of the cut text stood."""
    number = bisect_right(way, byte, key=lambda one: one[0])
    return byte + way[number - 1][1] if number else byte
