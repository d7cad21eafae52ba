"""Texts that grow over the messages of a WebSocket session: what is in them is redacted wherever it is cut."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.exchange import Destination, Exchange, RequestHead
from clyra_proxy.genai.compiled import CompiledGenAi
from clyra_proxy.genai.inspection import Workshop
from clyra_proxy.genai.wire.check import GenAiCheck
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.genai.wire.sessions import begin_messages, judge_message
from clyra_proxy.genai.wire.state import state_of
from clyra_proxy.policy.genai.section import GenAiSecurity
from clyra_proxy.policy.route import EvidenceClass, Route
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.stream.opening import open_gate
from clyra_proxy.verdict.model import Mode, Phase
from tests.genai.wire.toys import compile_toys

TOYS = compile_toys(GenAiSecurity(budget_ms=4_000), Path("/"), Workshop(MemoryState(), bytes(32)))
UPGRADE = ((b"connection", b"upgrade"), (b"upgrade", b"websocket"))
PLACE = {"item_id": "i", "output_index": 0, "content_index": 0}
PIECES = st.lists(
    st.sampled_from(["SECRET", "SEC", "RET", "123", "45", "6", "S", " ", "é", '"', "x", "\n"]), max_size=9
)


def delta(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "response.output_text.delta", **PLACE, "delta": text, **more}


def answer(pieces: Sequence[str]) -> list[dict[str, Any]]:
    """Server events of one answer that comes in these pieces."""
    whole = "".join(pieces)
    item = {"type": "message", "id": "i", "role": "assistant", "content": [{"type": "output_text", "text": whole}]}
    return [
        *map(delta, pieces),
        {"type": "response.output_text.done", **PLACE, "text": whole},
        {"type": "response.done", "response": {"id": "r", "output": [item]}},
    ]


def through(messages: Sequence[dict[str, Any]], mode: Mode = Mode.ENFORCE) -> tuple[Exchange, list[list[Any]]]:
    """The exchange, and what was passed on after each message of the server."""
    exchange = Exchange(
        id="e",
        client_ip="",
        client_port=0,
        destination=Destination("api.openai.com", 443, "https"),
        request=RequestHead(UPGRADE, "GET", "/v1/realtime?model=m", "HTTP/1.1"),
        route=Route("r", "d", True, EvidenceClass.QUEUED, mode),
        policy_sha256="",
        policy_generation=1,
    )

    def compiled() -> CompiledGenAi:
        return TOYS

    open_gate(exchange, Phase.REQUEST_BODY, [GenAiCheck(compiled)]).finish()
    begin_messages(exchange)
    return exchange, asyncio.run(_passed(exchange, messages))


async def _passed(exchange: Exchange, messages: Sequence[dict[str, Any]]) -> list[list[Any]]:
    state, room = state_of(exchange), ScanningRoom()
    assert state is not None
    try:
        return [
            [
                json.loads(content)
                for content, _ in await judge_message(
                    exchange, state, room, json.dumps(message).encode(), from_client=False, text=True
                )
            ]
            for message in messages
        ]
    finally:
        room.close()


def spoken(passed: list[list[Any]]) -> str:
    return "".join(message["delta"] for group in passed for message in group if message["type"].endswith(".delta"))


@given(PIECES)
def test_whatever_the_pieces_the_secret_is_taken_out(pieces: list[str]) -> None:
    sent = answer(pieces)
    exchange, passed = through(sent)
    text = re.sub(r"SECRET\d{3}", "[gone]", "".join(pieces))
    assert spoken(passed) == text
    arrived = [message for group in passed for message in group]
    assert [message["type"] for message in arrived] == [message["type"] for message in sent], "in order, none missing"
    assert arrived[-2]["text"] == text
    assert not any(finding.stops for finding in exchange.findings)


def test_what_cannot_become_one_does_not_wait() -> None:
    _, passed = through([delta("It "), delta("rains "), delta("SEC"), delta("onds pass. ")])
    assert [len(group) for group in passed] == [1, 1, 0, 2]


def test_what_comes_after_a_piece_that_waits_waits_too() -> None:
    _, passed = through([delta("SEC"), {"type": "rate_limits.updated"}, delta("RET1"), delta("x")])
    assert [len(group) for group in passed] == [0, 0, 0, 4]


def test_two_answers_do_not_mix() -> None:
    other = {"item_id": "j"}
    _, passed = through([delta("SECRET"), delta("123", **other), *answer(["x"])])
    assert spoken(passed) == "SECRET123x"


def test_an_attack_in_pieces_ends_the_session() -> None:
    exchange, _ = through([delta("ATT"), delta("ACK")])
    assert [finding.rule for finding in exchange.findings if finding.stops] == ["injection.direct"]


@pytest.mark.parametrize("pieces", [["SECRET123"], ["SEC", "RET123"]])
def test_a_shadow_changes_nothing(pieces: list[str]) -> None:
    sent = answer(pieces)
    _, passed = through(sent, Mode.SHADOW)
    assert passed == [[message] for message in sent]
