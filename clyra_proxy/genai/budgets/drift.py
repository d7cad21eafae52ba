"""Drift: what an agent is told, and what it can do, against what it was when it was first seen.

Rule: only salted hashes are kept, of all system prompts of a request together and of the set of tool definitions in
whatever order they come. The first one seen counts; others are told until a person accepts them (`clyra genai drift
accept`). An agent with more different ones than `most` writes them anew each time: that is told once, then it is no
longer tracked. Only agents with names of their own are tracked: many programs share
the others. What was not seen for `KEPT_S` is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import orjson

from clyra_proxy.genai.fingerprints import Salt, agent_scope, canonical
from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.model import Conversation, Provenance
from clyra_proxy.policy.genai.budgets import Drift
from clyra_proxy.state.store import StateStore

PREFIX = "drift/"
KEPT_S = 90 * 86_400
_REFRESH_S = 86_400
_LONGEST_NAME = 128
_RULES = {"prompt": "drift.prompt", "tools": "drift.tools"}
"""What differs -> the rule that says so."""


@dataclass(frozen=True, slots=True)
class Known:
    """One hash of one agent. what: `prompt` or `tools`. state: `known` or `new`. since, seen: seconds of the epoch."""

    tenant: str
    agent: str
    what: str
    hash: str
    state: str
    since: float
    seen: float

    @property
    def id(self) -> str:
        """Short name for people."""
        return self.hash[:12]


class DriftWatch:
    """Compares requests with what was seen of their agent. Raises StateError."""

    def __init__(self, settings: Drift, state: StateStore, salt: Salt) -> None:
        self._settings = settings
        self._state = state
        self._salt = salt

    def compare(self, inspection: Inspection) -> Iterator[Signal]:
        """Signals for a system prompt or tool set that differs."""
        conversation = inspection.conversation
        prompt = _prompts(conversation)
        if prompt:
            yield from self._judge("prompt", self._salt.of("prompt", *prompt), inspection)
        if conversation.tools:
            definitions = sorted(self._salt.of(canonical(tool.declared)) for tool in conversation.tools)
            yield from self._judge("tools", self._salt.of("tools", *definitions), inspection)

    def _judge(self, what: str, digest: str, inspection: Inspection) -> Iterator[Signal]:
        now = inspection.now
        scope = f"{PREFIX}{agent_scope(self._salt, inspection)}/{what}/"
        caller = inspection.caller
        one = Known(caller.tenant[:_LONGEST_NAME], caller.agent[:_LONGEST_NAME], what, digest, "known", now, now)
        first = self._state.put_new(f"{scope}first", f"{now} {digest}", now, KEPT_S)
        since, _, baseline = first.partition(" ")
        entry = self._entry(scope + digest, now)
        if entry is None:
            learned = baseline == digest or now - float(since) < self._settings.learn_s
            entry = one if learned else replace(one, state="new")
            count = self._state.add(f"{scope}count", 1, KEPT_S, now)
            if count > self._settings.most:
                if count == self._settings.most + 1:
                    yield _signal(what, "too_many", digest)
                return
            self._state.put(scope + digest, _text(entry), now, KEPT_S)
        elif now - entry.seen > _REFRESH_S:
            self._state.put(f"{scope}first", first, now, KEPT_S)
            self._state.put(scope + digest, _text(replace(entry, seen=now)), now, KEPT_S)
        if entry.state == "new" and self._state.total(f"{scope}count", KEPT_S, now) <= self._settings.most:
            yield _signal(what, "changed", digest)

    def _entry(self, key: str, now: float) -> Known | None:
        value = self._state.get(key, now)
        return Known(**orjson.loads(value)) if value is not None else None


def every_hash(state: StateStore, now: float) -> list[tuple[str, Known]]:
    """All that is remembered with its keys, by agent. Raises StateError."""
    entries = state.entries(PREFIX, now, 100_000)
    found = [(key, Known(**orjson.loads(value))) for key, value in entries if not key.endswith("/first")]
    return sorted(found, key=lambda item: (item[1].tenant, item[1].agent, item[1].what, item[1].since))


def accept(state: StateStore, key: str, entry: Known, now: float) -> None:
    """Let a hash count as known. Raises StateError."""
    state.put(key, _text(replace(entry, state="known", seen=now)), now, KEPT_S)


def forget_agent(state: StateStore, tenant: str, agent: str, now: float) -> int:
    """Forget all hashes of one agent, so that it is learned anew; how many there were. Raises StateError."""
    keys = [key for key, entry in every_hash(state, now) if (entry.tenant, entry.agent) == (tenant, agent)]
    for key in keys:
        state.delete(key)
    for scope in {key.rpartition("/")[0] for key in keys}:
        state.delete(f"{scope}/first")
        state.add(f"{scope}/count", -state.total(f"{scope}/count", KEPT_S, now), KEPT_S, now)
    return len(keys)


def _prompts(conversation: Conversation) -> list[str]:
    return [part.text for part in conversation.segments if part.provenance is Provenance.SYSTEM]


def _signal(what: str, kind: str, digest: str) -> Signal:
    return Signal(_RULES[what], detail={"kind": kind, "patterns": digest[:12]})


def _text(entry: Known) -> str:
    return orjson.dumps(asdict(entry)).decode()
