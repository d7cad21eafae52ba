"""What tools were declared, and whether a call keeps to it.

Rule: a function call of a model is held against the tools of its own request; a call to an MCP server against what the
server listed to this session before, which the state store keeps. What was never listed is unknown, unless nothing was
listed at all: then nothing is known, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from clyra_proxy.genai.fingerprints import Salt, canonical
from clyra_proxy.genai.inspection import Inspection
from clyra_proxy.genai.json_schemas import LONGEST, Objection, objection, without_prose
from clyra_proxy.genai.model import ToolCall, ToolDefinition
from clyra_proxy.state.store import StateStore

LIFETIME_S = 86_400
"""How long a server's list is remembered after it was last seen."""
MOST_LISTED = 1000
"""Tools of one list that are remembered; a server with more is not held to its schemas."""

_SSE_PATHS = frozenset({"sse", "message", "messages"})
_HELD = frozenset({"function", "mcp_tool"})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a call stands to what was declared. known: the tool was declared, or nothing is known of declarations."""

    known: bool = True
    objection: Objection | None = None


def standing_in_request(call: ToolCall, tools: Iterable[ToolDefinition]) -> Standing:
    """A model's call against the tools that its request declared."""
    if call.kind not in _HELD:
        return Standing()
    declared = [tool for tool in tools if tool.kind == call.kind]
    if not declared:
        return Standing()
    schemas = [tool.schema for tool in declared if tool.name == call.name]
    return Standing(bool(schemas), _objection(schemas[0], call) if schemas else None)


class DeclaredTools:
    """The lists of MCP servers, remembered per server, agent and session."""

    def __init__(self, state: StateStore, salt: Salt) -> None:
        self._state = state
        self._salt = salt

    def remember(self, tools: Iterable[ToolDefinition], inspection: Inspection) -> None:
        """Keep the schemas of a list. Raises StateError."""
        scope, now = self._scope(inspection), inspection.now
        for count, tool in enumerate(tools):
            if count >= MOST_LISTED:
                break
            schema = canonical(without_prose(tool.schema)) if tool.schema is not None else b"true"
            text = schema.decode() if len(schema) <= LONGEST else "true"
            self._state.put(self._key(scope, tool.kind, tool.name), text, now, LIFETIME_S)
            if count == 0:
                self._state.put(f"{scope}/{tool.kind}", "listed", now, LIFETIME_S)

    def standing(self, call: ToolCall, inspection: Inspection) -> Standing:
        """An MCP call against the remembered list. Raises StateError."""
        if call.kind != "mcp_tool":
            return Standing()
        scope, now = self._scope(inspection), inspection.now
        schema = self._state.get(self._key(scope, call.kind, call.name), now)
        if schema is None:
            return Standing(known=self._state.get(f"{scope}/{call.kind}", now) is None)
        return Standing(True, _objection(orjson.loads(schema), call))

    def _scope(self, inspection: Inspection) -> str:
        caller = inspection.caller
        place = caller.session or _endpoint(inspection)
        return f"declared/{self._salt.of(inspection.destination, caller.tenant, caller.proven, place)}"

    def _key(self, scope: str, kind: str, name: str) -> str:
        return f"{scope}/{kind}/{self._salt.of(name)}"


def _endpoint(inspection: Inspection) -> str:
    """The path that tells servers of one host apart where no session does. The older SSE transport lists on one path
    and is called on another: empty there."""
    path = inspection.endpoint.rstrip("/")
    return "" if path.rpartition("/")[2] in _SSE_PATHS else path


def _objection(schema: Any, call: ToolCall) -> Objection | None:
    if schema is None or schema is True:
        return None
    if call.arguments is None:
        return Objection("", "json") if call.raw.strip() else objection(schema, {})
    return objection(schema, call.arguments)
