"""Calls that are harmless alone and dangerous together: read a secret, then send.

Rule: what calls of a run did is remembered as labels, never as content, for the run, else the session, else the named
agent (`fingerprints.run_scope`); what a request repeats of its own conversation counts too, so that a chain is seen
even where nothing was remembered. Each label has a key of its own: calls made at the same time cannot lose one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clyra_proxy.genai.fingerprints import Salt, run_scope
from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.model import ToolCall
from clyra_proxy.genai.selecting import Selector
from clyra_proxy.genai.shipped import read_data
from clyra_proxy.genai.tools.labels import Labels
from clyra_proxy.genai.tools.telling import shown
from clyra_proxy.policy.genai.tools import ChainRule, Tools
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.section import Section
from clyra_proxy.state.store import StateStore
from clyra_proxy.verdict.model import Action

_ASKS = {"mark": Action.MARK, "approve": Action.APPROVE, "block": Action.BLOCK}


class _File(Section):
    chains: list[ChainRule]


@dataclass(frozen=True, slots=True)
class _Chain:
    name: str
    selector: Selector
    after: frozenset[str]
    then: frozenset[str]
    asks: Action
    within_s: int


class Chains:
    """The chain rules of a policy."""

    def __init__(self, settings: Tools, state: StateStore, salt: Salt) -> None:
        rules = [*(_shipped() if settings.shipped_chains else ()), *settings.chains]
        self._chains = tuple(_compiled(rule) for rule in rules)
        self._labels = Labels(settings.labels)
        self._watched = frozenset(label for chain in self._chains for label in (*chain.after, *chain.then))
        self._first = frozenset(label for chain in self._chains for label in chain.after)
        self._longest = max((chain.within_s for chain in self._chains), default=0)
        self._state = state
        self._salt = salt

    def judge(self, calls: Iterable[ToolCall], inspection: Inspection) -> Iterator[Signal]:
        """Signals about new calls, in their order; their labels are remembered. Raises StateError."""
        labelled = [(call, self._labels.of(call) & self._watched) for call in calls]
        if not any(labels for _, labels in labelled):
            return
        seen = self._remembered(inspection)
        seen |= dict.fromkeys(self._labels_of_history(inspection) - seen.keys(), inspection.now)
        for call, labels in labelled:
            yield from self._completed(call, labels, seen, inspection)
            seen |= dict.fromkeys(labels, inspection.now)
        self._remember({label for _, labels in labelled for label in labels} & self._first, inspection)

    def _completed(
        self, call: ToolCall, labels: frozenset[str], seen: dict[str, float], inspection: Inspection
    ) -> Iterator[Signal]:
        for chain in self._chains:
            if not labels & chain.then or not chain.selector.covers(inspection):
                continue
            oldest = inspection.now - chain.within_s
            if all(seen.get(label, 0.0) > oldest for label in chain.after):
                detail = {"kind": chain.name, "tool": shown(call.name, call.kind)}
                yield Signal("tools.chain", chain.asks, call.path, detail=detail)

    def _labels_of_history(self, inspection: Inspection) -> frozenset[str]:
        earlier = inspection.request.calls if inspection.request is not None else ()
        every = (*earlier, *(call for call in inspection.conversation.calls if call.history))
        return frozenset(label for call in every for label in self._labels.of(call)) & self._watched

    def _remembered(self, inspection: Inspection) -> dict[str, float]:
        scope = run_scope(self._salt, inspection)
        if not scope:
            return {}
        found = {label: self._state.get(f"chain/{scope}/{label}", inspection.now) for label in self._first}
        return {label: float(value) for label, value in found.items() if value is not None}

    def _remember(self, labels: set[str], inspection: Inspection) -> None:
        scope = run_scope(self._salt, inspection)
        for label in labels if scope else ():
            self._state.put(f"chain/{scope}/{label}", str(inspection.now), inspection.now, self._longest)


def _compiled(rule: ChainRule) -> _Chain:
    asks = _ASKS[rule.asks.value]
    return _Chain(rule.name, Selector(rule), frozenset(rule.after), frozenset(rule.then), asks, rule.within_s)


def _shipped() -> list[ChainRule]:
    path = policies_folder() / "rules" / "tools" / "chains.yaml"
    return read_data(_File, path).chains
