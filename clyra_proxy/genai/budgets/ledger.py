"""Budgets: what a call may use is reserved before it leaves, and corrected when it is over.

Guarantees: asking and taking are one step in the state store, so calls of any number of workers at once cannot exceed
a budget together; what is refused takes nothing; what was reserved for a call that never left is given back whole; a
correction is made at the time of the reservation, so both leave the window together. An answer longer than its request
said can exceed a budget by that much, once. Places of `concurrent` end by themselves after `LEASE_S`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from clyra_proxy.genai.budgets import estimate
from clyra_proxy.genai.budgets.prices import Price, Prices, spellings_of
from clyra_proxy.genai.fingerprints import Salt, run_scope
from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.model import Usage
from clyra_proxy.genai.selecting import Names, Selector
from clyra_proxy.policy.genai.budgets import Budget, Budgets, Per
from clyra_proxy.state.store import StateStore

LEASE_S = 1800
_KEPT_S = 7200
_MILLION = 1_000_000
_TOKENS, _COST, _CALLS, _CONCURRENCY = "tokens", "cost", "rate", "concurrency"
_RULES = {_TOKENS: "budget.tokens", _COST: "budget.cost", _CALLS: "budget.rate", _CONCURRENCY: "budget.concurrency"}
"""What a budget counts -> the rule that says it is used up."""
_MOST = 1 << 53


@dataclass(frozen=True, slots=True)
class Expected:
    """What a call is expected to use. cost: in millionths."""

    input_tokens: int
    output_tokens: int
    cost: int

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class _Limit:
    """One line of a budget. amount: what a call takes of it, by kind."""

    kind: str
    most: int


class _Budget:
    __slots__ = ("_models", "_selector", "limits", "settings")

    def __init__(self, settings: Budget) -> None:
        self.settings = settings
        self._selector = Selector(settings)
        self._models = Names(settings.models, fold=True)
        lines = (
            (_CONCURRENCY, settings.concurrent),
            (_CALLS, settings.calls),
            (_TOKENS, settings.tokens),
            (_COST, None if settings.cost is None else int(settings.cost * _MILLION)),
        )
        self.limits = tuple(_Limit(kind, most) for kind, most in lines if most is not None)

    def covers(self, inspection: Inspection) -> bool:
        names = spellings_of(inspection.conversation.model)
        return any(map(self._models.match, names)) and self._selector.covers(inspection)


class Ledger:
    """The budgets of a policy."""

    def __init__(self, settings: Budgets, prices: Prices, state: StateStore, salt: Salt) -> None:
        self._budgets = tuple(map(_Budget, settings.limits))
        self._prices = prices
        self._otherwise = settings.output_estimate
        self._state = state
        self._salt = salt

    def reserve(self, inspection: Inspection) -> Iterator[Signal]:
        """Take what a call may use; signals for what is not there. Raises StateError."""
        budgets = [budget for budget in self._budgets if budget.covers(inspection)]
        if not budgets:
            return
        expected = self._expected(inspection)
        taken: list[list[Any]] = []
        for budget in budgets:
            yield from _signals_of_size(budget.settings, expected, inspection)
            yield from self._take(budget, expected, inspection, taken)
        if taken:
            price = self._prices.of(inspection.conversation.model)
            note = [inspection.now, expected.input_tokens, expected.output_tokens, price.input, price.output, taken]
            self._state.put(self._key(inspection), orjson.dumps(note).decode(), inspection.now, _KEPT_S)

    def note_answer(self, inspection: Inspection) -> None:
        """Remember an estimate of an answer that its provider did not count. Raises StateError."""
        if self._budgets and inspection.conversation.usage.output_tokens < 0:
            tokens = estimate.answered_tokens(inspection.conversation)
            self._state.put(f"{self._key(inspection)}/answer", str(tokens), inspection.now, _KEPT_S)

    def settle(self, inspection: Inspection, usage: Usage) -> int:
        """Correct what a call reserved by what it used; tokens used, as far as they are known. Raises StateError."""
        key, now = self._key(inspection), inspection.now
        text = self._state.get(key, now) if self._budgets else None
        if text is None:
            return max(usage.input_tokens, 0) + max(usage.output_tokens, 0)
        self._state.delete(key)
        at, input_tokens, output_tokens, input_price, output_price, taken = orjson.loads(text)
        unsent = usage.input_tokens == 0 and usage.output_tokens == 0
        spent = self._spent(key, usage, input_tokens, output_tokens, now)
        real = {_TOKENS: sum(spent), _COST: Price(input_price, output_price).of(*spent), _CALLS: 0 if unsent else 1}
        for kind, name, window_s, amount in taken:
            if kind == _CONCURRENCY:
                self._state.release(name, inspection.exchange)
            elif (change := min(real[kind], _MOST) - amount) != 0:
                self._state.add(name, change, window_s, at)
        return sum(spent)

    def _expected(self, inspection: Inspection) -> Expected:
        conversation = inspection.conversation
        sent = estimate.input_tokens(conversation)
        received = min(estimate.output_tokens(conversation, self._otherwise), _MOST)
        return Expected(sent, received, self._prices.of(conversation.model).of(sent, received))

    def _take(
        self, budget: _Budget, expected: Expected, inspection: Inspection, taken: list[list[Any]]
    ) -> Iterator[Signal]:
        """Take a place or an amount of each line; note what settling must correct (0: counted when it is known)."""
        settings = budget.settings
        scope = self._scope(settings, inspection)
        amounts = {_TOKENS: expected.tokens, _COST: expected.cost, _CALLS: 1}
        for limit in budget.limits:
            key = f"budget/{scope}/{limit.kind}"
            if limit.kind == _CONCURRENCY:
                if self._state.acquire(key, inspection.exchange, limit.most, LEASE_S, inspection.now):
                    taken.append([limit.kind, key, 0, 0])
                else:
                    yield _signal(limit, settings, limit.most)
                continue
            amount = amounts[limit.kind]
            answer = self._state.add_within(key, amount, limit.most, settings.window_s, inspection.now)
            taken.append([limit.kind, key, settings.window_s, amount if answer.admitted else 0])
            if not answer.admitted:
                yield _signal(limit, settings, answer.total)

    def _spent(self, key: str, usage: Usage, expected_in: int, expected_out: int, now: float) -> tuple[int, int]:
        received = usage.output_tokens
        if received < 0:
            answer = self._state.get(f"{key}/answer", now)
            received = int(answer) if answer is not None else expected_out
        return (usage.input_tokens if usage.input_tokens >= 0 else expected_in, received)

    def _scope(self, settings: Budget, inspection: Inspection) -> str:
        caller = inspection.caller
        parts: dict[Per, tuple[str, ...]] = {
            Per.AGENT: (caller.tenant, caller.proven),
            Per.TENANT: (caller.tenant,),
            Per.DESTINATION: (inspection.destination,),
            Per.SESSION: (caller.tenant, caller.proven, caller.session),
            Per.RUN: (caller.tenant, caller.proven, caller.run),
            Per.ALL: (),
        }
        part = parts[settings.per]
        if settings.per in (Per.SESSION, Per.RUN) and not part[-1]:
            part = (*part, run_scope(self._salt, inspection))
        return self._salt.of(settings.name, settings.per, *part)

    def _key(self, inspection: Inspection) -> str:
        return f"reserved/{self._salt.of(inspection.exchange)}"


def _signals_of_size(settings: Budget, expected: Expected, inspection: Inspection) -> Iterator[Signal]:
    """A call that is too large in itself, whatever was used before."""
    asked = inspection.conversation.max_output_tokens
    if settings.input_tokens is not None and expected.input_tokens > settings.input_tokens:
        yield Signal(
            "budget.tokens", detail={"kind": "input", "patterns": settings.name, "limit": settings.input_tokens}
        )
    unlimited = asked < 0 and expected.output_tokens > 0
    if settings.output_tokens is not None and (unlimited or asked > settings.output_tokens):
        limit = settings.output_tokens
        yield Signal("budget.tokens", detail={"kind": "output", "patterns": settings.name, "limit": limit})


def _signal(limit: _Limit, settings: Budget, used: int) -> Signal:
    detail: dict[str, str | int] = {"kind": "window", "patterns": settings.name, "used": used, "limit": limit.most}
    return Signal(_RULES[limit.kind], detail={**detail, "unit": "millionths"} if limit.kind == _COST else detail)
