"""A text in overlapping windows whose borders depend on the text alone.

Rule: a border is the first line end after 4 Ki characters, else the first blank after 6 Ki, else the 8 Ki-th character;
each window is a piece with the end of what stands before it (1 Ki characters, or as much as is still open there), and
owns the leaks that end in its own piece. So a text that arrives in any pieces meets the same windows, memory stays
bounded, and time is linear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from clyra_proxy.genai.leaks.held import held_from, may_end_leak
from clyra_proxy.genai.leaks.leak import Leak
from clyra_proxy.patience import go_on

_SOFT, _MIDDLE, _HARD = 4096, 6144, 8192
_BEFORE, _MOST_BEFORE = 1024, 16_384
_BLANKS = " \t\n\r\f\v"

type ScanWindow = Callable[[str], list[Leak]]
type OpenFrom = Callable[[str], int | None]


def next_border(text: str, start: int) -> int | None:
    """Where the piece that begins at `start` ends; None while the text so far does not decide it."""
    line = text.find("\n", start + _SOFT, start + _MIDDLE)
    if line >= 0:
        return line + 1
    if len(text) < start + _MIDDLE:
        return None
    stop = min(len(text), start + _HARD)
    for at in range(start + _MIDDLE, stop):
        if text[at] in _BLANKS:
            return at + 1
    return stop if stop == start + _HARD else None


@dataclass(slots=True)
class GrowingText:
    """One text as it grows. decided: characters from its start that no later text can make part of a leak.

    scan: gives the leaks of one window, without overlaps, in order. open_from: where something that is words alone (a
    canary token, say) may have begun, None where any word may be; with it, every word is scanned.
    """

    scan: ScanWindow
    open_from: OpenFrom | None = None
    decided: int = 0
    _text: str = ""  # the window: the end of what was before and what there is of this piece
    _base: int = 0  # where the window begins in the whole
    _border: int = 0  # where its own piece begins, in the window
    _told: int = 0  # end of the last leak that was given

    def feed(self, text: str, *, early: bool = True) -> list[Leak]:
        """More of it; the leaks that are now certain, with offsets in the whole. early: also of an unfinished piece."""
        self._text += text
        found: list[Leak] = []
        while (border := next_border(self._text, self._border)) is not None:
            go_on()
            found += self._own(self.scan(self._text[:border]), border - 1)
            start = _context(self._text[:border])
            self._text = self._text[start:]
            self._base += start
            self._border = border - start
        if early:
            found += self._early()
        return found

    def _early(self) -> list[Leak]:
        """What is certain already. Nothing is scanned while no word is complete that a leak could end with."""
        open_from = self.open_from(self._text) if self.open_from is not None else len(self._text)
        held = held_from(self._text, plain_words=open_from is not None)
        held = held if open_from is None else min(held, open_from)
        seen = max(self.decided - self._base, 0)
        if held <= seen:
            return []
        found: list[Leak] = []
        if self.open_from is not None or may_end_leak(self._text, seen, held):
            leaks = self.scan(self._text)
            held = min([held, *(leak.start for leak in leaks if leak.end > held)])
            found = self._own(leaks, held)
        self.decided = max(self.decided, self._base + held, self._told)
        return found

    def end(self) -> list[Leak]:
        """It is complete."""
        found = self._own(self.scan(self._text), len(self._text))
        self.decided = self._base + len(self._text)
        return found

    def _own(self, leaks: list[Leak], limit: int) -> list[Leak]:
        """Those of a window's leaks that end in its own piece, no later than `limit`, and were not given yet."""
        found = []
        for leak in leaks:
            start, end = leak.start + self._base, leak.end + self._base
            if self._border <= leak.end <= limit and start >= self._told:
                found.append(replace(leak, start=start, end=end))
                self._told = end
        return found


def _context(window: str) -> int:
    """Where the next window begins: at a blank, and before whatever is still open at the end of this one."""
    start = max(0, len(window) - _BEFORE)
    while start > 0 and window[start - 1] not in _BLANKS and len(window) - start < 2 * _BEFORE:
        start -= 1
    return max(min(start, held_from(window)), len(window) - _MOST_BEFORE, 0)


def scan_whole(text: str, scan: ScanWindow) -> list[Leak]:
    """The leaks of a complete text, in order."""
    growing = GrowingText(scan)
    found: list[Leak] = []
    at = 0
    while (border := next_border(text, at)) is not None:
        found += growing.feed(text[at:border], early=False)
        at = border
    return found + growing.feed(text[at:], early=False) + growing.end()
