"""Leaks in a streamed answer, found as it grows.

Rule: any split of a text gives the same signals and edits as the whole, because both go through the same windows
(`windows`); only the tail that could still become part of a leak waits (`held`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from clyra_proxy.genai.inspection import Signal, TextEdit
from clyra_proxy.genai.leaks.leak import Leak
from clyra_proxy.genai.leaks.windows import GrowingText, OpenFrom, ScanWindow
from clyra_proxy.genai.protocols.reading import FOREIGN

type Report = Callable[[str, str, Leak], Sequence[Signal | TextEdit]]
"""Says what to tell of a leak: block, the value, the leak with offsets from the start of the block."""


class LeakStream:
    """One streamed answer. scan: leaks of one window; foreign: the same for text that the model only brings along;
    report: what to tell of one; open_from: of `GrowingText`."""

    def __init__(
        self, scan: ScanWindow, report: Report, *, foreign: ScanWindow | None = None, open_from: OpenFrom | None = None
    ) -> None:
        self._scan = scan
        self._foreign = foreign or scan
        self._open_from = open_from
        self._report = report
        self._blocks: dict[str, _Block] = {}

    def feed(self, block: str, text: str) -> tuple[int, Sequence[Signal | TextEdit]]:
        state = self._blocks.get(block)
        if state is None:
            scan = self._foreign if block.startswith(FOREIGN) else self._scan
            state = self._blocks[block] = _Block(GrowingText(scan, self._open_from))
        state.add(text)
        gone = state.growing.decided
        told = self._tell(block, state, state.growing.feed(text), gone)
        state.forget(state.growing.decided)
        return state.growing.decided, told

    def end(self, block: str) -> Sequence[Signal | TextEdit]:
        state = self._blocks.pop(block, None)
        if state is None:
            return []
        gone = state.growing.decided
        return self._tell(block, state, state.growing.end(), gone)

    def _tell(self, block: str, state: _Block, leaks: Sequence[Leak], gone: int) -> list[Signal | TextEdit]:
        """gone: characters that have left already; of a leak that began among them the rest is told."""
        left = [replace(leak, start=gone) if leak.start < gone < leak.end else leak for leak in leaks]
        return [told for leak in left for told in self._report(block, state.cut(leak), leak)]


class _Block:
    """The undecided text of one block, so that a value can be cut out of it."""

    def __init__(self, growing: GrowingText) -> None:
        self.growing = growing
        self._text = ""
        self._start = 0

    def add(self, text: str) -> None:
        self._text += text

    def cut(self, leak: Leak) -> str:
        return self._text[max(0, leak.start - self._start) : max(0, leak.end - self._start)]

    def forget(self, decided: int) -> None:
        self._text = self._text[max(0, decided - self._start) :]
        self._start = max(self._start, decided)
