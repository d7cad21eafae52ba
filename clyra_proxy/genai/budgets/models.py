"""Which models a caller may use: the first allow-list for the caller decides; without one, any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clyra_proxy.genai.budgets.prices import spellings_of
from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.selecting import Names, Selector
from clyra_proxy.genai.tools.telling import shown
from clyra_proxy.policy.genai.budgets import ModelRule


class ModelLists:
    """The allow-lists of a policy."""

    def __init__(self, rules: Iterable[ModelRule]) -> None:
        self._rules = tuple((Selector(rule), Names(rule.allow, fold=True)) for rule in rules)

    def judge(self, inspection: Inspection) -> Iterator[Signal]:
        """A signal when the model of a request is not allowed. A request that names none is allowed only `*`."""
        for selector, names in self._rules:
            if selector.covers(inspection):
                model = inspection.conversation.model
                if not any(map(names.match, spellings_of(model))):
                    yield Signal("budget.model", detail={"kind": "not_listed", "model": shown(model)})
                return
