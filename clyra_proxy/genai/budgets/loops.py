"""The loop breaker: what one run repeats, and how much of everything it does.

Rules: a call counts once, where it is made, however often later requests repeat it as history; equal arguments are
equal whatever the order of their members; prompts are compared by salted hash, once as they are and once without
numbers, ids and blanks. A limit that the policy gives asks for a block and starts a cool-off, in which every further
call of the run is refused; a default asks for a mark. Callers that nothing tells apart are not counted together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from clyra_proxy.genai.fingerprints import Salt, canonical, run_scope
from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.model import Conversation, Provenance, ToolCall
from clyra_proxy.genai.moments import is_message
from clyra_proxy.genai.selecting import Selector
from clyra_proxy.genai.tools.telling import shown
from clyra_proxy.policy.genai.budgets import LoopLimits, Loops
from clyra_proxy.state.store import StateStore
from clyra_proxy.verdict.model import Action

RUN_S = 86_400
"""How long a run that is silent is remembered, and the window its totals are counted in."""
_CODE = re.compile(rb"[0-9a-f]{8}-[0-9a-f-]{4,}|\b[0-9a-f]{8,}\b|[0-9]+")  # one way to match: no backtracking
_MOST_CALLS = 256  # of one message that are compared one by one
_HEAD = 4096  # bytes of a prompt in which ids are found; further on only digits are left out
_BLANKS, _DIGITS = b" \t\r\n\f\v", b"0123456789"


_DEFAULTS = {
    "repeated_calls": 25,
    "repeated_prompts": 50,
    "similar_prompts": 500,
    "calls": 5000,
    "tool_calls": 10_000,
}


@dataclass(frozen=True, slots=True)
class _Limit:
    """action: what going past it asks for; None: what the rule asks for."""

    most: int
    action: Action | None


@dataclass(frozen=True, slots=True)
class _Limits:
    """Limits for some callers, by name; without those that are off."""

    by_name: Mapping[str, _Limit]
    window_s: int
    cool_off_s: int


class LoopBreaker:
    """Counts runs. Raises StateError from every method."""

    def __init__(self, settings: Loops, state: StateStore, salt: Salt) -> None:
        self._special = tuple((Selector(rule), _limits(rule)) for rule in settings.agents)
        self._general = _limits(settings)
        self._state = state
        self._salt = salt

    def count_request(self, inspection: Inspection) -> Iterator[Signal]:
        """A model call is about to be made."""
        scope = run_scope(self._salt, inspection)
        if not scope:
            return
        limits = self._limits_of(inspection)
        found = list(self._judge_request(scope, limits, inspection))
        yield from found
        yield from self._cool(scope, limits, found, inspection)

    def count_calls(self, calls: Iterable[ToolCall], inspection: Inspection) -> Iterator[Signal]:
        """Tool calls are being made, by a model's answer or to a server."""
        scope = run_scope(self._salt, inspection)
        fresh = tuple(call for call in calls if self._is_fresh(call, inspection)) if scope else ()
        if not fresh:
            return
        limits = self._limits_of(inspection)
        found = list(self._judge_calls(fresh, scope, limits, inspection))
        yield from found
        yield from self._cool(scope, limits, found, inspection)

    def count_tokens(self, tokens: int, inspection: Inspection) -> None:
        """An exchange used some tokens; the next call of its run is judged by the sum."""
        scope = run_scope(self._salt, inspection)
        if scope and tokens > 0 and "tokens" in self._limits_of(inspection).by_name:
            self._state.add(f"run/{scope}/tokens", min(tokens, 1 << 53), RUN_S, inspection.now)

    def _judge_request(self, scope: str, limits: _Limits, inspection: Inspection) -> Iterator[Signal]:
        yield from self._judge_total("calls", 1, scope, limits, inspection)
        if (tokens := limits.by_name.get("tokens")) is not None:
            used = self._state.total(f"run/{scope}/tokens", RUN_S, inspection.now)
            if used >= tokens.most:
                yield _signal("loop.limit", "tokens", used, tokens)
        if (seconds := limits.by_name.get("seconds")) is not None:
            first = float(self._state.put_new(f"run/{scope}/first", str(inspection.now), inspection.now, RUN_S))
            if inspection.now - first > seconds.most:
                yield _signal("loop.limit", "seconds", int(inspection.now - first), seconds)
        prompt = _prompt_of(inspection.conversation)
        if prompt:
            yield from self._judge_repeat("repeated_prompts", prompt, scope, limits, inspection)
            yield from self._judge_repeat("similar_prompts", _similar(prompt), scope, limits, inspection)

    def _judge_calls(
        self, calls: tuple[ToolCall, ...], scope: str, limits: _Limits, inspection: Inspection
    ) -> Iterator[Signal]:
        yield from self._judge_total("tool_calls", len(calls), scope, limits, inspection)
        for call in calls[:_MOST_CALLS]:
            what = canonical(call.arguments) if call.arguments is not None else call.raw.encode("utf-8", "replace")
            fingerprint = self._salt.of(inspection.destination, call.kind, call.name, what)
            tool = shown(call.name, call.kind)
            yield from self._judge_repeat("repeated_calls", fingerprint, scope, limits, inspection, tool)

    def _judge_total(
        self, name: str, amount: int, scope: str, limits: _Limits, inspection: Inspection
    ) -> Iterator[Signal]:
        limit = limits.by_name.get(name)
        if limit is not None:
            count = self._state.add(f"run/{scope}/{name}", amount, RUN_S, inspection.now)
            if count > limit.most:
                yield _signal("loop.limit", name, count, limit)

    def _judge_repeat(
        self, name: str, what: str | bytes, scope: str, limits: _Limits, inspection: Inspection, tool: str = ""
    ) -> Iterator[Signal]:
        limit = limits.by_name.get(name)
        if limit is not None:
            key = f"loop/{scope}/{name}/{self._salt.of(what)}"
            count = self._state.add(key, 1, limits.window_s, inspection.now)
            if count > limit.most:
                yield _signal("loop.repeat", name, count, limit, tool)

    def _is_fresh(self, call: ToolCall, inspection: Inspection) -> bool:
        """Whether a call is told for the first time. A session tells of one call in several messages."""
        if not call.id or not is_message(inspection.conversation):
            return True
        key = f"called/{self._salt.of(inspection.exchange, call.id)}"
        mark = self._salt.of(inspection.conversation.operation, str(inspection.now))
        return self._state.put_new(key, mark, inspection.now, RUN_S) == mark

    def _cool(self, scope: str, limits: _Limits, found: list[Signal], inspection: Inspection) -> Iterator[Signal]:
        """Start a cool-off when a limit of the policy was broken, else say that one is still on."""
        if not limits.cool_off_s:
            return
        key = f"run/{scope}/cooling"
        if any(signal.action is None for signal in found):
            self._state.put_new(key, "", inspection.now, limits.cool_off_s)
        elif self._state.get(key, inspection.now) is not None:
            yield Signal("loop.limit", detail={"kind": "cooling_off"})

    def _limits_of(self, inspection: Inspection) -> _Limits:
        return next((limits for selector, limits in self._special if selector.covers(inspection)), self._general)


