"""Halted tools: calls of them are refused where they are made, in a request to a tool server or a model's answer.

Inspector and CallInspector (`clyra_proxy.genai.inspection`): what is streamed is stopped at the call. Names are
compared as they are called; what a conversation repeats of earlier turns is not called again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.model import Direction, ToolCall
from clyra_proxy.verdict.model import Action

type Halted = Callable[[], frozenset[str]]

OF_SERVERS = frozenset({"mcp_tool"})
"""Kinds of calls that a request makes; others are made by answers."""


class HaltedTools:
    """halted: names of the tools that are halted now."""

    id = "halt"

    def __init__(self, halted: Halted) -> None:
        self._halted = halted

    def inspect(self, inspection: Inspection) -> Iterator[Signal]:
        if self._halted():
            for call in inspection.conversation.calls:
                yield from self.judge_call(call, inspection)

    def judge_call(self, call: ToolCall, inspection: Inspection) -> Iterator[Signal]:
        """One call, as soon as its name is known."""
        if call.name in self._halted() and is_made_here(call, inspection.conversation.direction):
            yield Signal("halt.active", Action.BLOCK, call.path, detail={"scope": "tool", "tool": call.name[:64]})


def is_made_here(call: ToolCall, direction: Direction) -> bool:
    """Whether a message of this direction makes the call, and does not repeat or quote it."""
    return not call.history and (direction is Direction.RESPONSE or call.kind in OF_SERVERS)
