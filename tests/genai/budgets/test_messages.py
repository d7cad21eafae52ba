"""Sessions over WebSocket: many messages, few of which are calls of a model."""

from __future__ import annotations

from typing import Any

import orjson

from clyra_proxy.genai.budgets.inspector import BudgetsInspector
from clyra_proxy.genai.inspection import Caller, Inspection
from clyra_proxy.genai.protocols.realtime import OpenAiMessages
from tests.genai.budgets.support import NOW, inspector, limits, rules

DONE = {
    "type": "response.done",
    "response": {"id": "r", "output": [], "usage": {"input_tokens": 5, "output_tokens": 5}},
}


class Session:
    """One WebSocket session through the reading that ships."""

    def __init__(self, judge: BudgetsInspector, exchange: str = "x1") -> None:
        self._judge = judge
        self._reading = OpenAiMessages()
        self._exchange = exchange

    def say(self, *, from_client: bool = True, **event: Any) -> list[tuple[str, str]]:
        conversation = self._reading.message(orjson.dumps(event), from_client=from_client, text=True)
        if conversation is None:
            return []
        who = Caller("bot", "acme", auth="proxy")
        return rules(self._judge.inspect(Inspection(conversation, who, "api:443", "llm", self._exchange, now=NOW)))

    def hear(self, **event: Any) -> list[tuple[str, str]]:
        return self.say(from_client=False, **event)


def test_only_messages_that_ask_are_calls() -> None:
    session = Session(inspector(limits("{name: b, calls: 2}")))
    for _ in range(50):
        assert session.say(type="input_audio_buffer.append", audio="AAAA") == []
        assert session.hear(type="response.output_text.delta", delta="x", item_id="i") == []
    assert session.say(type="response.create") == []
    assert session.say(type="response.create") == []
    assert session.say(type="response.create") == [("budget.rate", "window")]


def test_an_answer_that_ends_gives_back_what_it_did_not_use() -> None:
    session = Session(inspector(limits("{name: b, tokens: 1100, concurrent: 1}")))
    for _ in range(5):
        assert session.say(type="response.create", response={"max_output_tokens": 1000}) == []
        assert session.hear(**DONE) == []
    assert session.say(type="response.create", response={"max_output_tokens": 1000}) == []
    found = Session(inspector(limits("{name: b, tokens: 1100}")))
    assert found.say(type="response.create", response={"max_output_tokens": 1000}) == []
    assert found.say(type="response.create", response={"max_output_tokens": 1000}) == [("budget.tokens", "window")]


def test_a_call_that_several_messages_tell_of_counts_once() -> None:
    session = Session(inspector("{drift: {enabled: false}, loops: {repeated_calls: 2, cool_off_s: 0}}"))
    for number in range(3):
        item = {"type": "function_call", "id": f"i{number}", "call_id": f"c{number}", "name": "look", "arguments": "{}"}
        found = session.hear(type="response.output_item.done", item=item)
        assert found == ([("loop.repeat", "repeated_calls")] if number == 2 else [])
        assert session.hear(type="response.done", response={"output": [item]}) == []


def test_a_session_is_a_run_of_its_own() -> None:
    judge = inspector("{drift: {enabled: false}, loops: {calls: 2, cool_off_s: 0}}")
    first, second = Session(judge, "x1"), Session(judge, "x2")
    found = [session.say(type="response.create") for session in (first, first, second, first)]
    assert found == [[], [], [], [("loop.limit", "calls")]]


def test_models_of_sessions_are_those_they_name() -> None:
    session = Session(inspector("{loops: {enabled: false}, drift: {enabled: false}, models: [{allow: ['gpt-4o*']}]}"))
    assert session.say(type="input_audio_buffer.append", audio="AAAA") == []
    assert session.say(type="response.create") == []
    assert session.say(type="session.update", session={"model": "other"}) == [("budget.model", "not_listed")]
