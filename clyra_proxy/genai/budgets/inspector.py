"""The inspector of consumption: models, budgets, loops, drift.

Rules: what a request may use is judged and reserved before it leaves; requests to tool servers count as tool calls and
not as model calls. At the end of the exchange `settle` corrects what was reserved. A state store that fails raises,
which is `check.error`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clyra_proxy.genai.budgets.drift import DriftWatch
from clyra_proxy.genai.budgets.ledger import Ledger
from clyra_proxy.genai.budgets.loops import LoopBreaker
from clyra_proxy.genai.budgets.models import ModelLists
from clyra_proxy.genai.budgets.prices import Prices, shipped_prices
from clyra_proxy.genai.fingerprints import Salt
from clyra_proxy.genai.inspection import Inspection, Signal, Workshop
from clyra_proxy.genai.model import Conversation, Direction, Usage
from clyra_proxy.policy.genai.budgets import Budgets

_TOOL_PROTOCOLS = ("mcp", "a2a")
_TOOL_CALLS = frozenset({"mcp_tool", "mcp_resource", "mcp_prompt"})


class BudgetsInspector:
    """Inspector of the families `budget`, `loop` and `drift`, with an end (`settle`)."""

    id = "budget"

    def __init__(self, settings: Budgets, prices: Prices, workshop: Workshop) -> None:
        salt = Salt(workshop.secret)
        self._models = ModelLists(settings.models)
        self._ledger = Ledger(settings, prices, workshop.state, salt)
        self._loops = LoopBreaker(settings.loops, workshop.state, salt) if settings.loops.enabled else None
        self._drift = DriftWatch(settings.drift, workshop.state, salt) if settings.drift.enabled else None

    def inspect(self, inspection: Inspection) -> Iterator[Signal]:
        conversation = inspection.conversation
        if conversation.direction is Direction.REQUEST:
            yield from self._judge_request(inspection)
        elif is_model_call(conversation):
            self._ledger.note_answer(inspection)
        if self._loops is not None:
            made_here = conversation.direction is Direction.RESPONSE
            calls = [
                call
                for call in conversation.calls
                if not call.history and (call.kind in _TOOL_CALLS or (made_here and is_model_call(conversation)))
            ]
            yield from self._loops.count_calls(calls, inspection)

    def settle(self, inspection: Inspection, usage: Usage) -> None:
        """The exchange is over: `Usage(0, 0)` when it was never sent. Raises StateError."""
        if is_model_call(inspection.conversation):
            tokens = self._ledger.settle(inspection, usage)
            if self._loops is not None:
                self._loops.count_tokens(tokens, inspection)

    def _judge_request(self, inspection: Inspection) -> Iterator[Signal]:
        if not is_model_call(inspection.conversation):
            return
        yield from self._models.judge(inspection)
        if self._loops is not None:
            yield from self._loops.count_request(inspection)
        if self._drift is not None and inspection.caller.named:
            yield from self._drift.compare(inspection)
        yield from self._ledger.reserve(inspection)


def is_model_call(conversation: Conversation) -> bool:
    """Whether this is traffic with a model, not with a tool server or another agent."""
    return not conversation.protocol.startswith(_TOOL_PROTOCOLS)


def compile_inspector(settings: Budgets, base_dir: Path, workshop: Workshop) -> BudgetsInspector:
    """The inspector of a policy. base_dir: folder that file names start from. Raises PolicyError for a bad table."""
    own = [base_dir / settings.prices] if settings.prices is not None else []
    return BudgetsInspector(settings, Prices([*own, shipped_prices()], settings.unpriced), workshop)
