"""Inspectors for tests of the wire: ATTACK is blocked, SECRET and three digits are redacted, tools named bad_* go."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from clyra_proxy.genai.compiled import CompiledGenAi
from clyra_proxy.genai.exceptions import load_exceptions
from clyra_proxy.genai.inspection import Inspection, Removal, Signal, TextEdit, Workshop
from clyra_proxy.genai.model import ToolCall
from clyra_proxy.policy.genai.section import GenAiSecurity
from clyra_proxy.verdict.model import Action

_SECRET = re.compile(r"SECRET\d{3}")
_PREFIX = "SECRET000"


class Attacks:
    """Blocks, raises or hangs on words of that name."""

    id = "injection"

    def inspect(self, inspection: Inspection) -> Iterator[Signal]:
        for segment in inspection.conversation.segments:
            if "RAISE" in segment.text:
                raise RuntimeError("a fault")
            if "HANG" in segment.text:
                time.sleep(1.2)
            if "ATTACK" in segment.text:
                yield Signal("injection.direct", path=segment.path, detail={"patterns": "toy"})


class Secrets:
    """Redacts whole and streamed."""

    id = "leak"

    def inspect(self, inspection: Inspection) -> Iterator[Signal]:
        for segment in inspection.conversation.segments:
            for found in _SECRET.finditer(segment.text):
                edit = TextEdit(segment.path, *found.span(), "[gone]", segment.block)
                yield Signal("leak.secret", path=segment.path, detail={"patterns": "toy"}, edits=(edit,))

    def open_stream_scanner(self, inspection: Inspection) -> Scanner:
        return Scanner()


class Scanner:
    """Holds back what could become a SECRET."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._told: dict[str, int] = {}

    def feed(self, block: str, text: str) -> tuple[int, Sequence[Signal | TextEdit]]:
        whole = self._texts[block] = self._texts.get(block, "") + text
        found: list[Signal | TextEdit] = []
        for match in _SECRET.finditer(whole):
            if match.start() >= self._told.get(block, 0):
                self._told[block] = match.end()
                edit = TextEdit("", *match.span(), "[gone]", block)
                found.append(Signal("leak.secret", detail={"patterns": "toy"}, edits=(edit,)))
        return len(whole) - _undecided(whole), found

    def end(self, block: str) -> Sequence[Signal | TextEdit]:
        return ()


def _undecided(text: str) -> int:
    for size in range(min(len(text), 8), 0, -1):
        tail = text[-size:]
        if all(a == b or (b == "0" and a.isdigit()) for a, b in zip(tail, _PREFIX, strict=False)):
            return size
    return 0


class Tools:
    """Hides tools from lists, refuses calls of them."""

    id = "tools"

    def inspect(self, inspection: Inspection) -> Iterator[Signal]:
        for tool in inspection.conversation.tools:
            if tool.name.startswith("bad_"):
                yield Signal("tools.hidden", path=tool.path, detail={"tool": tool.name}, edits=(Removal(tool.path),))
        for call in inspection.conversation.calls:
            yield from self.judge_call(call, inspection)

    def judge_call(self, call: ToolCall, inspection: Inspection) -> list[Signal]:
        if call.name.startswith("bad_"):
            return [Signal("tools.denied", Action.BLOCK, call.path, detail={"tool": call.name})]
        return []


def compile_toys(settings: GenAiSecurity, base_dir: Path, workshop: Workshop) -> CompiledGenAi:
    """Stands in for `compile_genai`."""
    return CompiledGenAi(settings, (Attacks(), Secrets(), Tools()), load_exceptions(None), None, workshop.secret)
