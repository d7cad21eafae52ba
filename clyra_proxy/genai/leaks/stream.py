"""Leaks in a streamed answer, found as it grows.

Rule: any split of a text gives the same signals and edits as the whole, because both go through the same windows
(`windows`); only the tail that could still become part of a leak waits (`held`), and the head of a block that may go on
with what another began (`seams`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from clyra_proxy.genai.inspection import Signal, TextEdit
from clyra_proxy.genai.leaks.leak import Leak
from clyra_proxy.genai.leaks.seams import Seam, Seams
from clyra_proxy.genai.leaks.windows import GrowingText, OpenFrom, ScanWindow
from clyra_proxy.genai.protocols.reading import FOREIGN

type Report = Callable[[str, str, Leak], Sequence[Signal | TextEdit]]
"""Says what to tell of a leak: block, the value, the leak with offsets from the start of the block."""

type Across = Callable[[Leak], Sequence[Signal]]
"""Says what to tell of a leak that began in another block."""


class LeakStream:
    """One streamed answer. scan: leaks of one window; foreign: the same for text that the model only brings along;
    report: what to tell of one; open_from: of `GrowingText`; across: what to tell of one that goes over a border."""

    def __init__(
        self,
        scan: ScanWindow,
        report: Report,
        *,
        foreign: ScanWindow | None = None,
        open_from: OpenFrom | None = None,
        across: Across | None = None,
    ) -> None:
        self._scan = scan
        self._foreign = foreign or scan
        self._open_from = open_from
        self._report = report
        self._across = across
        self._seams = Seams(scan, open_from)
        self._blocks: dict[str, _Block] = {}

    def feed(self, block: str, text: str) -> tuple[int, Sequence[Signal | TextEdit]]:
        state = self._blocks.get(block)
        if state is None:
            scan = self._foreign if block.startswith(FOREIGN) else self._scan
            seam = self._seams.open(block) if self._across is not None else None
            state = self._blocks[block] = _Block(GrowingText(scan, self._open_from), seam)
        state.add(text)
        gone = state.decided
        told = self._tell(block, state, state.growing.feed(text), gone)
        told += self._over_border(state, text)
        self._seams.note(block, text)
        state.forget()
        return state.decided, told

    def end(self, block: str) -> Sequence[Signal | TextEdit]:
        state = self._blocks.pop(block, None)
        if state is None:
            return []
        gone = state.decided
        told = self._tell(block, state, state.growing.end(), gone)
        return told + self._over_border(state, None)

    def _over_border(self, state: _Block, text: str | None) -> list[Signal]:
        """What goes over the border before a block. text: more of the block, None at its end."""
        seam = state.seam
        if seam is None or self._across is None:
            return []
        crossing = [*seam.feed(text)] if text is not None else []
        if text is None or seam.is_past:
            crossing += seam.end()
            state.seam = None
        return [signal for leak in crossing for signal in self._across(leak)]

    def _tell(self, block: str, state: _Block, leaks: Sequence[Leak], gone: int) -> list[Signal | TextEdit]:
        """gone: characters that have left already; of a leak that began among them the rest is told."""
        left = [replace(leak, start=gone) if leak.start < gone < leak.end else leak for leak in leaks]
        return [told for leak in left for told in self._report(block, state.cut(leak), leak)]


class _Block:
    """The undecided text of one block, so that a value can be cut out of it."""

    def __init__(self, growing: GrowingText, seam: Seam | None = None) -> None:
        self.growing = growing
        self.seam = seam
        self.decided = 0
        self._text = ""
        self._start = 0

    def add(self, text: str) -> None:
        self._text += text

    def cut(self, leak: Leak) -> str:
        return self._text[max(0, leak.start - self._start) : max(0, leak.end - self._start)]

    def forget(self) -> None:
        """What is decided by now, on either side, may leave and is forgotten."""
        held = self.growing.decided if self.seam is None else min(self.growing.decided, self.seam.decided)
        self.decided = decided = max(self.decided, held)
        self._text = self._text[max(0, decided - self._start) :]
        self._start = max(self._start, decided)
