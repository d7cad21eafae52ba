"""Inspections of tool traffic, built in a line."""

from __future__ import annotations

from typing import Any

from clyra_proxy.genai.inspection import Caller, Inspection, Signal, Workshop
from clyra_proxy.genai.model import Conversation, Direction, Provenance, Segment, ToolCall, ToolDefinition
from clyra_proxy.genai.tools.inspector import ToolsInspector, compile_inspector
from clyra_proxy.policy.genai.tools import Tools
from clyra_proxy.policy.load import validate
from clyra_proxy.policy.source import parse
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.store import StateStore

NOW = 1_800_000_000.0
SECRET = b"s" * 32


def settings(text: str) -> Tools:
    return validate(Tools, parse(text, "test"))


def inspector(text: str = "", state: StateStore | None = None) -> ToolsInspector:
    from pathlib import Path

    return compile_inspector(settings(text), Path(), Workshop(state or MemoryState(), SECRET))


def tool(name: str, description: str = "", path: str = "", kind: str = "mcp_tool", **schema: Any) -> ToolDefinition:
    declared = {"name": name, "description": description, "inputSchema": schema or {"type": "object"}}
    return ToolDefinition(name, description, declared["inputSchema"], kind, path, declared)


def call(name: str, kind: str = "mcp_tool", history: bool = False, **arguments: Any) -> ToolCall:
    return ToolCall(name, arguments, kind=kind, path="/params/arguments", history=history)


def asked(
    *calls: ToolCall, server: str = "mcp.example:443", caller: Caller | None = None, now: float = NOW
) -> Inspection:
    """A request to a tool server."""
    conversation = Conversation("mcp", Direction.REQUEST, "tools/call", calls=calls)
    return Inspection(
        conversation, caller or Caller("bot", session="s1", auth="proxy"), server, "tools/any", "x1", now=now
    )


def listed(
    *tools: ToolDefinition, server: str = "mcp.example:443", caller: Caller | None = None, now: float = NOW
) -> Inspection:
    """A server's list of tools."""
    request = Conversation("mcp", Direction.REQUEST, "tools/list")
    conversation = Conversation("mcp", Direction.RESPONSE, "tools/list", tools=tools)
    return Inspection(
        conversation, caller or Caller("bot", session="s1", auth="proxy"), server, "tools/any", "x1", request, now
    )


def answered(
    *calls: ToolCall, tools: tuple[ToolDefinition, ...] = (), history: tuple[ToolCall, ...] = (), text: str = "hello"
) -> Inspection:
    """A model's answer to a request that declared some tools."""
    segments = (Segment("be kind", Provenance.SYSTEM), Segment(text, Provenance.USER))
    request = Conversation("openai-chat", Direction.REQUEST, "chat", "m", segments=segments, tools=tools, calls=history)
    conversation = Conversation("openai-chat", Direction.RESPONSE, "chat", "m", calls=calls)
    return Inspection(conversation, Caller(), "api.openai.com:443", "llm", "x1", request, NOW)


def rules(signals: Any) -> list[tuple[str, str]]:
    """(rule, kind) of some signals."""
    found: list[Signal] = list(signals)
    return [(signal.rule, str(signal.detail.get("kind", ""))) for signal in found]
