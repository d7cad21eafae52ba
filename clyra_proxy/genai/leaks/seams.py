"""Secrets cut in two by the border of two content blocks of one streamed answer.

Rule: blocks of one message are read one after the other, so the head of a block is looked at with the end of the one
before it, as `joining` does for whole messages; until that is decided, it waits. The end of the block before has left
by then: what crosses the border is refused, so that its rest never leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clyra_proxy.genai.joining import END, message_of
from clyra_proxy.genai.leaks.leak import Leak
from clyra_proxy.genai.leaks.windows import GrowingText, OpenFrom, ScanWindow
from clyra_proxy.genai.protocols.reading import ECHO, FOREIGN


class Seams:
    """What was said last in each message of an answer. scan, open_from: as of `GrowingText`."""

    def __init__(self, scan: ScanWindow, open_from: OpenFrom | None = None) -> None:
        self._scan, self._open_from = scan, open_from
        self._last: dict[tuple[str, str], tuple[str, str]] = {}

    def open(self, block: str) -> Seam | None:
        """The border before a block that begins; None where nothing was said before it."""
        message = _message(block)
        _, before = self._last.get(message, ("", "")) if message is not None else ("", "")
        return Seam(GrowingText(self._scan, self._open_from), before) if before else None

    def note(self, block: str, text: str) -> None:
        """More text of a block: what a later one may go on from."""
        if (message := _message(block)) is not None:
            _, before = self._last.get(message, ("", ""))
            self._last[message] = block, (before + text)[-END:]


@dataclass(slots=True)
class Seam:
    """One border. before: what stands before it."""

    growing: GrowingText
    before: str
    _fed: int = -1

    @property
    def decided(self) -> int:
        """Characters after the border that cannot be part of anything that crosses it."""
        return max(0, self.growing.decided - len(self.before))

    @property
    def is_past(self) -> bool:
        """Whether so much was said after the border that nothing crosses it any more."""
        return self._fed >= END

    def feed(self, text: str) -> Sequence[Leak]:
        """What crosses the border, now that more is known of what stands after it."""
        if self._fed < 0:
            self.growing.feed(self.before)
            self._fed = 0
        self._fed += len(text)
        return self._crossing(self.growing.feed(text))

    def end(self) -> Sequence[Leak]:
        """Nothing more comes after it, or enough came."""
        return self._crossing(self.growing.end())

    def _crossing(self, leaks: Sequence[Leak]) -> Sequence[Leak]:
        border = len(self.before)
        return [leak for leak in leaks if leak.start < border < leak.end]


def _message(block: str) -> tuple[str, str] | None:
    return None if block.startswith((FOREIGN, ECHO)) else message_of(block)
