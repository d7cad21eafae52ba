"""Calls that are harmless alone and dangerous together: read a secret, then send.

Rule: what calls did is remembered as labels, never as content, for the run or the named agent, and for the session, so
that a rule can be about either; what a request repeats of its own conversation counts too, so that a chain is seen even
where nothing was remembered. Calls that only a name links which many programs may share ask for a mark at most. Each
label has a key of its own: calls made at the same time cannot lose one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clyra_proxy.genai.fingerprints import Salt, is_one_agent, run_scope, work_scope
from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.model import ToolCall
from clyra_proxy.genai.selecting import Selector
from clyra_proxy.genai.tools.labels import Labels
from clyra_proxy.genai.tools.telling import shown
from clyra_proxy.policy.genai.tools import ChainRule, Together, Tools
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.section import Section
from clyra_proxy.policy.shipped import read_data
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
    per: Together


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
        history = dict.fromkeys(self._labels_of_history(inspection), inspection.now)
        scopes = self._scopes(inspection)
        seen = {per: {**history, **self._remembered(scope, inspection.now)} for per, scope in scopes.items()}
        for call, labels in labelled:
            yield from self._completed(call, labels, seen, inspection)
            for known in seen.values():
                known.update(dict.fromkeys(labels, inspection.now))
        kept = {label for _, labels in labelled for label in labels} & self._first
        for scope in set(scopes.values()) - {""}:
            for label in kept:
                self._state.put(f"chain/{scope}/{label}", str(inspection.now), inspection.now, self._longest)

    def _completed(
        self, call: ToolCall, labels: frozenset[str], seen: dict[Together, dict[str, float]], inspection: Inspection
    ) -> Iterator[Signal]:
        for chain in self._chains:
            if not labels & chain.then or not chain.selector.covers(inspection):
                continue
            oldest = inspection.now - chain.within_s
            complete = [per for per in seen if all(seen[per].get(label, 0.0) > oldest for label in chain.after)]
            if chain.per not in complete:
                continue
            certain = Together.SESSION in complete or is_one_agent(inspection)
            detail = {"kind": chain.name, "tool": shown(call.name, call.kind)}
            yield Signal("tools.chain", chain.asks if certain else Action.MARK, call.path, detail=detail)

    def _labels_of_history(self, inspection: Inspection) -> frozenset[str]:
        earlier = inspection.request.calls if inspection.request is not None else ()
        every = (*earlier, *(call for call in inspection.conversation.calls if call.history))
        return frozenset(label for call in every for label in self._labels.of(call)) & self._watched

    def _scopes(self, inspection: Inspection) -> dict[Together, str]:
        """The keys under which labels are remembered; empty where nothing tells callers apart."""
        return {
            Together.AGENT: work_scope(self._salt, inspection),
            Together.SESSION: run_scope(self._salt, inspection),
        }

    def _remembered(self, scope: str, now: float) -> dict[str, float]:
        if not scope:
            return {}
        found = {label: self._state.get(f"chain/{scope}/{label}", now) for label in self._first}
        return {label: float(value) for label, value in found.items() if value is not None}


def _compiled(rule: ChainRule) -> _Chain:
    asks = _ASKS[rule.asks.value]
    return _Chain(rule.name, Selector(rule), frozenset(rule.after), frozenset(rule.then), asks, rule.within_s, rule.per)


def _shipped() -> list[ChainRule]:
    path = policies_folder() / "rules" / "tools" / "chains.yaml"
    return read_data(_File, path).chains