def _limits(values: LoopLimits) -> _Limits:
    by_name: dict[str, _Limit] = {}
    for name in (*_DEFAULTS, "tokens", "seconds"):
        given = getattr(values, name)
        if isinstance(given, int):
            by_name[name] = _Limit(given, None)
        elif given is None and name in _DEFAULTS:
            by_name[name] = _Limit(_DEFAULTS[name], Action.MARK)
    return _Limits(by_name, values.window_s, values.cool_off_s)


def _signal(rule: str, name: str, count: int, limit: _Limit, tool: str = "") -> Signal:
    detail: dict[str, str | int] = {"kind": name, "count": count, "limit": limit.most}
    return Signal(rule, limit.action, detail={**detail, "tool": tool} if tool else detail)


def _prompt_of(conversation: Conversation) -> str:
    """What the user says anew, as one text."""
    new = (part for part in conversation.segments if part.provenance is Provenance.USER and not part.history)
    return "\n".join(part.text for part in new)


def _similar(prompt: str) -> bytes:
    """The prompt without what differs between iterations of a loop: numbers, ids, blanks, case."""
    data = prompt.encode("utf-8", "replace").lower()
    head = _CODE.sub(b"#", data[:_HEAD]).translate(None, _BLANKS)
    return head + data[_HEAD:].translate(None, _BLANKS + _DIGITS)
