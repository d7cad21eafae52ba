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
from clyra_proxy.genai.model import Conversation, Direction, ToolCall, Usage
from clyra_proxy.genai.moments import asks, ends, is_message, is_model_traffic
from clyra_proxy.policy.genai.budgets import Budgets

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
        elif ends(conversation):
            self.settle(inspection, conversation.usage)
        elif is_model_traffic(conversation) and not is_message(conversation):
            self._ledger.note_answer(inspection)
        if self._loops is not None:
            yield from self._loops.count_calls(_calls_made(conversation), inspection)

    def settle(self, inspection: Inspection, usage: Usage) -> None:
        """The exchange is over: `Usage(0, 0)` when it was never sent. Raises StateError."""
        if is_model_traffic(inspection.conversation):
            tokens = self._ledger.settle(inspection, usage)
            if self._loops is not None:
                self._loops.count_tokens(tokens, inspection)

    def _judge_request(self, inspection: Inspection) -> Iterator[Signal]:
        conversation = inspection.conversation
        if not is_model_traffic(conversation):
            return
        if conversation.model or not is_message(conversation):
            yield from self._models.judge(inspection)
        if self._drift is not None and inspection.caller.named:
            yield from self._drift.compare(inspection)
        if asks(conversation):
            if self._loops is not None:
                yield from self._loops.count_request(inspection)
            yield from self._ledger.reserve(inspection)


def _calls_made(conversation: Conversation) -> list[ToolCall]:
    """The calls that this message makes: those of a model's answer, and those sent to a tool server."""
    answers = conversation.direction is Direction.RESPONSE and is_model_traffic(conversation)
    return [call for call in conversation.calls if not call.history and (answers or call.kind in _TOOL_CALLS)]


def compile_inspector(settings: Budgets, base_dir: Path, workshop: Workshop) -> BudgetsInspector:
    """The inspector of a policy. base_dir: folder that file names start from. Raises PolicyError for a bad table."""
    own = [base_dir / settings.prices] if settings.prices is not None else []
    return BudgetsInspector(settings, Prices([*own, shipped_prices()], settings.unpriced), workshop)
