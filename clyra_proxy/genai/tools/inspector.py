"""The inspector of tools: declarations, calls, what servers ask of clients, and what calls add up to.

Rules: a call is judged where it is made, in a model's answer or in a request to a tool server; what a client repeats of
earlier turns was judged then. `judge_call` says of one call all that needs no state, so that a stream can be stopped
before its end. A state store that fails raises, which is `check.error`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clyra_proxy.genai.fingerprints import Salt
from clyra_proxy.genai.inspection import Inspection, Signal, Workshop
from clyra_proxy.genai.model import Direction, ToolCall
from clyra_proxy.genai.tools.chains import Chains
from clyra_proxy.genai.tools.declared import Standing, standing_in_request
from clyra_proxy.genai.tools.lists import ListJudge
from clyra_proxy.genai.tools.rules import RESOURCE, ToolRules
from clyra_proxy.genai.tools.server_requests import KINDS as SERVER_REQUESTS
from clyra_proxy.genai.tools.server_requests import signals_of_server_request
from clyra_proxy.genai.tools.telling import shown
from clyra_proxy.policy.genai.tools import Answer, Pin, Tools
from clyra_proxy.verdict.model import Action

_OF_SERVERS = frozenset({"mcp_tool", "mcp_resource", "mcp_prompt"})


class ToolsInspector:
    """Inspector and CallInspector of the family `tools`."""

    id = "tools"

    def __init__(self, settings: Tools, workshop: Workshop) -> None:
        salt = Salt(workshop.secret)
        self._settings = settings
        self._rules = ToolRules(settings)
        self._lists = ListJudge(settings, self._rules, workshop.state, salt)
        self._chains = Chains(settings, workshop.state, salt)

    def inspect(self, inspection: Inspection) -> Iterator[Signal]:
        yield from self._lists.judge(inspection)
        made = [call for call in inspection.conversation.calls if _is_made_here(call, inspection)]
        for call in made:
            yield from self.judge_call(call, inspection)
            yield from self._judge_by_memory(call, inspection)
        yield from self._chains.judge((call for call in made if call.kind not in SERVER_REQUESTS), inspection)

    def judge_call(self, call: ToolCall, inspection: Inspection) -> Iterator[Signal]:
        """What needs no state: rules, conditions, the schema in the same exchange. Pure."""
        if call.kind in SERVER_REQUESTS:
            yield from signals_of_server_request(call, self._settings)
            return
        ruling = self._rules.judge(call, inspection)
        if not ruling.allowed:
            yield _signal("tools.denied", call, {"kind": call.kind, "patterns": ruling.rule})
            return
        for broken in ruling.broken:
            detail = {"kind": "condition", "patterns": f"{ruling.rule}:{broken.test}", "place": broken.path}
            yield _signal("tools.arguments", call, detail)
        declared = inspection.request.tools if inspection.request is not None else ()
        if call.kind not in _OF_SERVERS:
            yield from self._judge_standing(standing_in_request(call, declared), call)

    def _judge_by_memory(self, call: ToolCall, inspection: Inspection) -> Iterator[Signal]:
        if call.kind not in _OF_SERVERS:
            return
        if self._settings.check_schema or self._settings.undeclared is not Answer.ALLOW:
            yield from self._judge_standing(self._lists.declared.standing(call, inspection), call)
        pinned = self._settings.pin is not Pin.OFF and call.kind != RESOURCE
        if pinned and self._lists.pins.is_changed(inspection, call.kind, call.name):
            yield _signal("tools.changed", call, {"kind": "called"})

    def _judge_standing(self, standing: Standing, call: ToolCall) -> Iterator[Signal]:
        if not standing.known and self._settings.undeclared is not Answer.ALLOW:
            action = Action.MARK if self._settings.undeclared is Answer.MARK else None
            yield _signal("tools.denied", call, {"kind": "undeclared"}, action)
        if standing.objection is not None and self._settings.check_schema:
            detail = {"kind": "schema", "patterns": standing.objection.keyword, "place": standing.objection.path}
            yield _signal("tools.arguments", call, detail)


def compile_inspector(settings: Tools, base_dir: Path, workshop: Workshop) -> ToolsInspector:
    """The inspector of a policy. Raises PolicyError when shipped data cannot be read."""
    return ToolsInspector(settings, workshop)


def _is_made_here(call: ToolCall, inspection: Inspection) -> bool:
    """Whether the call is made by this message: not repeated, and not merely quoted by a request to a model."""
    if call.history:
        return False
    return inspection.conversation.direction is Direction.RESPONSE or call.kind in _OF_SERVERS | SERVER_REQUESTS


def _signal(rule: str, call: ToolCall, detail: dict[str, str], action: Action | None = None) -> Signal:
    return Signal(rule, action, call.path, detail={"tool": shown(call.name, call.kind), **detail})
