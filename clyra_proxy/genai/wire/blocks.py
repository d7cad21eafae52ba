"""The content blocks of a streamed answer as they grow: which piece of a block's text stands in which event."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from clyra_proxy.genai.inspection import Edit, Erasure, TextEdit
from clyra_proxy.genai.model import ToolCall
from clyra_proxy.genai.protocols.json_text import parse_embedded
from clyra_proxy.genai.protocols.reading import ECHO, Delta, DeltaKind
from clyra_proxy.genai.wire.window import Held, Window


@dataclass(frozen=True, slots=True)
class _Piece:
    """Characters `start` to `end` of a block, in the string at `path` of an event."""

    start: int
    end: int
    held: Held
    path: str


@dataclass(slots=True)
class _Text:
    length: int = 0
    pieces: deque[_Piece] = field(default_factory=deque)


@dataclass(slots=True)
class _Call:
    """A call in the making. kind: of its tool."""

    name: str = ""
    kind: str = "function"
    arguments: list[str] = field(default_factory=list)


class Blocks:
    """Text blocks and tool calls, by block key."""

    def __init__(self) -> None:
        self._texts: dict[str, _Text] = {}
        self._calls: dict[str, _Call] = {}

    def grow_text(self, delta: Delta, held: Held) -> None:
        """More text of a block; the event waits until it is decided."""
        text = self._texts.setdefault(delta.block, _Text())
        piece = _Piece(text.length, text.length + len(delta.text), held, delta.path)
        text.length = piece.end
        text.pieces.append(piece)
        held.undecided.add((delta.block, piece.start))

    def decide(self, block: str, decided: int) -> None:
        """Characters of `block` before `decided` are decided."""
        pieces = self._texts[block].pieces
        while pieces and pieces[0].end <= decided:
            piece = pieces.popleft()
            piece.held.undecided.discard((block, piece.start))

    def edit(self, edit: TextEdit, block: str, window: Window) -> bool:
        """Edit undecided text wherever its pieces stand; false when one of them cannot be edited."""
        text = self._texts.get(block)
        if text is None:
            return False
        covered = edit.start
        for piece in text.pieces:
            first, last = max(edit.start, piece.start), min(edit.end, piece.end)
            if first >= last:
                continue
            replacement = edit.replacement if first == edit.start else ""
            local: Edit = TextEdit(piece.path, first - piece.start, last - piece.start, replacement)
            if block.startswith(ECHO):
                local = Erasure(piece.path)
            if first != covered or not window.edit(piece.held, [local]):
                return False
            covered = last
        return covered == edit.end

    def grow_call(self, delta: Delta) -> None:
        """A call begins, or its arguments go on."""
        call = self._calls.setdefault(delta.block, _Call())
        if delta.kind is DeltaKind.ARGUMENTS:
            call.arguments.append(delta.text)
        elif not call.name:
            call.name, call.kind = delta.text, delta.tool

    def complete_call(self, block: str) -> ToolCall | None:
        """The call of `block`, now complete; None when the block is none."""
        found = self._calls.pop(block, None)
        if found is None:
            return None
        raw = "".join(found.arguments)
        return ToolCall(found.name, parse_embedded(raw) if raw else {}, raw, kind=found.kind, block=block)

    def has_text(self, block: str) -> bool:
        return block in self._texts

    def forget(self, block: str) -> None:
        """Of a text that is complete and decided."""
        self._texts.pop(block, None)

    def all_blocks(self) -> list[str]:
        """Every block that has begun."""
        return [*self._texts, *self._calls]
