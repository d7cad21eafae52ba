"""Lists of tools: what an agent may see of them, and whether they are what they claim and what they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from clyra_proxy.genai.fingerprints import Salt
from clyra_proxy.genai.inspection import Edit, Inspection, Removal, Signal, TextEdit
from clyra_proxy.genai.model import Conversation, Direction, Provenance, ToolDefinition
from clyra_proxy.genai.tools.declared import DeclaredTools
from clyra_proxy.genai.tools.descriptions import signals_of_description
from clyra_proxy.genai.tools.pins import Pins
from clyra_proxy.genai.tools.rules import RESOURCE, ToolRules
from clyra_proxy.genai.tools.shadowing import ServerNames
from clyra_proxy.genai.tools.telling import shown
from clyra_proxy.policy.genai.tools import Pin, Suspect, Tools
from clyra_proxy.state.store import StateStore
from clyra_proxy.verdict.model import Action

_SERVER = "mcp_server"
_PINNED = frozenset({"mcp_tool", "mcp_prompt", _SERVER})  # lists of resources change with what they list
_LISTED = frozenset({"mcp_tool", "mcp_resource", "mcp_prompt"})


class ListJudge:
    """Judges declarations: all that a model is told of, and in lists of MCP servers also what they were."""

    def __init__(self, settings: Tools, rules: ToolRules, state: StateStore, salt: Salt) -> None:
        self._settings = settings
        self._rules = rules
        self._declared = DeclaredTools(state, salt)
        self._names = ServerNames(state, salt)
        self._pins = Pins(state, salt)

    @property
    def declared(self) -> DeclaredTools:
        return self._declared

    @property
    def pins(self) -> Pins:
        return self._pins

    def judge(self, inspection: Inspection) -> Iterator[Signal]:
        """Signals about the declarations in one conversation. Raises StateError."""
        conversation = inspection.conversation
        if conversation.protocol.startswith("mcp") and conversation.direction is Direction.RESPONSE:
            tools = (*conversation.tools, *_instructions(conversation))
        else:
            tools = conversation.tools
        if self._settings.check_descriptions:
            for tool in tools:
                yield from self._suspect(signals_of_description(tool), tool)
        if tools and conversation.direction is Direction.RESPONSE:
            yield from self._judge_pins([tool for tool in tools if tool.kind in _PINNED], inspection)
            listed = [tool for tool in tools if tool.kind in _LISTED]
            if listed:
                yield from self._judge_list(listed, inspection)

    def _judge_list(self, listed: list[ToolDefinition], inspection: Inspection) -> Iterator[Signal]:
        if self._settings.filter_lists:
            for tool in listed:
                if not self._rules.shows(_called(tool), tool.kind, inspection):
                    detail = {"tool": shown(_called(tool), tool.kind), "kind": tool.kind}
                    yield Signal("tools.hidden", path=tool.path, detail=detail, edits=_removal(tool))
        tools = [tool for tool in listed if tool.kind == "mcp_tool"]
        if self._settings.check_descriptions:
            by_path = {tool.path: tool for tool in tools}
            for signal in self._names.compare(tools, inspection):
                yield from self._suspect((signal,), by_path[signal.path])
        if self._settings.check_schema:
            self._declared.remember(tools, inspection)

    def _judge_pins(self, listed: list[ToolDefinition], inspection: Inspection) -> Iterator[Signal]:
        if self._settings.pin is Pin.OFF:
            return
        must_approve = self._settings.pin is Pin.APPROVED
        found = self._pins.changed(listed, inspection, must_approve=must_approve)
        for tool, pin in found:
            detail = {"kind": pin.state, "tool": shown(tool.name, tool.kind), "pin": pin.id}
            yield from self._suspect((Signal("tools.changed", path=tool.path, detail=detail),), tool)

    def _suspect(self, signals: Iterable[Signal], tool: ToolDefinition) -> Iterator[Signal]:
        """What policy wants of a tool under suspicion: refuse the list, or take the tool out."""
        for signal in signals:
            if self._settings.suspect is Suspect.REMOVE and signal.action is None and tool.path:
                signal = replace(signal, action=Action.REDACT, edits=_removal(tool))
            yield signal


def _called(tool: ToolDefinition) -> str:
    """What a call names: a tool's or prompt's name, the address of a resource."""
    if tool.kind == RESOURCE:
        address = tool.declared.get("uri") or tool.declared.get("uriTemplate")
        return address if isinstance(address, str) else tool.name
    return tool.name


def _instructions(conversation: Conversation) -> Iterator[ToolDefinition]:
    """What a server tells the model about itself when a session begins, as a declaration like any other."""
    for segment in conversation.segments:
        if segment.provenance is Provenance.TOOL_DESCRIPTION and segment.path.endswith("/result/instructions"):
            declared = {"instructions": segment.text}
            yield ToolDefinition("instructions", segment.text, None, _SERVER, segment.path, declared)


def _removal(tool: ToolDefinition) -> tuple[Edit, ...]:
    if not tool.path:
        return ()
    return (TextEdit(tool.path, 0, len(tool.description), "") if tool.kind == _SERVER else Removal(tool.path),)
