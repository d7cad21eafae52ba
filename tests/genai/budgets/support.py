"""Inspections of model traffic, built in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clyra_proxy.genai.budgets.inspector import BudgetsInspector, compile_inspector
from clyra_proxy.genai.inspection import Caller, Inspection, Signal, Workshop
from clyra_proxy.genai.model import Conversation, Direction, Provenance, Segment, ToolCall, ToolDefinition, Usage
from clyra_proxy.policy.genai.budgets import Budgets
from clyra_proxy.policy.load import validate
from clyra_proxy.policy.source import parse
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.store import StateStore

NOW = 1_800_000_000.0
SECRET = b"s" * 32
QUIET = "loops: {enabled: false}, drift: {enabled: false}"


def inspector(text: str = "", state: StateStore | None = None, folder: Path | None = None) -> BudgetsInspector:
    settings = validate(Budgets, parse(text, "test"))
    return compile_inspector(settings, folder or Path(), Workshop(state or MemoryState(), SECRET))


def limits(*budgets: str, more: str = "") -> str:
    return "{" + QUIET + ", limits: [" + ", ".join(budgets) + "]" + (f", {more}" if more else "") + "}"


def asked(
    text: str = "hello",
    *,
    exchange: str = "x1",
    caller: Caller | None = None,
    now: float = NOW,
    model: str = "gpt-4o",
    system: str = "",
    tools: tuple[ToolDefinition, ...] = (),
    output: int = 100,
    operation: str = "chat",
    history: tuple[Segment, ...] = (),
    calls: tuple[ToolCall, ...] = (),
) -> Inspection:
    """A request to a model."""
    begin = (Segment(system, Provenance.SYSTEM),) if system else ()
    new = (Segment(text, Provenance.USER),) if text else ()
    conversation = Conversation(
        "openai-chat",
        Direction.REQUEST,
        operation,
        model,
        segments=(*begin, *history, *new),
        tools=tools,
        calls=calls,
        max_output_tokens=output,
    )
    who = caller or Caller("bot", "acme", "s1", auth="proxy")
    return Inspection(conversation, who, "api.openai.com:443", "llm", exchange, now=now)


def answered(to: Inspection, *calls: ToolCall, text: str = "", usage: Usage | None = None) -> Inspection:
    """The answer to a request."""
    segments = (Segment(text, Provenance.ASSISTANT),) if text else ()
    conversation = Conversation(
        "openai-chat", Direction.RESPONSE, "chat", "gpt-4o", segments=segments, calls=calls, usage=usage or Usage()
    )
    return Inspection(conversation, to.caller, to.destination, to.route, to.exchange, to.conversation, to.now)


def rules(signals: Any) -> list[tuple[str, str]]:
    found: list[Signal] = list(signals)
    return [(signal.rule, str(signal.detail.get("kind", ""))) for signal in found]
